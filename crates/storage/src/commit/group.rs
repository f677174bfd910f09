//! One group of batches, one transaction.

use std::time::{Duration, Instant};

use domain::Applied;

use super::Pending;
use super::chore::Ride;
use crate::apply;
use crate::counters::Meter;
use crate::failure::{Failure, Result, Trouble, on};
use crate::link::{Link, nest, transact};

/// What fails after so long has waited for something: a lock, a disk.
const LONG: Duration = Duration::from_secs(1);

/// How long a group may take when one of it has waited in vain.
const LONGEST: Duration = Duration::from_secs(2);

/// What became of each batch of a group, in order.
pub(super) type Outcomes = Vec<Result<Applied, Trouble>>;

/// Does a group and tells what became of each of its batches; an error became of all of them.
///
/// The first attempt takes no savepoints. A batch whose very first statement finds its precondition broken has
/// written nothing and is left out; if one fails later, everything is rolled back and done again, each batch by
/// itself. An error with `lost` set came before COMMIT was sent: the group can be done again elsewhere.
///
/// What rides with the group is done last. If it fails, the group is done again without it.
#[expect(clippy::disallowed_methods, reason = "how long an attempt took is a duration")]
pub(super) fn commit(
    link: &mut Link,
    group: &[Pending],
    merge: Merge,
    ride: &mut Ride<'_>,
) -> Result<Outcomes, Trouble> {
    let begun = Instant::now();
    // Where it is another process's turn, nothing was written, and the group can be done later.
    link.begin().map_err(trouble_of)?;
    let done = together(link, group, merge).and_then(|outcomes| match ride.go(link) {
        Ok(()) => Ok(outcomes),
        Err(()) => Err((group.len(), Failure::Conflict)),
    });
    match done {
        Ok(outcomes) => {
            link.commit().map_err(|failure| final_trouble(trouble_of(failure)))?;
            Ok(outcomes)
        }
        Err((at, failure)) => {
            link.rollback();
            match failure {
                Failure::Trouble(trouble) if trouble.lost || link.is_broken() => Err(trouble),
                Failure::Trouble(trouble) if begun.elapsed() >= LONG => match merge {
                    // Others can do without the row that this one waits for.
                    Merge::NothingFailed => Ok(without(link, group, (at, &trouble), begun)),
                    // It waited in vain, and so would each of them, one after the other.
                    Merge::Anything => Err(final_trouble(trouble)),
                },
                // What rode took the transaction with it, as a page does that cannot be read.
                Failure::Conflict if link.is_spoilt() => Err(spoilt()),
                _ => apart(link, group, merge),
            }
        }
    }
}

/// How batches may share a transaction.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Merge {
    /// Any may; a failed statement harms only itself (SQLite).
    Anything,
    /// A failed statement spoils its transaction (PostgreSQL).
    NothingFailed,
}

/// What became of each; or at which of them it ended, and why.
fn together(link: &mut Link, group: &[Pending], merge: Merge) -> Result<Outcomes, (usize, Failure)> {
    let mut outcomes = Vec::with_capacity(group.len());
    for (at, pending) in group.iter().enumerate() {
        let before = link.attempts();
        match apply::batch(link, pending.tenant, &pending.batch) {
            Ok(()) => outcomes.push(Ok(Applied::Committed)),
            Err(Failure::Conflict)
                if merge == Merge::Anything && link.attempts().saturating_sub(before) <= 1 =>
            {
                outcomes.push(Ok(Applied::Conflict));
            }
            Err(failure) => return Err((at, failure)),
        }
    }
    Ok(outcomes)
}

/// All but the one that waited in vain, each by itself, and in a hurry: another may wait for the same row. What is not
/// done in time fails like the first.
fn without(link: &mut Link, group: &[Pending], culprit: (usize, &Trouble), begun: Instant) -> Outcomes {
    let (at, trouble) = culprit;
    let mut outcomes = Vec::with_capacity(group.len());
    for (number, pending) in group.iter().enumerate() {
        let outcome = if number == at || link.is_broken() || begun.elapsed() >= LONGEST {
            Err(final_trouble(trouble.clone()))
        } else {
            let hurried = |link: &mut Link| {
                link.db().hurry().map_err(on("transaction", "set"))?;
                apply::batch(link, pending.tenant, &pending.batch)
            };
            told(transact(link, hurried)).map_err(final_trouble)
        };
        outcomes.push(outcome);
    }
    outcomes
}

fn apart(link: &mut Link, group: &[Pending], merge: Merge) -> Result<Outcomes, Trouble> {
    if group.is_empty() {
        return Ok(Vec::new());
    }
    if merge == Merge::NothingFailed {
        return Ok(group.iter().map(|pending| alone(link, pending)).collect());
    }
    transact(link, |link| {
        let mut outcomes = Vec::with_capacity(group.len());
        for pending in group {
            let outcome = nest(link, |link| apply::batch(link, pending.tenant, &pending.batch));
            if link.is_spoilt() {
                // The transaction is gone, and what it held with it.
                return Err(outcome.err().unwrap_or(Failure::Conflict));
            }
            outcomes.push(told(outcome));
        }
        Ok(outcomes)
    })
    .map_err(|failure| final_trouble(trouble_of(failure)))
}

fn alone(link: &mut Link, pending: &Pending) -> Result<Applied, Trouble> {
    told(transact(link, |link| apply::batch(link, pending.tenant, &pending.batch))).map_err(final_trouble)
}

fn told(outcome: Result<()>) -> Result<Applied, Trouble> {
    match outcome {
        Ok(()) => Ok(Applied::Committed),
        Err(Failure::Conflict) => Ok(Applied::Conflict),
        Err(failure) => Err(trouble_of(failure)),
    }
}

/// Not to be tried again: something may have been committed.
fn final_trouble(trouble: Trouble) -> Trouble {
    Trouble { lost: false, ..trouble }
}

/// Nothing was written, and the connection is no more: to be done again over another one.
fn spoilt() -> Trouble {
    let message = "the transaction ended when something that has expired was removed".to_owned();
    Trouble { table: "transaction", operation: "commit", message, lost: true }
}

fn trouble_of(failure: Failure) -> Trouble {
    let message = match failure {
        Failure::Trouble(trouble) => return trouble,
        Failure::Conflict => "a concurrent transaction won".to_owned(),
        Failure::Fault(fault) => fault.to_string(),
    };
    Trouble { table: "transaction", operation: "commit", message, lost: false }
}

/// Counts what was committed.
pub(super) fn count(meter: &Meter, outcomes: &Outcomes) {
    if outcomes.is_empty() {
        return;
    }
    let with = |wanted| outcomes.iter().filter(|outcome| matches!(outcome, Ok(a) if *a == wanted)).count();
    meter.committed(outcomes.len());
    meter.batches.add(with(Applied::Committed));
    meter.conflicts.add(with(Applied::Conflict));
}
