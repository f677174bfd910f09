//! A committer thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::Fault;

use super::checkpoint::Checkpointer;
use super::group::{self, Merge};
use super::queue::{Queue, Taker};
use super::{Errand, Job, Pending, now};
use crate::dialect::{Role, TURN};
use crate::failure::{Failure, Trouble};
use crate::link::Link;
use crate::manager::Connector;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A thread with its own connection.
pub(super) struct Worker {
    queue: Arc<Queue>,
    taker: Taker,
    connector: Arc<Connector>,
    link: Option<Link>,
    /// After a failure to connect: until when not to try again, how long to wait then, and what happened.
    pause: Option<(Instant, Duration, Trouble)>,
    /// How long a batch waits.
    patience: Duration,
    /// Since when another process holds the lock.
    locked: Option<Instant>,
    /// Where there is a log to move.
    checkpointer: Option<Checkpointer>,
}

impl Worker {
    pub(super) fn new(
        (queue, taker): (Arc<Queue>, Taker),
        connector: Arc<Connector>,
        patience: Duration,
    ) -> std::io::Result<Self> {
        let logs = connector.target.has_single_writer();
        let checkpointer = logs.then(|| Checkpointer::start(&connector)).transpose()?;
        Ok(Self { queue, taker, connector, link: None, pause: None, patience, locked: None, checkpointer })
    }

    /// Works until the queue is closed and empty.
    pub(super) fn run(mut self) {
        while let Some(jobs) = self.queue.take(self.taker) {
            // Waiters that are dropped while a panic unwinds are told so.
            if catch_unwind(AssertUnwindSafe(|| self.work(jobs))).is_err() {
                tracing::error!("the committer panicked; its transaction is rolled back");
                self.drop_link();
            }
        }
        self.checkpointer = None;
        if let Some(Err(error)) = self.link.as_mut().map(|link| link.db().checkpoint()) {
            tracing::warn!(%error, "the last checkpoint failed; the next start will do it");
        }
    }

    fn work(&mut self, jobs: Vec<Job>) {
        let mut group = Vec::with_capacity(jobs.len());
        let mut later = Vec::new();
        for job in jobs {
            match job {
                Job::Batch(pending) => group.push(pending),
                Job::Task(errand) => {
                    later.extend(self.commit(std::mem::take(&mut group)));
                    later.extend(self.run_errand(errand));
                    self.drop_broken();
                }
            }
        }
        later.extend(self.commit(group));
        self.queue.put_back(later);
    }

    /// Begins a task's transaction and hands it over; gives the task back while another process holds the lock.
    fn run_errand(&mut self, errand: Errand) -> Option<Job> {
        let begun = self.connection().and_then(|link| link.begin().map_err(trouble_of));
        if let Err(trouble) = begun {
            if trouble.is_not_our_turn() {
                self.note_lock(&trouble);
                if now() < errand.until {
                    return Some(Job::Task(errand));
                }
            }
            (errand.task)(Err(self.connector.explain(trouble)));
            return None;
        }
        self.locked = None;
        (errand.task)(self.connection());
        None
    }

    /// Commits a group and answers it. Gives back, to be done later, those whose time has not passed while another
    /// process holds the lock.
    fn commit(&mut self, group: Vec<Pending>) -> Vec<Job> {
        if group.is_empty() {
            return Vec::new();
        }
        match self.attempt_twice(&group) {
            Ok(outcomes) => {
                let batches = outcomes.len();
                self.note(&outcomes);
                group::count(&self.connector.meter, &outcomes);
                for (pending, outcome) in group.into_iter().zip(outcomes) {
                    let outcome = outcome.map_err(|trouble| self.connector.explain(trouble).into());
                    pending.waiter.answer(outcome);
                }
                self.move_log(batches);
                Vec::new()
            }
            Err(trouble) if trouble.is_not_our_turn() => {
                self.note_lock(&trouble);
                let now = now();
                let (late, in_time): (Vec<_>, Vec<_>) =
                    group.into_iter().partition(|pending| pending.until <= now);
                late.into_iter().for_each(Pending::withdraw);
                in_time.into_iter().map(Job::Batch).collect()
            }
            Err(trouble) => {
                let trouble = self.connector.explain(trouble);
                self.connector.health.ill(&trouble);
                for pending in group {
                    pending.waiter.answer(Err(trouble.clone().into()));
                }
                Vec::new()
            }
        }
    }

