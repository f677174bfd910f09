//! Where slow hashes happen: threads of their own, a fair turn for each tenant, and a short queue
//! (docs/decisions/0018).

mod debt;
mod queue;
mod shared;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use domain::{Fault, TenantId};

use shared::{Job, Lane, Shared, Turn};
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy,
    thread_native_id,
};

use crate::connection;

/// How nice hashing threads are to the others. At 8 they get about a seventh of a core that others want whole: a flood
/// of guesses must not take a fifth of what correct clients get.
const NICE: i32 = 8;

/// As nice as can be.
const NICEST: i32 = 19;

/// The name of the lane in metrics and faults.
const NAME: &str = "hashing";

/// What the hashing threads may take.
#[derive(Clone, Copy, Debug)]
pub struct HashBounds {
    /// Threads.
    pub threads: usize,
    /// Hashes of one tenant that may wait.
    pub queue: usize,
    /// How long a hash may wait. One that is expected to wait for longer is refused at once.
    pub patience: Duration,
}

/// The hashing threads. They end when it is dropped.
#[derive(Debug)]
pub struct Hashing(Arc<Shared>);

impl Hashing {
    /// Starts the threads. `wait` observes seconds.
    ///
    /// # Errors
    /// [`Fault::Crashed`] when the system gives no thread.
    pub fn start(bounds: HashBounds, wait: prometheus::Histogram) -> Result<Self, Fault> {
        // Half as many: each takes the memory of a hash.
        let leftover = HashBounds { threads: bounds.threads.div_ceil(2), ..bounds };
        let shared = Arc::new(Shared::new(bounds, leftover, wait));
        let lanes = [(Lane::Fair, bounds.threads), (Lane::Leftover, leftover.threads)];
        for lane in lanes.into_iter().flat_map(|(lane, threads)| std::iter::repeat_n(lane, threads)) {
            let mine = Arc::clone(&shared);
            let thread = std::thread::Builder::new().name(NAME.to_owned());
            thread.spawn(move || work(&mine, lane)).map_err(|error| {
                tracing::error!(%error, "a hashing thread could not be started");
                Fault::Crashed
            })?;
        }
        Ok(Self(shared))
    }

    /// Whether a hash for `tenant` would be taken now. Asked before anything is read for it.
    ///
    /// # Errors
    /// [`Fault::Busy`] when it would wait for too long.
    pub fn room(&self, tenant: TenantId) -> Result<(), Fault> {
        if self.0.has_room(tenant) { Ok(()) } else { Err(Fault::Busy(NAME)) }
    }

    /// Whether a fault says that no hash was made for want of room.
    pub fn refused(fault: &Fault) -> bool {
        matches!(fault, Fault::Busy(NAME))
    }

    /// Runs `job` for `tenant` when its turn comes: tenants take turns, however much one of them asks for. It is not
    /// run when its caller has gone. Those that were made `in_vain` may take a sixteenth of the threads' time for one
    /// tenant, and what nobody else wants, also when their callers do not wait for the answer.
    ///
    /// # Errors
    /// [`Fault::Busy`] when it waits or would wait for too long, [`Fault::Crashed`] when it panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        tenant: TenantId,
        job: impl FnOnce() -> T + Send + 'static,
        in_vain: impl FnOnce(&T) -> bool + Send + 'static,
    ) -> Result<T, Fault> {
        let (reply, receiver) = connection::reply();
        let span = tracing::Span::current();
        let job: Job = Box::new(move |shared, Turn { lane, late }| {
            if reply.is_abandoned() {
                return;
            }
            let result = if late {
                Err(Fault::Busy(NAME))
            } else {
                let (done, cpu) = shared.timed(lane, || span.in_scope(job));
                if in_vain(&done) {
                    shared.failed(tenant, cpu);
                }
                Ok(done)
            };
            reply.tell(result);
        });
        if !self.0.push(tenant, job) {
            return Err(Fault::Busy(NAME));
        }
        receiver.await.map_err(|_closed| Fault::Crashed)?
    }
}

impl Drop for Hashing {
    fn drop(&mut self) {
        self.0.close();
    }
}

fn work(shared: &Shared, lane: Lane) {
    yield_to_others(lane);
    while let Some((job, turn)) = shared.pop(lane) {
        let done = catch_unwind(AssertUnwindSafe(|| job(shared, turn)));
        if done.is_err() {
            tracing::error!(lane = NAME, "a hash crashed");
        }
    }
}

/// Gives this thread its place behind the others. Nice and policy are a thread's own on Linux.
fn yield_to_others(lane: Lane) {
    let nice = match lane {
        Lane::Fair => NICE,
        // Whoever else wants the processor has it at once (SCHED_IDLE, sched(7)): what is nice only is left to run for
        // some milliseconds first.
        Lane::Leftover if idle_policy().is_ok() => return,
        Lane::Leftover => NICEST,
    };
    if let Err(error) = rustix::process::setpriority_process(None, nice) {
        tracing::warn!(%error, "a hashing thread keeps its priority");
    }
}

fn idle_policy() -> Result<(), thread_priority::Error> {
    let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy)
}

#[expect(clippy::disallowed_methods, reason = "measures a wait, decides nothing that is stored")]
fn instant() -> Instant {
    Instant::now()
}
