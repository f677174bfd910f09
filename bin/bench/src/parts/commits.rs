//! Group commits through `storage` alone: thirty-two waiters, each of which submits its next batch when the last one is
//! durable, as thirty-two connections would.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use domain::{Applied, Fault, Write, WriteBatch};
use storage::TenantStore;

use super::records::Records;
use crate::clock;
use crate::failure::{Failure, Result};

const WAITERS: usize = 32;
/// Batches that each waiter submits between two looks at the clock. They are made beforehand.
const EACH: usize = 64;
/// What a sealed answer of a rotation takes, bytes.
const SEALED: usize = 288;

/// Committed batches per second, by the work they stand for.
///
/// # Errors
/// When a batch is not committed.
pub(super) fn rates(records: &Records, span: Duration) -> Result<Vec<(&'static str, f64)>> {
    let one = measure(records, span, |_waiter| Ok(WriteBatch { writes: vec![records.audit()?] }))?;
    let two = measure(records, span, |_waiter| {
        let session = Write::InsertSession(Box::new(records.session(None, false)?));
        Ok(WriteBatch { writes: vec![session, records.audit()?] })
    })?;
    let three = measure(records, span, |_waiter| {
        let session = Write::InsertSession(Box::new(records.session(None, false)?));
        Ok(WriteBatch { writes: vec![records.used_once()?, session, records.audit()?] })
    })?;
    let log_in = measure(records, span, |_waiter| {
        let succeeded = Write::AuthenticatorSucceeded {
            user_id: records.subject.user_id,
            policy: records.policy.clone(),
            version: 1,
            locked_at: None,
            uses: None,
            at: records.tick(),
            rehash: None,
        };
        let session = Write::InsertSession(Box::new(records.session(None, true)?));
        Ok(WriteBatch { writes: vec![succeeded, session, records.audit()?] })
    })?;
    let refresh = refreshes(records, span)?;
    Ok(vec![
        ("commit one row", one),
        ("commit two rows", two),
        ("commit three rows", three),
        ("commit a log-in", log_in),
        ("commit a refresh", refresh),
    ])
}

/// Rotations of one family per waiter: the new token, its family, a session and an audit row.
fn refreshes(records: &Records, span: Duration) -> Result<f64> {
    let mut current = Vec::with_capacity(WAITERS);
    let mut families = Vec::with_capacity(WAITERS);
    for _ in 0..WAITERS {
        let (family, token) = records.family()?;
        current.push(token.clone());
        families.push(VecDeque::from([WriteBatch {
            writes: vec![Write::InsertFamily(Box::new(family), token)],
        }]));
    }
    commit(&records.store, families)?;
    measure(records, span, |waiter| {
        let spent = current.get_mut(waiter).ok_or_else(|| Failure::new("no such waiter"))?;
        let successor = records.refresh_token(spent.family)?;
        let before = std::mem::replace(spent, successor.clone());
        let rotate = Write::RotateRefresh {
            spent: before.locator,
            rotated_at: records.tick(),
            sealed_answer: vec![7; SEALED],
            successor,
        };
        let session = Write::InsertSession(Box::new(records.session(Some(before.family), true)?));
        Ok(WriteBatch { writes: vec![rotate, session, records.audit()?] })
    })
}

fn measure(
    records: &Records,
    span: Duration,
    mut batch: impl FnMut(usize) -> Result<WriteBatch>,
) -> Result<f64> {
    let (mut spent, mut done, mut warm) = (Duration::ZERO, 0_u32, false);
    while spent < span {
        let mut queues = vec![VecDeque::with_capacity(EACH); WAITERS];
        for _ in 0..EACH {
            for (waiter, queue) in queues.iter_mut().enumerate() {
                queue.push_back(batch(waiter)?);
            }
        }
        let took = commit(&records.store, queues)?;
        // The first round warms caches and statements.
        if std::mem::replace(&mut warm, true) {
            spent += took;
            done = done.saturating_add(u32::try_from(WAITERS * EACH)?);
        }
    }
    Ok(f64::from(done) / spent.as_secs_f64())
}

/// Commits what each waiter has queued, one after the other, the waiters side by side. How long it took.
pub(super) fn commit(store: &TenantStore, queues: Vec<VecDeque<WriteBatch>>) -> Result<Duration> {
    let (sender, ended) = mpsc::channel();
    let waiters = queues.len();
    let start = clock::now();
    for queue in queues {
        let queue = Mutex::new(queue);
        next(Arc::new(Waiter { store: store.clone(), queue, ended: sender.clone() }));
    }
    for _ in 0..waiters {
        ended.recv()??;
    }
    Ok(start.elapsed())
}

struct Waiter {
    store: TenantStore,
    queue: Mutex<VecDeque<WriteBatch>>,
    ended: mpsc::Sender<Result<()>>,
}

/// Submits a waiter's next batch; from the committer's thread, when it has told of the last one.
fn next(waiter: Arc<Waiter>) {
    let batch = waiter.queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let Some(batch) = batch else {
        return end(&waiter, Ok(()));
    };
    let store = waiter.store.clone();
    store.submit(batch, Box::new(move |outcome| told(waiter, outcome)));
}

fn told(waiter: Arc<Waiter>, outcome: std::result::Result<Applied, Fault>) {
    match outcome {
        Ok(Applied::Committed) => next(waiter),
        Ok(Applied::Conflict) => end(&waiter, Err(Failure::new("a batch of the bench conflicts"))),
        Err(fault) => end(&waiter, Err(fault.into())),
    }
}

fn end(waiter: &Waiter, result: Result<()>) {
    // Nobody listens any more once another waiter has failed.
    drop(waiter.ended.send(result));
}