    /// Once all are answered.
    fn move_log(&mut self, batches: usize) {
        if let (Some(checkpointer), Some(link)) = (&mut self.checkpointer, &mut self.link) {
            checkpointer.committed(link, batches);
        }
    }

    /// Notes for readiness whether the database took anything of the last group.
    fn note(&self, outcomes: &group::Outcomes) {
        if outcomes.iter().any(Result::is_ok) {
            self.connector.health.well();
        } else if let Some(Err(trouble)) = outcomes.first() {
            self.connector.health.ill(&self.connector.explain(trouble.clone()));
        }
    }

    /// Another process has held the lock for a turn. A moment of that is nothing; but not when those who wait are soon
    /// withdrawn.
    fn note_lock(&mut self, trouble: &Trouble) {
        let since = *self.locked.get_or_insert_with(now);
        if since.elapsed().saturating_add(TURN) >= self.patience / 2 {
            self.connector.health.ill(&self.connector.explain(trouble.clone()));
        }
    }

    fn attempt_twice(&mut self, group: &[Pending]) -> Result<group::Outcomes, Trouble> {
        if self.connector.health.is_ill() {
            // Nothing is written into a file that the next start will not find.
            self.connector.is_in_place()?;
        }
        let outcomes = self.attempt(group);
        if outcomes.as_ref().is_err_and(|trouble| trouble.lost) && self.pause.is_none() {
            // The connection had died in its sleep; nothing was committed.
            return self.attempt(group);
        }
        outcomes
    }

    fn attempt(&mut self, group: &[Pending]) -> Result<group::Outcomes, Trouble> {
        let merge =
            if self.connector.target.has_single_writer() { Merge::Anything } else { Merge::NothingFailed };
        let connector = Arc::clone(&self.connector);
        let link = self.connection()?;
        let beat = connector.commits.beat();
        let outcomes = group::commit(link, group, merge);
        if outcomes.as_ref().is_ok_and(|outcomes| outcomes.iter().any(Result::is_ok)) {
            beat.went_well();
        }
        if outcomes.as_ref().is_err_and(Trouble::is_not_our_turn) {
            return outcomes;
        }
        self.locked = None;
        match (&outcomes, self.link.as_mut()) {
            (Err(trouble), Some(link)) if trouble.lost => self.connector.lost(link),
            (Err(_), Some(link)) => link.discard(),
            (Ok(_), _) => self.connector.commit_is_in_place()?,
            _ => {}
        }
        self.drop_broken();
        outcomes
    }

    fn drop_broken(&mut self) {
        if self.link.as_mut().is_some_and(Link::is_broken) {
            self.drop_link();
        }
    }

    fn drop_link(&mut self) {
        self.link = None;
        self.connector.forget_log();
    }

    /// The connection, opened if need be. While a failure to open it is fresh, it is told again, unless someone else
    /// has opened one since.
    fn connection(&mut self) -> Result<&mut Link, Trouble> {
        if self.link.is_none() {
            let next = match &self.pause {
                Some((until, _, trouble)) if now() < *until && self.connector.is_failing() => {
                    return Err(trouble.clone());
                }
                Some((_, pause, _)) => pause.saturating_mul(2).min(LONGEST_PAUSE),
                None => FIRST_PAUSE,
            };
            match self.connector.connect(Role::Committer) {
                Ok(link) => {
                    self.pause = None;
                    self.link = Some(link);
                }
                Err(trouble) => {
                    self.pause = Some((super::until(next), next, trouble.clone()));
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

fn trouble_of(failure: Failure) -> Trouble {
    match failure {
        Failure::Trouble(trouble) => trouble,
        other => Trouble {
            table: "transaction",
            operation: "begin",
            message: Fault::from(other).to_string(),
            lost: false,
        },
    }
}
