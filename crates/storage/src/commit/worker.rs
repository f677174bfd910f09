//! A committer thread.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::Fault;

use super::checkpoint::{self, Checkpointer};
use super::chore::{Chore, Earned, Ridden, Ride};
use super::group::{self, Merge};
use super::queue::{Queue, Taker};
use super::{Errand, Job, Pending, now};
use crate::dialect::{Role, TURN};
use crate::failure::{Failure, Result, Trouble};
use crate::link::Link;
use crate::manager::Connector;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// About how many pages of the log a task writes: administrators change a few rows, or remove many by one statement.
const PAGES_OF_A_TASK: usize = 64;

/// What a transaction came to.
struct Done {
    outcomes: group::Outcomes,
    ridden: Option<Ridden>,
}

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
    /// What rides in the next groups, and the chores behind it.
    chores: VecDeque<Chore>,
    /// What the groups since the last ride have earned for them.
    earned: Earned,
    /// When the last group was committed.
    committed: Option<Instant>,
}

impl Worker {
    pub(super) fn new(
        (queue, taker): (Arc<Queue>, Taker),
        connector: Arc<Connector>,
        patience: Duration,
    ) -> std::io::Result<Self> {
        let logs = connector.target.has_single_writer();
        let checkpointer = logs.then(|| Checkpointer::start(&connector)).transpose()?;
        let chores = VecDeque::new();
        Ok(Self {
            queue,
            taker,
            connector,
            link: None,
            pause: None,
            patience,
            locked: None,
            checkpointer,
            chores,
            earned: Earned::default(),
            committed: None,
        })
    }

    /// Works until the queue is closed and empty.
    pub(super) fn run(mut self) {
        while let Some(jobs) = self.queue.take(self.taker, self.for_company()) {
            // Waiters that are dropped while a panic unwinds are told so.
            if catch_unwind(AssertUnwindSafe(|| self.work(jobs))).is_err() {
                tracing::error!("the committer panicked; its transaction is rolled back");
                self.drop_link();
                // It may be what it panicked at.
                self.chores.pop_front();
            }
        }
        self.chores.drain(..).for_each(Chore::end);
        self.checkpointer = None;
        self.move_all();
    }

    /// Moves the log for the last time: all of it, or what can be moved without making another process wait.
    fn move_all(&mut self) {
        if self.connector.is_log_left() {
            return;
        }
        let Some(mut link) = self.link.take() else { return };
        let moved = if self.queue.is_tidy() {
            checkpoint::move_all(&mut link)
        } else {
            checkpoint::move_some(&mut link)
        };
        if let Err(stuck) = moved {
            self.connector.leave_log(link, &stuck);
        }
    }

    /// How long to wait for jobs before a chore is done alone.
    fn for_company(&self) -> Option<Duration> {
        let quiet =
            self.committed.map_or(Duration::MAX, |committed| now().saturating_duration_since(committed));
        (!self.chores.is_empty()).then(|| Chore::patience(quiet))
    }

