//! What hashing threads share: two queues, and who owes what.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use domain::TenantId;

use super::{HashBounds, debt::Debts, instant, queue::Queue};

/// A hash in the leftover lane that waited for a processor for more than this part of what it ran was not alone: whoever
/// wants the processor has it at once, and it waits.
const PRESSED: u32 = 4;

/// How long that is remembered, and nothing made there. After it one hash finds out whether it still is so.
const REMEMBERED: Duration = Duration::from_secs(2);

/// A hash to be made.
pub(super) type Job = Box<dyn FnOnce(&Shared, Turn) + Send>;

/// On which threads a hash is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// On those that have their part of the processors.
    Fair,
    /// On those that have what nobody else wants: for tenants that owe too much.
    Leftover,
}

/// A job's turn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    /// Where it has come.
    pub(super) lane: Lane,
    /// It waited for too long, and is only told so.
    pub(super) late: bool,
}

/// What the threads share.
pub(super) struct Shared {
    fair: Queue<Job>,
    leftover: Queue<Job>,
    debts: Mutex<Debts>,
    /// When a hash in the leftover lane was last kept waiting for a processor.
    pressed: Mutex<Option<Instant>>,
    wait: prometheus::Histogram,
}

impl Shared {
    /// Of the threads with a part of the processors, and of those with what is left.
    pub(super) fn new(bounds: HashBounds, leftover: HashBounds, wait: prometheus::Histogram) -> Self {
        Self {
            debts: Mutex::new(Debts::new(bounds.threads, instant())),
            fair: Queue::new(bounds),
            leftover: Queue::new(leftover),
            pressed: Mutex::default(),
            wait,
        }
    }

    /// Whether a tenant's next hash would begin in time. Who owes too much has what is left, if anything is.
    pub(super) fn has_room(&self, tenant: TenantId) -> bool {
        let lane = self.lane(tenant);
        (lane == Lane::Fair || !self.is_pressed(instant())) && self.of(lane).has_room(tenant)
    }

    /// Puts a job at the end of its tenant's own queue, or not.
    pub(super) fn push(&self, tenant: TenantId, job: Job) -> bool {
        self.of(self.lane(tenant)).push(tenant, job)
    }

    /// The next job of a lane; waits for one. `None` once closed.
    pub(super) fn pop(&self, lane: Lane) -> Option<(Job, Turn)> {
        let (job, waited, late) = self.of(lane).pop()?;
        self.wait.observe(waited.as_secs_f64());
        Some((job, Turn { lane, late }))
    }

    /// Notes that a hash which took so much of a processor was made for a wrong secret.
    pub(super) fn failed(&self, tenant: TenantId, cpu: Duration) {
        self.debts().add(tenant, cpu, instant());
    }

    /// Makes a hash, and learns what one takes there. Gives how long it ran: a neighbour's work is not its own.
    pub(super) fn timed<T>(&self, lane: Lane, job: impl FnOnce() -> T) -> (T, Duration) {
        let (begun, before) = (instant(), thread_time());
        let result = job();
        let (took, ran) = (begun.elapsed(), thread_time().saturating_sub(before));
        self.learn(lane, (took, ran), instant());
        (result, ran)
    }

    fn learn(&self, lane: Lane, (took, ran): (Duration, Duration), now: Instant) {
        self.of(lane).learn(took);
        if lane == Lane::Leftover && took.saturating_sub(ran) > ran / PRESSED {
            *self.pressed.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        }
    }

    fn is_pressed(&self, now: Instant) -> bool {
        let pressed = *self.pressed.lock().unwrap_or_else(PoisonError::into_inner);
        pressed.is_some_and(|pressed| now.saturating_duration_since(pressed) < REMEMBERED)
    }

    /// Ends the threads; what waits is dropped.
    pub(super) fn close(&self) {
        self.fair.close();
        self.leftover.close();
    }

    fn lane(&self, tenant: TenantId) -> Lane {
        if self.debts().is_deep(tenant, instant()) { Lane::Leftover } else { Lane::Fair }
    }

    const fn of(&self, lane: Lane) -> &Queue<Job> {
        match lane {
            Lane::Fair => &self.fair,
            Lane::Leftover => &self.leftover,
        }
    }

    fn debts(&self) -> MutexGuard<'_, Debts> {
        self.debts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("debts", &self.debts).finish_non_exhaustive()
    }
}

/// For how long this thread has run.
fn thread_time() -> Duration {
    let read = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(read).unwrap_or_default()
}

#[cfg(test)]
mod tests;
