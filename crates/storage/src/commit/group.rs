//! One group of batches, one transaction.

use std::time::{Duration, Instant};

use domain::Applied;

use super::Pending;
use super::chore::Ride;
use crate::apply;
use crate::counters::Meter;
use crate::failure::{Failure, Result, Trouble};
use crate::link::{Link, nest, transact};

/// What fails after so long has waited for something: a lock, a disk.
const LONG: Duration = Duration::from_secs(1);

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
    let done = together(link, group, merge)
        .and_then(|outcomes| ride.go(link).map(|()| outcomes).map_err(|()| Failure::Conflict));
    match done {
        Ok(outcomes) => {
            link.commit().map_err(|failure| final_trouble(trouble_of(failure)))?;
            Ok(outcomes)
        }
        Err(failure) => {
            link.rollback();
            match failure {
                Failure::Trouble(trouble) if trouble.lost || link.is_broken() => Err(trouble),
                // It waited in vain, and so would each of them, one after the other.
                Failure::Trouble(trouble) if begun.elapsed() >= LONG => Err(final_trouble(trouble)),
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

fn together(link: &mut Link, group: &[Pending], merge: Merge) -> Result<Outcomes> {
    let mut outcomes = Vec::with_capacity(group.len());
    for pending in group {
        let before = link.attempts();
        match apply::batch(link, pending.tenant, &pending.batch) {
            Ok(()) => outcomes.push(Ok(Applied::Committed)),
            Err(Failure::Conflict)
                if merge == Merge::Anything && link.attempts().saturating_sub(before) <= 1 =>
            {
                outcomes.push(Ok(Applied::Conflict));
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(outcomes)
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