    fn work(&mut self, jobs: Vec<Job>) {
        if jobs.is_empty() {
            self.do_chore();
            return;
        }
        let mut group = Vec::with_capacity(jobs.len());
        let mut later = Vec::new();
        for job in jobs {
            match job {
                Job::Batch(pending) => group.push(pending),
                Job::Task(errand) => {
                    later.extend(self.commit(std::mem::take(&mut group)));
                    later.extend(self.run_errand(errand));
                }
                Job::Chore(chore) => self.chores.push_back(chore),
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
        let before = self.attempts();
        (errand.task)(self.connection());
        let written = usize::try_from(self.attempts().saturating_sub(before)).unwrap_or(PAGES_OF_A_TASK);
        self.drop_broken();
        self.move_log(written.max(PAGES_OF_A_TASK));
        None
    }

    /// How many writing statements were tried over the connection at hand.
    fn attempts(&self) -> u64 {
        self.link.as_ref().map_or(0, Link::attempts)
    }

    /// Commits a group and answers it. Gives back, to be done later, those whose time has not passed while another
    /// process holds the lock.
    fn commit(&mut self, group: Vec<Pending>) -> Vec<Job> {
        if group.is_empty() {
            return Vec::new();
        }
        self.earn(group.len());
        let attempted = self.attempt_twice(&group);
        // Only now: however slow the disk, whoever has just committed may be back in a moment.
        self.committed = Some(now());
        match attempted {
            Ok(Done { outcomes, ridden }) => {
                let batches = outcomes.len();
                self.note(&outcomes);
                group::count(&self.connector.meter, &outcomes);
                let mut answers = group.into_iter().zip(outcomes);
                self.connector.meter.answering(&mut || {
                    for (pending, outcome) in answers.by_ref() {
                        let outcome = outcome.map_err(|trouble| self.connector.explain(trouble).into());
                        pending.waiter.answer(outcome);
                    }
                });
                self.end_ride(ridden, batches);
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

    fn earn(&mut self, batches: usize) {
        match self.chores.front() {
            Some(chore) => self.earned.add(chore, batches),
            None => self.earned.clear(),
        }
    }

    /// Does some of a chore in a transaction of its own, since nobody has come to take it along.
    fn do_chore(&mut self) {
        let chores = self.chores.len();
        match self.attempt_twice(&[]) {
            Ok(done) => self.end_ride(done.ridden, 0),
            Err(trouble) if trouble.is_not_our_turn() && !self.is_chore_late() => self.note_lock(&trouble),
            // It knows already, if it was that which failed.
            Err(_) if self.chores.len() < chores => {}
            Err(trouble) => {
                if let Some(chore) = self.chores.pop_front() {
                    chore.fail(self.connector.explain(trouble));
                }
            }
        }
    }

    fn is_chore_late(&self) -> bool {
        self.chores.front().is_some_and(|chore| chore.is_late(now()))
    }

    /// Once all are answered whose `batches` it rode with.
    fn end_ride(&mut self, ridden: Option<Ridden>, batches: usize) {
        let rows = ridden.as_ref().map_or(0, |(_, outcome)| *outcome.as_ref().unwrap_or(&0));
        self.note_ride(ridden);
        self.move_log(batches.saturating_add(rows));
    }

    /// Notes what became of the part of a chore that was in a transaction which has ended. Chores take turns.
    fn note_ride(&mut self, ridden: Option<Ridden>) {
        let Some((count, outcome)) = ridden else { return };
        let Some(chore) = self.chores.pop_front() else { return };
        match outcome {
            Ok(removed) => {
                self.earned.spend(chore.rows_of(count));
                self.chores.extend(chore.advance(count, removed));
            }
            Err(failure) => {
                self.earned.clear();
                chore.fail(trouble_of(failure));
            }
        }
    }

    fn move_log(&mut self, changes: usize) {
        let (Some(checkpointer), Some(link)) = (&mut self.checkpointer, &mut self.link) else { return };
        if let Err(stuck) = checkpointer.committed(link, changes)
            && let Some(link) = self.link.take()
        {
            self.connector.leave_log(link, &stuck);
            self.drop_link();
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

    fn attempt_twice(&mut self, group: &[Pending]) -> Result<Done, Trouble> {
        if self.connector.health.is_ill() {
            // Nothing is written into a file that the next start will not find.
            self.connector.is_in_place()?;
        }
        let done = self.attempt(group);
        if done.as_ref().is_err_and(|trouble| trouble.lost) && self.pause.is_none() {
            // The connection had died in its sleep; nothing was committed.
            return self.attempt(group);
        }
        done
    }

    fn attempt(&mut self, group: &[Pending]) -> Result<Done, Trouble> {
        let merge =
            if self.connector.target.has_single_writer() { Merge::Anything } else { Merge::NothingFailed };
        let connector = Arc::clone(&self.connector);
        self.connection()?;
        let Some(link) = &mut self.link else { return Err(no_connection()) };
        let chore = self.chores.front();
        let mut ride =
            if group.is_empty() { Ride::alone(chore) } else { Ride::with_others(chore, &self.earned) };
        let beat = connector.commits.beat();
        let outcomes = group::commit(link, group, merge, &mut ride);
        if outcomes.as_ref().is_ok_and(|outcomes| outcomes.is_empty() || outcomes.iter().any(Result::is_ok)) {
            beat.went_well();
        }
        let ridden = ride.end();
        let outcomes = match outcomes {
            Err(trouble) if trouble.is_not_our_turn() => return Err(trouble),
            outcomes => outcomes,
        };
        self.locked = None;
        match (&outcomes, self.link.as_mut()) {
            (Err(trouble), Some(link)) if trouble.lost => self.connector.lost(link),
            (Err(_), Some(link)) => link.discard(),
            (Ok(_), _) => self.connector.commit_is_in_place()?,
            _ => {}
        }
        self.drop_broken();
        match outcomes {
            Ok(outcomes) => Ok(Done { outcomes, ridden }),
            Err(trouble) => {
                // Its own fault, perhaps, such as room that the others would have had; the next group is to be spared it.
                let also = |_removed| Err(Failure::Trouble(trouble.clone()));
                self.note_ride(ridden.map(|(count, outcome)| (count, outcome.and_then(also))));
                Err(trouble)
            }
        }
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
        self.link.as_mut().ok_or_else(no_connection)
    }
}

fn no_connection() -> Trouble {
    Trouble { table: "connection", operation: "connect", message: "no connection".to_owned(), lost: false }
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
