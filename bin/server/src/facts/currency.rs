//! Whether what is remembered of tenants may be used unseen (DECISIONS 5.7).

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use domain::{Timestamp, Ttl};

/// How long after the beginning of a read of all revisions memory is used unseen. What another node changes the moment
/// after that beginning is to be obeyed within 2 s; the rest is for whoever looks at this to come round. A look each
/// second may take eight tenths of one before anybody notices.
const CURRENT: Ttl = Ttl::from_millis(1_800);

/// Whether memory is current. Looked at by each request, and set by a job: requests ask no clock for it.
#[derive(Debug)]
pub(super) struct Currency {
    current: AtomicBool,
    /// When, by the steady clock, it no longer is.
    until: AtomicI64,
    /// How often what is out of date was dropped.
    rounds: AtomicU64,
}

impl Default for Currency {
    /// Nothing is remembered yet.
    fn default() -> Self {
        Self { current: AtomicBool::new(false), until: AtomicI64::new(i64::MIN), rounds: AtomicU64::new(0) }
    }
}

impl Currency {
    pub(super) fn is(&self) -> bool {
        self.current.load(Ordering::Acquire)
    }

    /// What was out of date when a read began at `began` is dropped now; told when memory is current by that, but for the
    /// first time.
    pub(super) fn read(&self, began: Timestamp, now: Timestamp) -> Option<bool> {
        let first = self.until.swap(began.plus(CURRENT).millis(), Ordering::AcqRel) == i64::MIN;
        self.look(now).filter(|_changed| !first)
    }

    /// Looks whether it still is; told when that changes.
    pub(super) fn look(&self, now: Timestamp) -> Option<bool> {
        let current = now.millis() < self.until.load(Ordering::Acquire);
        (self.current.swap(current, Ordering::AcqRel) != current).then_some(current)
    }

    pub(super) fn rounds(&self) -> u64 {
        self.rounds.load(Ordering::Acquire)
    }

    /// What is dropped from now on, whoever read it before must not bring back.
    pub(super) fn next_round(&self) {
        self.rounds.fetch_add(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_current_for_less_than_two_seconds_after_a_read_began() {
        let at = Timestamp::from_millis;
        let currency = Currency::default();
        assert!(!currency.is(), "nobody has looked");
        assert_eq!(currency.read(at(1_000), at(1_700)), None, "the first time is no news");
        assert!(currency.is());
        assert_eq!(currency.look(at(2_799)), None, "a read that takes its time is no matter");
        assert!(currency.is());
        assert_eq!(currency.look(at(2_800)), Some(false), "from its beginning, not from its end");
        assert!(!currency.is());
        assert_eq!(currency.look(at(2_900)), None, "told once");
        assert_eq!(currency.read(at(2_000), at(5_000)), None, "it says what was true three seconds ago");
        assert!(!currency.is());
        assert_eq!(currency.read(at(5_000), at(5_010)), Some(true));
        assert!(currency.is());
    }
}
