//! The group committer: threads of their own that do many batches in one transaction (BLUEPRINT amendment 3).
//!
//! **Nobody is told of success before COMMIT has returned**, and every waiter is told something, whatever happens.

mod checkpoint;
mod chore;
mod group;
mod queue;
mod watch;
mod worker;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc::SyncSender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use domain::{Applied, Fault, TenantId, WriteBatch};

use crate::config::DatabaseConfig;
use crate::failure::{Failure, Trouble};
use crate::link::Link;
use crate::manager::Connector;
pub(crate) use checkpoint::Stuck;
use chore::Chore;
pub(crate) use chore::{Pace, Removal};
use queue::{Queue, Taker};
use worker::Worker;

/// Threads for PostgreSQL, where several transactions commit at once. One of them takes only what waits for no row.
const SERVER_WORKERS: usize = 3;

/// Whom to tell. Called once, from the committer's thread: it must not wait for the committer.
pub(crate) type Callback = Box<dyn FnOnce(Result<Applied, Fault>) + Send>;

/// Work in a transaction of its own on the one writing connection, which has begun and which it ends; or it is told
/// why there is none.
pub(crate) type Task = Box<dyn FnOnce(Result<&mut Link, Trouble>) + Send>;

/// Someone waiting. Dropped unanswered, as when a thread panics, it says so.
struct Waiter(Option<Callback>);

impl Waiter {
    /// Answers. A callback that panics hurts nobody else.
    fn answer(mut self, outcome: Result<Applied, Fault>) {
        self.tell(outcome);
    }

    fn tell(&mut self, outcome: Result<Applied, Fault>) {
        let Some(callback) = self.0.take() else { return };
        if catch_unwind(AssertUnwindSafe(|| callback(outcome))).is_err() {
            tracing::error!("a callback of the committer panicked");
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.tell(Err(Fault::Crashed));
    }
}

/// A batch on its way.
struct Pending {
    tenant: TenantId,
    batch: WriteBatch,
    waiter: Waiter,
    /// When it is withdrawn unless it has begun.
    until: Instant,
}

impl Pending {
    /// Answers that it was withdrawn: nothing was written, and nothing will be.
    fn withdraw(self) {
        self.waiter.answer(Err(Fault::Busy("the commit queue")));
    }
}

/// A task on its way.
struct Errand {
    task: Task,
    /// When it is told that another process holds the lock, rather than wait on.
    until: Instant,
}

/// What waits for a committer.
enum Job {
    Batch(Pending),
    Task(Errand),
    Chore(Chore),
}

/// The queue and its threads.
pub(crate) struct Committer {
    queue: Arc<Queue>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    alive: Arc<Alive>,
    patience: Duration,
}

/// How many threads have not ended.
#[derive(Default)]
struct Alive {
    count: Mutex<usize>,
    fewer: Condvar,
}

/// One of them; over when dropped.
struct Living(Arc<Alive>);

impl Living {
    fn new(alive: &Arc<Alive>) -> Self {
        let mut count = alive.count.lock().unwrap_or_else(PoisonError::into_inner);
        *count = count.saturating_add(1);
        Self(Arc::clone(alive))
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        let mut count = self.0.count.lock().unwrap_or_else(PoisonError::into_inner);
        *count = count.saturating_sub(1);
        self.0.fewer.notify_all();
    }
}

impl Committer {
    /// Starts the threads. They connect when there is something to do.
    pub(crate) fn start(connector: &Arc<Connector>, config: &DatabaseConfig) -> std::io::Result<Self> {
        let single = connector.target.has_single_writer();
        let queue = Arc::new(Queue::new(config.commit_queue, config.commit_batch, !single));
        let patience = config.commit_timeout;
        let committer = Self { queue, threads: Mutex::new(Vec::new()), alive: Arc::default(), patience };
        for number in 0..if single { 1 } else { SERVER_WORKERS } {
            let taker = if single || number > 0 { Taker::OfAnything } else { Taker::OfInserts };
            let worker = Worker::new((Arc::clone(&committer.queue), taker), Arc::clone(connector), patience)?;
            committer.spawn(format!("committer-{number}"), move || worker.run())?;
        }
        let queue = Arc::clone(&committer.queue);
        committer.spawn("committer-watch".to_owned(), move || watch::run(&queue, patience))?;
        Ok(committer)
    }

    fn spawn(&self, name: String, run: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        let living = Living::new(&self.alive);
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            let _living = living;
            run();
        })?;
        self.threads().push(thread);
        Ok(())
    }

    /// Queues a batch, or answers at once that there is no room. Nobody is woken for it.
    pub(crate) fn put(&self, tenant: TenantId, batch: WriteBatch, done: Callback) {
        let waiter = Waiter(Some(done));
        let pending = Pending { tenant, batch, waiter, until: until(self.patience) };
        if let Err(Job::Batch(refused)) = self.queue.push(Job::Batch(pending)) {
            refused.withdraw();
        }
    }

    /// Wakes a committer, if there is something for it.
    pub(crate) fn wake(&self) {
        self.queue.wake();
    }

    /// Queues work for the writing connection, which waits at most for `patience` for another process's lock;
    /// `false` when there is no room.
    pub(crate) fn run(&self, task: Task, patience: Duration) -> bool {
        let queued = self.queue.push(Job::Task(Errand { task, until: until(patience) })).is_ok();
        self.queue.wake();
        queued
    }

    /// Queues removals that ride in the transactions of others, and waits for another process's lock for `patience` at
    /// most; `false` when there is no room. Where there is one writer only.
    pub(crate) fn ride(
        &self,
        removals: (Vec<Removal>, Pace),
        done: SyncSender<Result<usize, Failure>>,
        patience: Duration,
    ) -> bool {
        let queued = self.queue.push(Job::Chore(Chore::new(removals, done, until(patience)))).is_ok();
        self.queue.wake();
        queued
    }

    /// How many jobs wait.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Takes nothing more, does what waits, and returns when it is done. Again, it does nothing.
    pub(crate) fn shut_down(&self) {
        self.queue.close(true);
        self.join();
    }

    fn join(&self) {
        let threads = std::mem::take(&mut *self.threads());
        for thread in threads {
            // A callback may hold the last handle of the database; a thread cannot wait for itself.
            if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
                tracing::error!("a committer thread had crashed");
            }
        }
    }

    /// The same, but gives up after `patience`: whether all was done. The threads that are not done are left alone.
    pub(crate) fn shut_down_within(&self, patience: Duration) -> bool {
        self.queue.close(true);
        let count = self.alive.count.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.alive.fewer.wait_timeout_while(count, patience, |alive| *alive > 0);
        let left = *waited.unwrap_or_else(PoisonError::into_inner).0;
        if left == 0 {
            self.shut_down();
            return true;
        }
        // Nobody joins them, whoever drops this.
        self.threads().clear();
        tracing::error!(
            threads = left,
            batches = self.queue.len(),
            "commits did not come to an end in time and are left behind: each was done wholly or not at all, and nobody \
             was told that it was"
        );
        false
    }

    fn threads(&self) -> std::sync::MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[expect(clippy::disallowed_methods, reason = "the commit path measures durations")]
fn now() -> Instant {
    Instant::now()
}

fn until(patience: Duration) -> Instant {
    let now = now();
    now.checked_add(patience).unwrap_or(now)
}

impl Drop for Committer {
    /// As a command does, perhaps beside a server, which is not to wait for it.
    fn drop(&mut self) {
        self.queue.close(false);
        self.join();
    }
}
