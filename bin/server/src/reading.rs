//! Look-ups that run on the workers themselves, watched: a disk that hangs in reading must not take one worker after the
//! other (docs/decisions/0043).

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
};

/// Threads that are told apart. Of more, some share a slot, and one of them that hangs may go unnoticed.
const SLOTS: usize = 256;

static NEXT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static OWN: usize = NEXT.fetch_add(1, Ordering::Relaxed) % SLOTS;
}

/// One thread's count of look-ups begun and ended: odd while one is under way. Alone in its cache line.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Slot(AtomicU64);

/// The look-ups of all workers.
#[derive(Debug)]
pub struct Reading {
    slots: Vec<Slot>,
    hangs: AtomicBool,
    seen: Mutex<Vec<u64>>,
}

/// A look-up under way on this thread; over when dropped.
#[derive(Debug)]
pub struct UnderWay<'a>(Option<&'a Slot>);

impl Default for Reading {
    fn default() -> Self {
        Self {
            slots: std::iter::repeat_with(Slot::default).take(SLOTS).collect(),
            hangs: AtomicBool::new(false),
            seen: Mutex::new(vec![0; SLOTS]),
        }
    }
}

impl Reading {
    /// Begins one on this thread.
    pub fn begin(&self) -> UnderWay<'_> {
        let slot = OWN.with(|own| self.slots.get(*own));
        step(slot);
        UnderWay(slot)
    }

    /// Whether one hung when last looked: others should not begin on their workers.
    pub fn hangs(&self) -> bool {
        self.hangs.load(Ordering::Relaxed)
    }

    /// Looks, once in a while, whether one is under way that was so the last time; told when that changes.
    pub fn look(&self) -> Option<bool> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut hangs = false;
        for (slot, seen) in self.slots.iter().zip(seen.iter_mut()) {
            let now = slot.0.load(Ordering::Relaxed);
            hangs |= now % 2 == 1 && now == *seen;
            *seen = now;
        }
        (self.hangs.swap(hangs, Ordering::Relaxed) != hangs).then_some(hangs)
    }
}

/// The slot is its thread's own: nobody else writes it meanwhile.
fn step(slot: Option<&Slot>) {
    if let Some(Slot(count)) = slot {
        count.store(count.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        step(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_still_under_way_at_the_next_look_hangs_until_it_ends() {
        let reading = Reading::default();
        assert_eq!(reading.look(), None);
        let one = reading.begin();
        assert_eq!(reading.look(), None, "it has just begun");
        assert_eq!(reading.look(), Some(true));
        assert!(reading.hangs());
        assert_eq!(reading.look(), None, "told once");
        drop(one);
        assert_eq!(reading.look(), Some(false));
        assert!(!reading.hangs());
    }

    #[test]
    fn many_short_ones_hang_nowhere() {
        let reading = Reading::default();
        for _ in 0..100 {
            drop(reading.begin());
            let _one = reading.begin();
            assert_eq!(reading.look(), None);
        }
    }
}
