//! Work that is in no hurry: it rides in the transactions of others, and so costs no sync of its own.

use std::collections::VecDeque;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use domain::Fault;

use crate::failure::{Failure, Result, Trouble};
use crate::link::Link;

/// Removes a row that was due; how many went: another node may have been faster. It may be done again when its
/// transaction was rolled back.
pub(crate) type Removal = Box<dyn Fn(&mut Link) -> Result<usize> + Send>;

/// How many removals ride with each batch. What requests write expires some day, and a batch writes two such rows, or
/// seldom three: so the work keeps pace, and takes the less of the time the less of it others leave.
const FOR_EACH_BATCH: usize = 2;

/// How many ride with a small group.
const AT_LEAST: usize = 8;

/// How many removals a transaction of their own does.
const ALONE: usize = 128;

/// How long to wait for somebody to ride with, once somebody has committed that lately.
const FOR_COMPANY: Duration = Duration::from_millis(5);

/// After so long without any commit nobody is waited for.
const QUIET: Duration = Duration::from_millis(20);

/// Removals under way, and who waits for their end.
pub(super) struct Chore {
    removals: VecDeque<Removal>,
    removed: usize,
    done: SyncSender<Result<usize>>,
    /// When it is told that another process holds the lock, rather than wait on.
    until: Instant,
}

impl Chore {
    pub(super) fn new(removals: Vec<Removal>, done: SyncSender<Result<usize>>, until: Instant) -> Self {
        Self { removals: removals.into(), removed: 0, done, until }
    }

    /// How long a group is waited for before some of it is done alone; `commit` is how long ago the last one was.
    pub(super) fn patience(commit: Duration) -> Duration {
        if commit < QUIET { FOR_COMPANY } else { Duration::ZERO }
    }

    pub(super) fn is_late(&self, now: Instant) -> bool {
        self.until <= now
    }

    /// Notes that the first `count` removals are committed, and removed so many rows. Gives itself back while more are
    /// left, else tells whoever waits.
    pub(super) fn advance(mut self, count: usize, removed: usize) -> Option<Self> {
        self.removals.drain(..count.min(self.removals.len()));
        self.removed = self.removed.saturating_add(removed);
        if !self.removals.is_empty() {
            return Some(self);
        }
        self.tell(Ok(self.removed));
        None
    }

    /// Tells whoever waits that the rest was not done.
    pub(super) fn fail(self, trouble: Trouble) {
        self.tell(Err(Failure::Trouble(trouble)));
    }

    /// Tells whoever waits that the committer has ended.
    pub(super) fn end(self) {
        self.tell(Err(Failure::Fault(Fault::Busy("the commit queue"))));
    }

    fn tell(&self, outcome: Result<usize>) {
        // Whoever asked may have given up.
        drop(self.done.try_send(outcome));
    }
}

/// How many removals were tried in a transaction, and how many rows went, if it is committed.
pub(super) type Ridden = (usize, Result<usize>);

/// What of a chore is done in one transaction.
pub(super) struct Ride<'a> {
    chore: Option<&'a Chore>,
    count: usize,
    outcome: Option<Result<usize>>,
}

impl<'a> Ride<'a> {
    /// With a group of so many batches.
    pub(super) fn new(chore: Option<&'a Chore>, batches: usize) -> Self {
        let share = match batches {
            0 => ALONE,
            some => some.saturating_mul(FOR_EACH_BATCH).max(AT_LEAST),
        };
        let count = chore.map_or(0, |chore| chore.removals.len().min(share));
        Self { chore, count, outcome: None }
    }

    /// Does it in the transaction at hand. When it fails, that has to be rolled back.
    pub(super) fn go(&mut self, link: &mut Link) -> Result<(), ()> {
        let Some(chore) = self.chore else { return Ok(()) };
        let each = |removal: &Removal| removal(link);
        let outcome: Result<usize> = chore.removals.iter().take(self.count).map(each).sum();
        let well = outcome.is_ok();
        self.outcome = Some(outcome);
        if well { Ok(()) } else { Err(()) }
    }

    pub(super) fn end(self) -> Option<Ridden> {
        self.outcome.map(|outcome| (self.count, outcome))
    }
}
