//! A clock that stands still until it is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use domain::port::Entropy;
use domain::{Env, Timestamp, Ttl};

/// A clock that tests move by hand. Clones show the same time.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock that shows 2026-01-01T00:00:00Z.
    pub fn new() -> Self {
        Self::at(Timestamp::from_secs(1_767_225_600))
    }

    /// A clock that shows `now`.
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(now.millis())))
    }

    /// The time it shows.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }

    /// Moves it forward.
    pub fn advance(&self, by: Ttl) {
        self.0.fetch_add(by.millis(), Ordering::SeqCst);
    }

    /// Sets it, backwards too.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.millis(), Ordering::SeqCst);
    }

    /// An [`Env`] of this moment.
    pub fn env<'a>(&self, entropy: &'a dyn Entropy) -> Env<'a> {
        Env { now: self.now(), entropy }
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}
