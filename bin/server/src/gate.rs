//! How many may wait for something at a time, learnt from how long they wait (docs/decisions/0018).

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// The limit never falls below this: a full commit, or a moment's burst, is no queue.
const LEAST: u64 = 128;

/// The limit never rises above this.
const MOST: u64 = 4096;

/// Milliseconds between two cuts: all that waited behind one stall come out at once.
const BETWEEN_CUTS: u64 = 100;

/// Good waits that raise the limit by one.
const STEP: u64 = 16;

/// A gate. The limit is cut by an eighth when someone waited for longer than meant, and creeps up again.
#[derive(Debug)]
pub struct Gate {
    target: Duration,
    born: Instant,
    inside: AtomicU64,
    /// Sixteenths.
    limit: AtomicU64,
    cut_at: AtomicU64,
}

/// Someone who waits; over when dropped.
#[derive(Debug)]
pub struct Pass<'a>(&'a Gate, Instant);

impl Gate {
    /// A gate behind which nobody is to wait for longer than `target`.
    pub fn new(target: Duration) -> Self {
        Self {
            target,
            born: instant(),
            inside: AtomicU64::new(0),
            limit: AtomicU64::new(1024 * STEP),
            cut_at: AtomicU64::new(0),
        }
    }

    /// Whether one more may come.
    pub fn has_room(&self) -> bool {
        self.inside.load(Ordering::Relaxed) < self.limit.load(Ordering::Relaxed) / STEP
    }

    /// Enters, in any case: who was let in at the door is not sent away later.
    pub fn enter(&self) -> Pass<'_> {
        self.inside.fetch_add(1, Ordering::Relaxed);
        Pass(self, instant())
    }

    fn leave(&self, waited: Duration, now: Duration) {
        let inside = self.inside.fetch_sub(1, Ordering::Relaxed);
        let limit = self.limit.load(Ordering::Relaxed);
        if waited <= self.target {
            // What is not used is not raised.
            if inside.saturating_mul(STEP).saturating_mul(2) >= limit && limit < MOST * STEP {
                self.limit.store(limit.saturating_add(1), Ordering::Relaxed);
            }
            return;
        }
        let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let before = self.cut_at.load(Ordering::Relaxed);
        let due = now.saturating_sub(before) >= BETWEEN_CUTS;
        if due && self.cut_at.compare_exchange(before, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.limit.store(limit.saturating_sub(limit / 8).max(LEAST * STEP), Ordering::Relaxed);
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.0.leave(self.1.elapsed(), self.0.born.elapsed());
    }
}

#[expect(clippy::disallowed_methods, reason = "measures a wait, decides nothing that is stored")]
fn instant() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Duration = Duration::from_millis(75);

    fn most(gate: &Gate) -> usize {
        let mut inside = Vec::new();
        while gate.has_room() {
            inside.push(gate.enter());
        }
        let most = inside.len();
        inside.into_iter().for_each(std::mem::forget);
        gate.inside.store(0, Ordering::Relaxed);
        most
    }

    fn leave(gate: &Gate, waited: Duration, now: u64) {
        std::mem::forget(gate.enter());
        gate.leave(waited, Duration::from_millis(now));
    }

    #[test]
    fn long_waits_cut_the_limit_once_in_a_while_and_down_to_a_floor() {
        let gate = Gate::new(TARGET);
        assert_eq!(most(&gate), 1024);
        for _ in 0..100 {
            leave(&gate, TARGET * 2, 1000);
        }
        assert_eq!(most(&gate), 896);
        for second in 2..100 {
            leave(&gate, TARGET * 2, second * 1000);
        }
        assert_eq!(most(&gate), 128);
    }

    #[test]
    fn short_waits_raise_it_only_where_it_is_needed() {
        let gate = Gate::new(TARGET);
        for _ in 0..10_000 {
            leave(&gate, TARGET, 1000);
        }
        assert_eq!(most(&gate), 1024);
        let crowd: Vec<_> = (0..1000).map(|_| gate.enter()).collect();
        for _ in 0..160 {
            leave(&gate, TARGET, 1000);
        }
        assert_eq!(gate.limit.load(Ordering::Relaxed) / STEP, 1034);
        crowd.into_iter().for_each(std::mem::forget);
    }
}
