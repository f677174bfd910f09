//! What waits for the committer: bounded, and open or closed.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::Job;

struct State {
    jobs: VecDeque<Job>,
    closed: bool,
}

/// A bounded queue with several takers.
pub(super) struct Queue {
    state: Mutex<State>,
    ready: Condvar,
    capacity: usize,
    group: usize,
    /// Whether only batches that insert only may share a transaction.
    inserts_only: bool,
}

impl Queue {
    pub(super) fn new(capacity: usize, group: usize, inserts_only: bool) -> Self {
        let state = State { jobs: VecDeque::new(), closed: false };
        Self {
            state: Mutex::new(state),
            ready: Condvar::new(),
            capacity: capacity.max(1),
            group: group.max(1),
            inserts_only,
        }
    }

    /// Gives the job back when the queue is full or closed.
    pub(super) fn push(&self, job: Job) -> Result<(), Job> {
        let mut state = self.state();
        if state.closed || state.jobs.len() >= self.capacity {
            return Err(job);
        }
        state.jobs.push_back(job);
        drop(state);
        self.ready.notify_one();
        Ok(())
    }

    /// Waits for jobs and takes those that go together; `None` when it is closed and empty.
    pub(super) fn take(&self) -> Option<Vec<Job>> {
        let mut state = self.state();
        while state.jobs.is_empty() {
            if state.closed {
                return None;
            }
            state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let jobs = if self.inserts_only {
            take_inserts(&mut state.jobs, self.group)
        } else {
            let count = state.jobs.len().min(self.group);
            state.jobs.drain(..count).collect()
        };
        if !state.jobs.is_empty() {
            self.ready.notify_one();
        }
        Some(jobs)
    }

    pub(super) fn close(&self) {
        self.state().closed = true;
        self.ready.notify_all();
    }

    pub(super) fn len(&self) -> usize {
        self.state().jobs.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The oldest job; if it only inserts, together with others that do.
fn take_inserts(jobs: &mut VecDeque<Job>, most: usize) -> Vec<Job> {
    if !jobs.front().is_some_and(only_inserts) {
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
