//! The group committer: threads of their own that do many batches in one transaction (BLUEPRINT amendment 3).
//!
//! **Nobody is told of success before COMMIT has returned**, and every waiter is told something, whatever happens.

mod group;
mod queue;
mod worker;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use domain::{Applied, Fault, TenantId, WriteBatch};

use crate::failure::Trouble;
use crate::link::Link;
use crate::manager::Connector;
use queue::Queue;
use worker::Worker;

/// Threads for PostgreSQL, where several transactions commit at once.
const SERVER_WORKERS: usize = 3;

/// Whom to tell. Called once, from the committer's thread: it must not wait for the committer.
pub(crate) type Callback = Box<dyn FnOnce(Result<Applied, Fault>) + Send>;

/// Work that needs the one writing connection and a transaction of its own, or is told why there is none.
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
}

/// What waits for a committer.
enum Job {
    Batch(Pending),
    Task(Task),
}

/// The queue and its threads.
pub(crate) struct Committer {
    queue: Arc<Queue>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Committer {
    /// Starts the threads. They connect when there is something to do.
    pub(crate) fn start(connector: &Arc<Connector>, capacity: usize, group: usize) -> std::io::Result<Self> {
        let single = connector.target.has_single_writer();
        let queue = Arc::new(Queue::new(capacity, group, !single));
        let committer = Self { queue, threads: Mutex::new(Vec::new()) };
        for number in 0..if single { 1 } else { SERVER_WORKERS } {
            let worker = Worker::new(Arc::clone(&committer.queue), Arc::clone(connector));
            let thread = std::thread::Builder::new()
                .name(format!("committer-{number}"))
                .spawn(move || worker.run())?;
            committer.threads().push(thread);
        }
        Ok(committer)
    }

    /// Queues a batch, or answers at once that there is no room.
    pub(crate) fn submit(&self, tenant: TenantId, batch: WriteBatch, done: Callback) {
        let waiter = Waiter(Some(done));
        if let Err(Job::Batch(refused)) = self.queue.push(Job::Batch(Pending { tenant, batch, waiter })) {
            refused.waiter.answer(Err(Fault::Busy("the commit queue")));
        }
    }

    /// Queues work for the writing connection; `false` when there is no room.
    pub(crate) fn run(&self, task: Task) -> bool {
        self.queue.push(Job::Task(task)).is_ok()
    }

    /// How many jobs wait.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Takes nothing more, does what waits, and returns when it is done. Again, it does nothing.
    pub(crate) fn shut_down(&self) {
        self.queue.close();
        let threads = std::mem::take(&mut *self.threads());
        for thread in threads {
            // A callback may hold the last handle of the database; a thread cannot wait for itself.
            if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
                tracing::error!("a committer thread had crashed");
            }
        }
    }

    fn threads(&self) -> std::sync::MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.shut_down();
    }
}
