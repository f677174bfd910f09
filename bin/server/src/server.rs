//! Listeners, signals, shutdown.

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::signal::unix::{SignalKind, signal};

use crate::{
    app::{App, BuildError},
    config::{Config, TlsSection},
    jobs,
    listener::{self, Listeners},
    setup::Setup,
    tls::{self, Slot},
};

/// What each part of the end may take at least, however long the parts before it took.
const LEAST: Duration = Duration::from_secs(1);

/// Why a server cannot start, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An address cannot be bound.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address.
        address: String,
        /// The system's words.
        error: std::io::Error,
    },
    /// A TLS listener has no usable certificate.
    #[error("[[tls]] {address}: {error}")]
    Tls {
        /// Where it was to listen.
        address: String,
        /// What is wrong.
        error: tls::ContextError,
    },
    /// The app cannot be wired.
    #[error("{0}")]
    Build(#[from] BuildError),
    /// It was told to end, and what was under way did not come to an end in time: exit code 5.
    #[error(
        "ended after server.shutdown_timeout with work under way, for a disk or a database does not answer; each piece of \
         it was done wholly or not at all, and nobody was told that it was"
    )]
    LeftBehind,
    /// The listener failed.
    #[error("the listener failed: {0}")]
    Io(#[from] std::io::Error),
}

/// A server whose addresses are bound but that does not answer yet.
#[derive(Debug)]
pub struct Bound {
    public: TcpListener,
    tls: Vec<(TcpListener, Arc<Slot>)>,
    management: TcpListener,
    /// Where the public listener is.
    pub public_address: SocketAddr,
    /// Where the TLS listeners are, in the order of the configuration.
    pub tls_addresses: Vec<SocketAddr>,
    /// Where the management listener is.
    pub management_address: SocketAddr,
}

impl Bound {
    /// Binds all addresses; port 0 picks a free one. Reads the certificates.
    ///
    /// # Errors
    /// [`ServeError::Listen`], [`ServeError::Tls`].
    pub fn bind(config: &Config) -> Result<Self, ServeError> {
        let public = listen(&config.raw.server.listen)?;
        let management = listen(&config.raw.management.listen)?;
        let tls = config.raw.tls.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        let address = |(listener, _): &(TcpListener, Arc<Slot>)| listener.local_addr();
        Ok(Self {
            tls_addresses: tls.iter().map(address).collect::<Result<_, _>>()?,
            tls,
            public_address: public.local_addr()?,
            management_address: management.local_addr()?,
            public,
            management,
        })
    }

    /// Serves until SIGTERM or SIGINT, then finishes what is in flight, for as long as `server.shutdown_timeout` and two or
    /// three seconds more. `started` is told once both answer.
    ///
    /// # Errors
    /// [`ServeError`].
    pub async fn serve(
        self,
        config: Config,
        setup: Setup,
        public_url: String,
        started: impl FnOnce(),
    ) -> Result<(), ServeError> {
        let section = config.raw.server.clone();
        let app = Arc::new(App::build(config, setup.clone(), public_url)?);
        let (stop, stopping) = tokio::sync::watch::channel(false);
        let slots: Vec<_> = self.tls.iter().map(|(_, slot)| Arc::clone(slot)).collect();
        let listeners = Listeners { plain: self.public, tls: self.tls };
        let public = listener::public(listeners, &section, &app, &stopping)?;
        // Health is told until all is over.
        let (_over, going_on) = tokio::sync::watch::channel(false);
        let management = listener::management(self.management, &app, &going_on)?;
        let (public_handle, management_handle) = (public.handle(), management.handle());
        let (public, management) = (actix_web::rt::spawn(public), actix_web::rt::spawn(management));
        let mut jobs = jobs::start(&app, &setup);
        if !slots.is_empty() {
            jobs.push(jobs::certificates::start(&app, slots)?);
        }
        // Before anybody is told: who is may end it at once, and in order.
        let stopped = stop_signal()?;
        started();
        stopped.await;
        tracing::info!("stopping: finishing the requests in flight");
        let end = End::within(Duration::from_secs(section.shutdown_timeout));
        stop.send_replace(true);
        let public = end.wait_for("a worker", public_handle.stop(true), public).await?;
        jobs.iter().for_each(actix_web::rt::task::JoinHandle::abort);
        let management =
            end.wait_for("the management listener", management_handle.stop(false), management).await?;
        let committed = app.database.shut_down_within(end.left());
        if !(public && management && committed) {
            return Err(ServeError::LeftBehind);
        }
        tracing::info!("stopped");
        Ok(())
    }
}

/// The time in which a server ends.
struct End {
    begun: Instant,
    within: Duration,
}

impl End {
    #[expect(clippy::disallowed_methods, reason = "measures a wait, decides nothing that is stored")]
    fn within(within: Duration) -> Self {
        Self { begun: Instant::now(), within }
    }

    fn left(&self) -> Duration {
        self.within.saturating_sub(self.begun.elapsed()).max(LEAST)
    }

    /// Whether a listener that is `stopping` has ended in time. A worker that waits for a disk says nothing, and would be
    /// waited for as long as that.
    async fn wait_for(
        &self,
        what: &str,
        stopping: impl Future<Output = ()>,
        listener: actix_web::rt::task::JoinHandle<std::io::Result<()>>,
    ) -> Result<bool, ServeError> {
        let stopped = async {
            stopping.await;
            ended(listener.await)
        };
        // The library takes the whole time by itself where a connection does not end.
        match tokio::time::timeout(self.left().saturating_add(LEAST), stopped).await {
            Ok(ended) => ended.map(|()| true),
            Err(_elapsed) => {
                tracing::error!("{what} did not come to an end in time and is left behind");
                Ok(false)
            }
        }
    }
}

/// Runs a server on this thread, until it ends. What still waits for a disk or a database then, on another thread, is not
/// waited for: it ends with the process.
///
/// # Errors
/// Those of `serving`.
pub fn run(serving: impl Future<Output = Result<(), ServeError>>) -> Result<(), ServeError> {
    // A runtime that is dropped waits for its blocking threads.
    let system = std::mem::ManuallyDrop::new(actix_web::rt::System::new());
    system.block_on(serving)
}

fn ended(result: Result<std::io::Result<()>, actix_web::rt::task::JoinError>) -> Result<(), ServeError> {
    result.map_err(std::io::Error::other)?.map_err(ServeError::Io)
}

fn open(section: &TlsSection) -> Result<(TcpListener, Arc<Slot>), ServeError> {
    let failed = |error| ServeError::Tls { address: section.listen.clone(), error };
    let slot = Slot::open(section.clone()).map_err(failed)?;
    Ok((listen(&section.listen)?, Arc::new(slot)))
}

fn listen(address: &str) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).map_err(|error| ServeError::Listen { address: address.to_owned(), error })
}

/// From now on SIGTERM and SIGINT do not end the process: what is returned waits for one of them.
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
