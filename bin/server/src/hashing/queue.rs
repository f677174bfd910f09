//! A queue in which tenants take turns.

use std::{
    collections::VecDeque,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use domain::TenantId;

use super::{HashBounds, debt::Debts};

/// A hash to be made; `true`: it waited for too long, and is only told so.
pub(super) type Job = Box<dyn FnOnce(&Shared, bool) + Send>;

/// A hash that waited for a processor for more than this part of what it ran was not alone. The threads are nice: who
/// wants the processor has it, and they wait.
const PRESSED: u32 = 4;

/// How long that is remembered. After it one hash may be made to see.
const REMEMBERED: Duration = Duration::from_secs(1);

/// Longest wait where hashes take long: well below what a request may take in all.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

struct Waiting {
    job: Job,
    since: Instant,
}

#[derive(Default)]
struct Queue {
    /// Whose turn it is stands first. Only tenants with something waiting are here.
    tenants: VecDeque<(TenantId, VecDeque<Waiting>)>,
    closed: bool,
}

/// What the threads share.
pub(super) struct Shared {
    bounds: HashBounds,
    queue: Mutex<Queue>,
    debts: Mutex<Debts>,
    ready: Condvar,
    /// What a hash takes, in microseconds, of late; 0: unknown.
    takes: AtomicU64,
    /// When a hash was last kept waiting for a processor.
    pressed: Mutex<Option<Instant>>,
    wait: prometheus::Histogram,
}

impl Shared {
    pub(super) fn new(bounds: HashBounds, wait: prometheus::Histogram) -> Self {
        Self {
            debts: Mutex::new(Debts::new(bounds.threads, instant())),
            bounds,
            queue: Mutex::default(),
            ready: Condvar::new(),
            takes: AtomicU64::new(0),
            pressed: Mutex::default(),
            wait,
        }
    }

    /// Whether a tenant's next hash would begin in time. Who owes too much is served when nobody else wants the threads,
    /// or the processor that they run on.
    pub(super) fn has_room(&self, tenant: TenantId) -> bool {
        let now = instant();
        let indebted = self.debts.lock().unwrap_or_else(PoisonError::into_inner).is_deep(tenant, now);
        let queue = self.lock();
        let alone = || queue.tenants.iter().all(|(other, _)| *other == tenant) && !self.is_pressed(now);
        (!indebted || alone()) && self.fits(&queue, tenant)
    }

    /// Notes that a hash which took so much of a processor was made for a wrong secret.
    pub(super) fn failed(&self, tenant: TenantId, cpu: Duration) {
        self.debts.lock().unwrap_or_else(PoisonError::into_inner).add(tenant, cpu, instant());
    }

    /// Puts a job at the end of its tenant's own queue, or not.
    pub(super) fn push(&self, tenant: TenantId, job: Job) -> bool {
        let mut queue = self.lock();
        if !self.fits(&queue, tenant) {
            return false;
        }
        let waiting = Waiting { job, since: instant() };
        match queue.tenants.iter_mut().find(|(other, _)| *other == tenant) {
            Some((_, own)) => own.push_back(waiting),
            None => queue.tenants.push_back((tenant, VecDeque::from([waiting]))),
        }
        drop(queue);
        self.ready.notify_one();
        true
    }

    /// The next job, and whether it is too late for it; waits for one. `None` once closed.
    pub(super) fn pop(&self) -> Option<(Job, bool)> {
        let mut queue = self.lock();
        loop {
            if queue.closed {
                return None;
            }
            if let Some(waiting) = next(&mut queue) {
                drop(queue);
                let waited = waiting.since.elapsed();
                self.wait.observe(waited.as_secs_f64());
                return Some((waiting.job, waited > self.patience()));
            }
            queue = self.ready.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Makes a hash, and learns what one takes, and whether it had the processor for itself. Gives how long it ran: a
    /// neighbour's work is not its own.
    pub(super) fn timed<T>(&self, job: impl FnOnce() -> T) -> (T, Duration) {
        let (begun, ran) = (instant(), thread_time());
        let result = job();
        let (took, ran) = (begun.elapsed(), thread_time().saturating_sub(ran));
        self.learn(took, ran, instant());
        (result, ran)
    }

    fn learn(&self, took: Duration, ran: Duration, now: Instant) {
        if took.saturating_sub(ran) > ran / PRESSED {
            *self.pressed.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        }
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let before = self.takes.load(Ordering::Relaxed);
        let average = if before == 0 { took } else { before.saturating_mul(7).saturating_add(took) / 8 };
        self.takes.store(average.max(1), Ordering::Relaxed);
    }

    fn is_pressed(&self, now: Instant) -> bool {
        let pressed = *self.pressed.lock().unwrap_or_else(PoisonError::into_inner);
        pressed.is_some_and(|pressed| now.saturating_duration_since(pressed) < REMEMBERED)
    }

    /// Ends the threads; what waits is dropped.
    pub(super) fn close(&self) {
        let mut queue = self.lock();
        queue.closed = true;
        queue.tenants.clear();
        drop(queue);
        self.ready.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long a hash may wait for its turn: as configured, or for as long as two take where that is longer. Beside busy
    /// workers the threads, which are nice, take many times as long for a hash as alone; were nobody to wait for one, a
    /// flood at one tenant would have everybody refused.
    fn patience(&self) -> Duration {
        let two = Duration::from_micros(self.takes.load(Ordering::Relaxed).saturating_mul(2));
        self.bounds.patience.max(two.min(LONGEST_WAIT))
    }

    /// Of each other tenant no more goes before a tenant's next hash than the tenant itself has waiting, and one.
    fn fits(&self, queue: &Queue, tenant: TenantId) -> bool {
        let own = queue.tenants.iter().find(|(other, _)| *other == tenant).map_or(0, |(_, own)| own.len());
        let turns = own.saturating_add(1);
        let others = queue.tenants.iter().filter(|(other, _)| *other != tenant);
        let others = others.map(|(_, theirs)| theirs.len().min(turns)).fold(0, usize::saturating_add);
        let ahead = u64::try_from(own.saturating_add(others)).unwrap_or(u64::MAX);
        let threads = u64::try_from(self.bounds.threads.max(1)).unwrap_or(1);
        let wait = self.takes.load(Ordering::Relaxed).saturating_mul(ahead) / threads;
        own < self.bounds.queue && u128::from(wait) <= self.patience().as_micros()
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("bounds", &self.bounds).finish_non_exhaustive()
    }
}

fn next(queue: &mut Queue) -> Option<Waiting> {
    let (tenant, mut own) = queue.tenants.pop_front()?;
    let waiting = own.pop_front();
    if !own.is_empty() {
        queue.tenants.push_back((tenant, own));
    }
    waiting
}

/// For how long this thread has run.
fn thread_time() -> Duration {
    let read = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(read).unwrap_or_default()
}

#[expect(clippy::disallowed_methods, reason = "measures a wait, decides nothing that is stored")]
fn instant() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests;
