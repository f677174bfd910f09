//! The only place that reads the wall clock.

mod keeper;

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicI64, Ordering},
};

use domain::{Timestamp, Ttl};
use rustix::time::{ClockId, clock_gettime};

pub use keeper::Notice;
use keeper::{Keeper, told};

/// Tells the time. Sampled once per request.
pub trait Clock: Send + Sync {
    /// Now, as the world counts. A step of the machine's clock is not followed before it has stood for some minutes
    /// (docs/decisions/0019).
    fn now(&self) -> Timestamp;

    /// An instant that no step of the wall clock moves, for what only measures durations. It means nothing to another
    /// process.
    fn steady(&self) -> Timestamp {
        self.now()
    }

    /// Looks for a step of the wall clock; to be called each second. A new one is followed once it has stood for
    /// `patience`.
    fn watch(&self, patience: Ttl) -> Option<Notice> {
        let _ = patience;
        None
    }
}

/// The machine's clock. Its time goes on evenly when the machine's wall clock steps.
#[derive(Debug)]
pub struct SystemClock {
    /// Milliseconds from the machine's start to the epoch of the wall clock, as believed.
    kept: AtomicI64,
    keeper: Mutex<Keeper>,
}

impl Default for SystemClock {
    /// Believes the wall clock as it is now.
    fn default() -> Self {
        let kept = wall().saturating_sub(since_start());
        Self { kept: AtomicI64::new(kept), keeper: Mutex::new(Keeper::new(kept)) }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(told(self.kept.load(Ordering::Relaxed), wall(), since_start()))
    }

    fn steady(&self) -> Timestamp {
        Timestamp::from_millis(since_start())
    }

    fn watch(&self, patience: Ttl) -> Option<Notice> {
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        let notice = keeper.look(wall(), since_start(), patience.millis());
        self.kept.store(keeper.kept(), Ordering::Relaxed);
        notice
    }
}

/// Milliseconds since the epoch, as the machine's wall clock has it.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
fn wall() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Milliseconds since the machine started. Sleep counts: to have slept is no step.
fn since_start() -> i64 {
    let time = clock_gettime(ClockId::Boottime);
    time.tv_sec.saturating_mul(1000).saturating_add(time.tv_nsec / 1_000_000)
}
