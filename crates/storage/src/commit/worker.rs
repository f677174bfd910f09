//! A committer thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use domain::Fault;

use super::group::{self, Merge};
use super::queue::Queue;
use super::{Job, Pending};
use crate::dialect::Role;
use crate::failure::Trouble;
use crate::link::Link;
use crate::manager::Connector;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A thread with its own connection.
pub(super) struct Worker {
    queue: Arc<Queue>,
    connector: Arc<Connector>,
    link: Option<Link>,
    /// After a failure to connect: until when not to try again, how long to wait then, and what happened.
    pause: Option<(Instant, Duration, Trouble)>,
}

impl Worker {
    pub(super) const fn new(queue: Arc<Queue>, connector: Arc<Connector>) -> Self {
        Self { queue, connector, link: None, pause: None }
    }

    /// Works until the queue is closed and empty.
    pub(super) fn run(mut self) {
        while let Some(jobs) = self.queue.take() {
            // Waiters that are dropped while a panic unwinds are told so.
            if catch_unwind(AssertUnwindSafe(|| self.work(jobs))).is_err() {
                tracing::error!("the committer panicked; its transaction is rolled back");
                self.link = None;
            }
        }
        if let Some(Err(error)) = self.link.as_mut().map(|link| link.db().checkpoint()) {
            tracing::warn!(%error, "the last checkpoint failed; the next start will do it");
        }
    }

    fn work(&mut self, jobs: Vec<Job>) {
        let mut group = Vec::with_capacity(jobs.len());
        for job in jobs {
            match job {
                Job::Batch(pending) => group.push(pending),
                Job::Task(task) => {
                    self.commit(std::mem::take(&mut group));
                    task(self.connection());
                    self.drop_broken();
                }
            }
        }
        self.commit(group);
    }

    fn commit(&mut self, group: Vec<Pending>) {
        if group.is_empty() {
            return;
        }
        let mut outcomes = self.attempt(&group);
        if outcomes.as_ref().is_err_and(|trouble| trouble.lost) && self.pause.is_none() {
            // The connection had died in its sleep; nothing was committed.
            outcomes = self.attempt(&group);
        }
        match outcomes {
            Ok(outcomes) => {
                self.note(outcomes.iter().any(Result::is_ok));
                group::count(&self.connector.meter, &outcomes);
                for (pending, outcome) in group.into_iter().zip(outcomes) {
                    pending.waiter.answer(outcome.map_err(Fault::from));
                }
            }
            Err(trouble) => {
                self.note(false);
                tracing::error!(error = %trouble, batches = group.len(), "a commit failed");
                for pending in group {
                    pending.waiter.answer(Err(trouble.clone().into()));
                }
            }
        }
    }

    /// Notes for readiness whether the database took anything of the last group.
    fn note(&self, taken: bool) {
        self.connector.meter.failing.store(!taken, Ordering::Release);
    }

    fn attempt(&mut self, group: &[Pending]) -> Result<group::Outcomes, Trouble> {
        let merge =
            if self.connector.target.has_single_writer() { Merge::Anything } else { Merge::NothingFailed };
        let outcomes = group::commit(self.connection()?, group, merge);
        match (&outcomes, self.link.as_mut()) {
            (Err(trouble), Some(link)) if trouble.lost => self.connector.lost(link),
            (Err(_), Some(link)) => link.discard(),
            _ => {}
        }
        self.drop_broken();
        outcomes
    }

    fn drop_broken(&mut self) {
        if self.link.as_mut().is_some_and(Link::is_broken) {
            self.link = None;
        }
    }

    /// The connection, opened if need be. While a failure to open it is fresh, it is told again.
    #[expect(clippy::disallowed_methods, reason = "the back-off of the commit path measures durations")]
    fn connection(&mut self) -> Result<&mut Link, Trouble> {
        if self.link.is_none() {
            let next = match &self.pause {
                Some((until, _, trouble)) if Instant::now() < *until => return Err(trouble.clone()),
                Some((_, pause, _)) => pause.saturating_mul(2).min(LONGEST_PAUSE),
                None => FIRST_PAUSE,
            };
            match self.connector.connect(Role::Writer) {
                Ok(link) => {
                    self.pause = None;
                    self.link = Some(link);
                }
                Err(trouble) => {
                    self.pause = Some((Instant::now() + next, next, trouble.clone()));
                    return Err(trouble);
                }
            }
        }
        self.link.as_mut().ok_or_else(|| Trouble {
            table: "connection",
            operation: "connect",
            message: "no connection".to_owned(),
            lost: false,
        })
    }
}
