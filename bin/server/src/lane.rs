//! The blocking lanes: the only place that leaves the async world (BLUEPRINT 5.2).

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use domain::Fault;
use tokio::sync::Semaphore;

use crate::{connection, gate::Gate};

/// A bounded number of blocking jobs at a time, with a bounded wait in front.
#[derive(Clone, Debug)]
pub struct Lane {
    name: &'static str,
    permits: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    patience: Duration,
    gate: Arc<Gate>,
    wait: prometheus::Histogram,
}

impl Lane {
    /// A lane for `width` jobs, with at most `queue` more waiting for at most `patience`. It has room as long as they
    /// wait for no longer than `max_wait`. `wait` observes seconds.
    pub fn new(
        name: &'static str,
        width: usize,
        queue: usize,
        patience: Duration,
        max_wait: Duration,
        wait: prometheus::Histogram,
    ) -> Self {
        let permits = Arc::new(Semaphore::new(width));
        let waiting = Arc::new(Semaphore::new(width.saturating_add(queue)));
        Self { name, permits, waiting, patience, gate: Arc::new(Gate::new(max_wait / 2)), wait }
    }

    /// Whether one more may come. To be asked at the door; who is inside is served.
    pub fn has_room(&self) -> bool {
        self.gate.has_room()
    }

    /// Runs `job` on a blocking thread. It runs to its end even when the caller goes away: the permit moves in.
    ///
    /// # Errors
    /// [`Fault::Busy`] when the queue is full or no place came free in time, [`Fault::Crashed`] when the job
    /// panicked.
    pub async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T, Fault> {
        let Ok(seat) = Arc::clone(&self.waiting).try_acquire_owned() else {
            return Err(Fault::Busy(self.name));
        };
        let timer = self.wait.start_timer();
        let waiting = self.gate.enter();
        let permit = tokio::time::timeout(self.patience, Arc::clone(&self.permits).acquire_owned()).await;
        drop(waiting);
        timer.observe_duration();
        let Ok(Ok(permit)) = permit else {
            return Err(Fault::Busy(self.name));
        };
        let span = tracing::Span::current();
        let (reply, receiver) = connection::reply();
        #[expect(clippy::disallowed_methods, reason = "this is the lane")]
        let running = tokio::task::spawn_blocking(move || {
            let result = span.in_scope(job);
            drop((permit, seat));
            reply.tell(result);
        });
        // It runs to its end by itself.
        drop(running);
        receiver.await.map_err(|_crashed| {
            tracing::error!(lane = self.name, "a blocking job crashed");
            Fault::Crashed
        })
    }
}

/// Runs `job` on this very thread, for what takes microseconds.
///
/// # Errors
/// [`Fault::Crashed`] when it panicked, as in a lane.
pub fn inline<T>(job: impl FnOnce() -> T) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(job)).map_err(|_panic| {
        tracing::error!("a look-up crashed");
        Fault::Crashed
    })
}
