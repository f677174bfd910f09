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

use super::{HashBounds, instant};

/// Longest wait where hashes take long: well below what a request may take in all.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

struct Waiting<J> {
    job: J,
    since: Instant,
}

struct Tenants<J> {
    /// Whose turn it is stands first. Only tenants with something waiting are here.
    tenants: VecDeque<(TenantId, VecDeque<Waiting<J>>)>,
    closed: bool,
}

/// What waits for some threads.
pub(super) struct Queue<J> {
    bounds: HashBounds,
    waiting: Mutex<Tenants<J>>,
    ready: Condvar,
    /// What a hash takes, in microseconds, of late; 0: unknown.
    takes: AtomicU64,
}

impl<J> Queue<J> {
    /// Nothing waits yet. The bounds are those of the threads that will take from it.
    pub(super) fn new(bounds: HashBounds) -> Self {
        let waiting = Mutex::new(Tenants { tenants: VecDeque::new(), closed: false });
        Self { bounds, waiting, ready: Condvar::new(), takes: AtomicU64::new(0) }
    }

    /// Whether a tenant's next job would begin in time.
    pub(super) fn has_room(&self, tenant: TenantId) -> bool {
        self.fits(&self.lock(), tenant)
    }

    /// Puts a job at the end of its tenant's own queue, or not.
    pub(super) fn push(&self, tenant: TenantId, job: J) -> bool {
        let mut waiting = self.lock();
        if !self.fits(&waiting, tenant) {
            return false;
        }
        let job = Waiting { job, since: instant() };
        match waiting.tenants.iter_mut().find(|(other, _)| *other == tenant) {
            Some((_, own)) => own.push_back(job),
            None => waiting.tenants.push_back((tenant, VecDeque::from([job]))),
        }
        drop(waiting);
        self.ready.notify_one();
        true
    }

    /// The next job, for how long it has waited, and whether that is too long; waits for one. `None` once closed.
    pub(super) fn pop(&self) -> Option<(J, Duration, bool)> {
        let mut waiting = self.lock();
        loop {
            if waiting.closed {
                return None;
            }
            if let Some(Waiting { job, since }) = next(&mut waiting) {
                drop(waiting);
                let waited = since.elapsed();
                return Some((job, waited, waited > self.patience()));
            }
            waiting = self.ready.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Learns what a hash takes, by the clock.
    pub(super) fn learn(&self, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let before = self.takes.load(Ordering::Relaxed);
        let average = if before == 0 { took } else { before.saturating_mul(7).saturating_add(took) / 8 };
        self.takes.store(average.max(1), Ordering::Relaxed);
    }

    /// Ends the threads; what waits is dropped.
    pub(super) fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.tenants.clear();
        drop(waiting);
        self.ready.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Tenants<J>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long a hash may wait for its turn: as configured, or for as long as two take where that is longer. Beside busy
    /// workers the threads, which are nice, take many times as long for a hash as alone; were nobody to wait for one, a
    /// flood at one tenant would have everybody refused.
    fn patience(&self) -> Duration {
        let two = Duration::from_micros(self.takes.load(Ordering::Relaxed).saturating_mul(2));
        self.bounds.patience.max(two.min(LONGEST_WAIT))
    }

    /// Of each other tenant no more goes before a tenant's next hash than the tenant itself has waiting, and one.
    fn fits(&self, waiting: &Tenants<J>, tenant: TenantId) -> bool {
        let own = waiting.tenants.iter().find(|(other, _)| *other == tenant).map_or(0, |(_, own)| own.len());
        let turns = own.saturating_add(1);
        let others = waiting.tenants.iter().filter(|(other, _)| *other != tenant);
        let others = others.map(|(_, theirs)| theirs.len().min(turns)).fold(0, usize::saturating_add);
        let ahead = u64::try_from(own.saturating_add(others)).unwrap_or(u64::MAX);
        let threads = u64::try_from(self.bounds.threads.max(1)).unwrap_or(1);
        let wait = self.takes.load(Ordering::Relaxed).saturating_mul(ahead) / threads;
        own < self.bounds.queue && u128::from(wait) <= self.patience().as_micros()
    }
}

fn next<J>(waiting: &mut Tenants<J>) -> Option<Waiting<J>> {
    let (tenant, mut own) = waiting.tenants.pop_front()?;
    let first = own.pop_front();
    if !own.is_empty() {
        waiting.tenants.push_back((tenant, own));
    }
    first
}

#[cfg(test)]
mod tests;
