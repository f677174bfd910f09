//! What waits for the committer: bounded, and open or closed.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Job, Pending};

struct State {
    jobs: VecDeque<Job>,
    closed: bool,
    tidy: bool,
}

/// A bounded queue with several takers.
pub(super) struct Queue {
    state: Mutex<State>,
    ready: Condvar,
    closing: Condvar,
    capacity: usize,
    group: usize,
    /// Whether only batches that insert only may share a transaction.
    inserts_only: bool,
}

impl Queue {
    pub(super) fn new(capacity: usize, group: usize, inserts_only: bool) -> Self {
        let state = State { jobs: VecDeque::new(), closed: false, tidy: false };
        Self {
            state: Mutex::new(state),
            ready: Condvar::new(),
            closing: Condvar::new(),
            capacity: capacity.max(1),
            group: group.max(1),
            inserts_only,
        }
    }

    /// Gives the job back when the queue is full or closed. Wakes nobody.
    pub(super) fn push(&self, job: Job) -> Result<(), Job> {
        let mut state = self.state();
        if state.closed || state.jobs.len() >= self.capacity {
            return Err(job);
        }
        state.jobs.push_back(job);
        Ok(())
    }

    /// Wakes a taker, if one sleeps while there is something to take.
    pub(super) fn wake(&self) {
        let something = !self.state().jobs.is_empty();
        if something {
            self.ready.notify_one();
        }
    }

    /// Waits for jobs, if need be for so long only, and takes those that go together: none when none has come in time;
    /// `None` when it is closed and there are none.
    pub(super) fn take(&self, taker: Taker, patience: Option<Duration>) -> Option<Vec<Job>> {
        let mut state = self.state();
        while !taker.has_work(&state.jobs) {
            if state.closed {
                return None;
            }
            if !state.jobs.is_empty() {
                // It was woken for what is somebody else's.
                self.ready.notify_one();
            }
            let Some(patience) = patience else {
                state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let waited = self.ready.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner);
            state = waited.0;
            if waited.1.timed_out() && !taker.has_work(&state.jobs) {
                return Some(Vec::new());
            }
        }
        let jobs = if self.inserts_only {
            take_inserts(&mut state.jobs, self.group, taker)
        } else {
            let count = state.jobs.len().min(self.group);
            state.jobs.drain(..count).collect()
        };
        if !state.jobs.is_empty() {
            self.ready.notify_one();
        }
        Some(jobs)
    }

    /// Puts jobs back in front, whatever the capacity.
    pub(super) fn put_back(&self, jobs: Vec<Job>) {
        if jobs.is_empty() {
            return;
        }
        let mut state = self.state();
        for job in jobs.into_iter().rev() {
            state.jobs.push_front(job);
        }
        drop(state);
        self.ready.notify_one();
    }

    /// Takes out the batches whose time has passed. The oldest are in front, but for tasks among them, which wait on.
    pub(super) fn late(&self, now: Instant) -> Vec<Pending> {
        let mut state = self.state();
        let is_late = |job: &Job| matches!(job, Job::Batch(pending) if pending.until <= now);
        let first_in_time =
            state.jobs.iter().position(|job| matches!(job, Job::Batch(pending) if pending.until > now));
        let old = first_in_time.unwrap_or(state.jobs.len());
        if !state.jobs.iter().take(old).any(is_late) {
            return Vec::new();
        }
        let mut late = Vec::new();
        let mut rest = Vec::new();
        for job in state.jobs.drain(..old) {
            match job {
                Job::Batch(pending) => late.push(pending),
                work @ (Job::Task(_) | Job::Chore(_)) => rest.push(work),
            }
        }
        for task in rest.into_iter().rev() {
            state.jobs.push_front(task);
        }
        late
    }

    /// Waits for a while, or until it is closed; whether it is still open.
    pub(super) fn stays_open(&self, pause: Duration) -> bool {
        let waited = self.closing.wait_timeout_while(self.state(), pause, |state| !state.closed);
        !waited.unwrap_or_else(PoisonError::into_inner).0.closed
    }

    /// Takes nothing more. `tidy`: whoever ends makes time to leave one file with everything in it.
    pub(super) fn close(&self, tidy: bool) {
        let mut state = self.state();
        state.closed = true;
        state.tidy |= tidy;
        drop(state);
        self.ready.notify_all();
        self.closing.notify_all();
    }

    pub(super) fn is_tidy(&self) -> bool {
        self.state().tidy
    }

    pub(super) fn len(&self) -> usize {
        self.state().jobs.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a committer takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taker {
    /// Whatever comes.
    OfAnything,
    /// Batches that only insert: they wait for nobody's row, and whoever does should not have every committer.
    OfInserts,
}

impl Taker {
    fn has_work(self, jobs: &VecDeque<Job>) -> bool {
        match self {
            Self::OfAnything => !jobs.is_empty(),
            Self::OfInserts => jobs.iter().any(only_inserts),
        }
    }
}

/// The oldest job; if it only inserts, together with others that do.
fn take_inserts(jobs: &mut VecDeque<Job>, most: usize, taker: Taker) -> Vec<Job> {
    if taker == Taker::OfAnything && !jobs.front().is_some_and(only_inserts) {
        return jobs.pop_front().into_iter().collect();
    }
    let mut taken = Vec::new();
    let mut rest = VecDeque::with_capacity(jobs.len());
    for job in jobs.drain(..) {
        if taken.len() < most && only_inserts(&job) {
            taken.push(job);
        } else {
            rest.push_back(job);
        }
    }
    *jobs = rest;
    taken
}

fn only_inserts(job: &Job) -> bool {
    matches!(job, Job::Batch(pending) if pending.batch.is_insert_only())
}
