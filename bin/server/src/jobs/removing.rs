//! Whether what has expired may be removed.

use std::sync::atomic::{AtomicI64, Ordering};

use domain::Timestamp;

/// A time, by the steady clock, before which nothing is removed. At first it has passed.
#[derive(Debug)]
pub struct Removing(AtomicI64);

impl Default for Removing {
    fn default() -> Self {
        Self(AtomicI64::new(i64::MIN))
    }
}

impl Removing {
    /// Removes nothing before `at`.
    pub fn wait_until(&self, at: Timestamp) {
        self.0.store(at.millis(), Ordering::Relaxed);
    }

    /// Whether rows may be removed at `steady`.
    pub fn is_on(&self, steady: Timestamp) -> bool {
        steady.millis() >= self.0.load(Ordering::Relaxed)
    }
}
