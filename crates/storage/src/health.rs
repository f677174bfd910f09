//! Whether the database takes writes, as far as is known, and if not, why not.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::failure::Trouble;

/// What the last writes came to. It tells the log when that changes, not each time.
#[derive(Default)]
pub(crate) struct Health {
    ill: AtomicBool,
    why: Mutex<Option<Trouble>>,
}

impl Health {
    /// A write was committed.
    pub(crate) fn well(&self) {
        if self.ill.load(Ordering::Acquire) && self.why().take().is_some() {
            self.ill.store(false, Ordering::Release);
            tracing::info!("the database takes writes again");
        }
    }

    /// No write could be committed.
    pub(crate) fn ill(&self, trouble: &Trouble) {
        let mut why = self.why();
        if why.as_ref().is_none_or(|known| known.message != trouble.message) {
            tracing::error!(error = %trouble, "the database takes no writes");
            *why = Some(trouble.clone());
        }
        self.ill.store(true, Ordering::Release);
    }

    /// Whether the last write could not be committed.
    pub(crate) fn is_ill(&self) -> bool {
        self.ill.load(Ordering::Acquire)
    }

    /// Why the last write could not be committed, where it could not.
    pub(crate) fn reason(&self) -> Option<Trouble> {
        self.why().clone()
    }

    fn why(&self) -> MutexGuard<'_, Option<Trouble>> {
        self.why.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
