//! The thread that fetches: no request worker waits for a name server, a handshake or a slow body, and a caller that goes
//! away ends no fetch that others wait for.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use domain::{Timestamp, Ttl};
use tokio::sync::oneshot;

use super::client::{FetchError, Fetcher};
use crate::config::OutboundSection;

/// For how long the thread is not started again where it did not start: what lacked, such as memory, may be there then.
const PAUSE: Ttl = Ttl::from_secs(5);

/// The thread, which is started when something is first fetched.
#[derive(Debug)]
pub(super) struct Engine {
    section: OutboundSection,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// Not started, or not since it failed at that instant of a steady clock.
    Idle(Option<Timestamp>),
    Running(Arc<Running>),
}

/// It ends with its owner.
#[derive(Debug)]
struct Running {
    handle: tokio::runtime::Handle,
    fetcher: Arc<Fetcher>,
    _stop: oneshot::Sender<()>,
}

impl Engine {
    /// Nothing is started yet.
    pub(super) fn new(section: &OutboundSection) -> Self {
        Self { section: section.clone(), state: Mutex::new(State::Idle(None)) }
    }

    /// Runs work there with what fetches; `false` when that is not possible at `now`, of a steady clock.
    pub(super) fn run<F: Future<Output = ()> + Send + 'static>(
        &self,
        work: impl FnOnce(Arc<Fetcher>) -> F,
        now: Timestamp,
    ) -> bool {
        let running = self.running(now, || Running::start(&self.section));
        running.map(|running| running.handle.spawn(work(Arc::clone(&running.fetcher)))).is_some()
    }

    fn running(
        &self,
        now: Timestamp,
        start: impl FnOnce() -> Result<Running, FetchError>,
    ) -> Option<Arc<Running>> {
        // Whoever panicked held nothing half done.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &*state {
            State::Running(running) => return Some(Arc::clone(running)),
            State::Idle(Some(failed)) if !failed.plus(PAUSE).has_passed(now) => return None,
            State::Idle(_) => {}
        }
        match start() {
            Ok(running) => {
                let running = Arc::new(running);
                *state = State::Running(Arc::clone(&running));
                Some(running)
            }
            Err(error) => {
                tracing::error!(%error, "nothing can be fetched");
                *state = State::Idle(Some(now));
                None
            }
        }
    }
}

impl Running {
    fn start(section: &OutboundSection) -> Result<Self, FetchError> {
        let fetcher = Arc::new(Fetcher::new(section)?);
        let failed = |_error| FetchError::Target("the thread for fetching does not start");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(2)
            .build()
            .map_err(failed)?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let run = move || {
            drop(runtime.block_on(stopped));
            runtime.shutdown_background();
        };
        std::thread::Builder::new().name("fetch".to_owned()).spawn(run).map_err(failed)?;
        Ok(Self { handle, fetcher, _stop: stop })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_did_not_start_is_started_later() {
        let engine = Engine::new(&OutboundSection::default());
        let at = |secs: i64| Timestamp::from_secs(1000 + secs);
        let fails = || Err(FetchError::Target("no thread"));
        assert!(engine.running(at(0), fails).is_none());
        let starts = || Running::start(&engine.section);
        assert!(engine.running(at(4), || panic!("not so soon")).is_none());
        let running = engine.running(at(5), starts).unwrap();
        let again = engine.running(at(6), || panic!("it runs")).unwrap();
        assert!(Arc::ptr_eq(&running, &again));
    }
}
