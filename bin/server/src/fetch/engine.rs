//! The thread that fetches: no request worker waits for a name server, a handshake or a slow body, and a caller that goes
//! away ends no fetch that others wait for.

use std::{future::Future, sync::Arc, sync::OnceLock};

use tokio::sync::oneshot;

use super::client::{FetchError, Fetcher};
use crate::config::OutboundSection;

/// The thread, which is started when something is first fetched.
#[derive(Debug)]
pub(super) struct Engine {
    section: OutboundSection,
    running: OnceLock<Option<Running>>,
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
        Self { section: section.clone(), running: OnceLock::new() }
    }

    /// Runs work there with what fetches; `false` when that is not possible.
    pub(super) fn run<F: Future<Output = ()> + Send + 'static>(
        &self,
        work: impl FnOnce(Arc<Fetcher>) -> F,
    ) -> bool {
        let start = || {
            let told = |error| tracing::error!(%error, "nothing can be fetched");
            Running::start(&self.section).map_err(told).ok()
        };
        let running = self.running.get_or_init(start).as_ref();
        running.map(|running| running.handle.spawn(work(Arc::clone(&running.fetcher)))).is_some()
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
