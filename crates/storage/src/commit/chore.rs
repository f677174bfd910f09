//! Work that is in no hurry: it rides in the transactions of others, and so costs no sync of its own.

use std::collections::VecDeque;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use domain::Fault;

use crate::failure::{Failure, Result, Trouble};
use crate::link::Link;

type Remove = Box<dyn Fn(&mut Link) -> Result<usize> + Send>;

/// Removes rows that were due; how many went: another node may have been faster. It may be done again when its
/// transaction was rolled back.
pub(crate) struct Removal {
    /// About how many.
    rows: usize,
    remove: Remove,
}

impl Removal {
    /// Of about so many rows.
    pub(crate) fn new(rows: usize, remove: impl Fn(&mut Link) -> Result<usize> + Send + 'static) -> Self {
        Self { rows, remove: Box::new(remove) }
    }
}

/// How many rows are earned by each batch. What requests write expires some day, and a batch writes one such row or two,
/// seldom three: so the work keeps pace, and takes the less of the time the less of it others leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// One, and a little for the looks in between: of what has just begun to be due.
    Gentle,
    /// Two: of what has been due for long, so that it becomes less while others write as fast as ever.
    Firm,
}

impl Pace {
    const fn rows(self, batches: usize) -> usize {
        match self {
            Self::Gentle => batches.saturating_add(batches / 4),
            Self::Firm => batches.saturating_mul(2),
        }
    }
}

/// How many rows a small group earns.
const AT_LEAST: usize = 8;

/// How many rows ride at a time. Neighbours are removed together: a page that many of them leave is written to the log
/// once, instead of once for each group.
const PORTION: usize = 256;

/// How many ride at most: large groups earn more at once.
const MOST: usize = 4 * PORTION;

/// How long to wait for somebody to ride with, once somebody has committed that lately.
const FOR_COMPANY: Duration = Duration::from_millis(5);

/// After so long without any commit nobody is waited for.
const QUIET: Duration = Duration::from_millis(20);

/// Removals under way, and who waits for their end.
pub(super) struct Chore {
    removals: VecDeque<Removal>,
    /// About how many rows are left.
    left: usize,
    removed: usize,
    pace: Pace,
    done: SyncSender<Result<usize>>,
    /// When it is told that another process holds the lock, rather than wait on.
    until: Instant,
}

impl Chore {
    pub(super) fn new(
        (removals, pace): (Vec<Removal>, Pace),
        done: SyncSender<Result<usize>>,
        until: Instant,
    ) -> Self {
        let left = rows(&removals);
        Self { removals: removals.into(), left, removed: 0, pace, done, until }
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
        self.left = self.left.saturating_sub(self.rows_of(count));
        self.removals.drain(..count.min(self.removals.len()));
        self.removed = self.removed.saturating_add(removed);
        if !self.removals.is_empty() {
            return Some(self);
        }
        self.tell(Ok(self.removed));
        None
    }

    /// About how many rows the first `count` removals are.
    pub(super) fn rows_of(&self, count: usize) -> usize {
        rows(self.removals.iter().take(count))
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

/// What groups have earned for a chore, rows.
#[derive(Debug, Default)]
pub(super) struct Earned(usize);

impl Earned {
    /// With a group of so many batches, while that chore waits.
    pub(super) fn add(&mut self, chore: &Chore, batches: usize) {
        let share = chore.pace.rows(batches).max(AT_LEAST);
        self.0 = self.0.saturating_add(share).min(MOST);
    }

    /// So much of it was used.
    pub(super) const fn spend(&mut self, rows: usize) {
        self.0 = self.0.saturating_sub(rows);
    }

    /// Nobody wants it, or what it was for has failed.
    pub(super) const fn clear(&mut self) {
        self.0 = 0;
    }
}

/// What of a chore is done in one transaction.
pub(super) struct Ride<'a> {
    chore: Option<&'a Chore>,
    /// About how many rows.
    rows: usize,
    count: usize,
    outcome: Option<Result<usize>>,
}

impl<'a> Ride<'a> {
    /// With a group, once a portion has been earned, or all that is left.
    pub(super) fn with_others(chore: Option<&'a Chore>, earned: &Earned) -> Self {
        Self::of(chore.filter(|chore| earned.0 >= chore.left.min(PORTION)), earned.0)
    }

    /// In a transaction of its own.
    pub(super) const fn alone(chore: Option<&'a Chore>) -> Self {
        Self::of(chore, PORTION)
    }

    const fn of(chore: Option<&'a Chore>, rows: usize) -> Self {
        Self { chore, rows, count: 0, outcome: None }
    }

    /// Does it in the transaction at hand. When it fails, that has to be rolled back.
    pub(super) fn go(&mut self, link: &mut Link) -> Result<(), ()> {
        let Some(chore) = self.chore else { return Ok(()) };
        let (mut tried, mut removed) = (0_usize, 0_usize);
        for removal in &chore.removals {
            if tried >= self.rows {
                break;
            }
            tried = tried.saturating_add(removal.rows);
            self.count = self.count.saturating_add(1);
            match (removal.remove)(link) {
                Ok(rows) => removed = removed.saturating_add(rows),
                Err(failure) => {
                    self.outcome = Some(Err(failure));
                    return Err(());
                }
            }
        }
        self.outcome = Some(Ok(removed));
        Ok(())
    }

    pub(super) fn end(self) -> Option<Ridden> {
        self.outcome.map(|outcome| (self.count, outcome))
    }
}

fn rows<'a, I: IntoIterator<Item = &'a Removal>>(removals: I) -> usize {
    removals.into_iter().fold(0, |sum, removal| sum.saturating_add(removal.rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chore(pace: Pace) -> Chore {
        let (done, _) = std::sync::mpsc::sync_channel(1);
        Chore::new((vec![Removal::new(1 << 30, |_| Ok(0))], pace), done, super::super::now())
    }

    #[test]
    fn removal_keeps_its_pace_whatever_the_size_of_groups() {
        for (pace, at_least) in [(Pace::Gentle, 1.2), (Pace::Firm, 2.0)] {
            for batches in [4, 10, 30, 100, 127, 200, 256] {
                let (chore, mut earned, mut ridden) = (chore(pace), Earned::default(), 0);
                for _ in 0..1000 {
                    earned.add(&chore, batches);
                    let ride = Ride::with_others(Some(&chore), &earned);
                    if ride.chore.is_some() {
                        assert!((PORTION..=MOST).contains(&ride.rows), "{pace:?} {batches}");
                        ridden += ride.rows;
                        earned.spend(ride.rows);
                    }
                }
                #[expect(clippy::cast_precision_loss, reason = "a ratio of small numbers")]
                let each = (ridden + earned.0) as f64 / (1000 * batches) as f64;
                assert!(each >= at_least, "{pace:?} {batches}: {each}");
            }
        }
    }
}
