//! Listeners, signals, shutdown.

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
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

    /// Serves until SIGTERM or SIGINT, then finishes what is in flight. `started` is told once both answer.
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
        stop.send_replace(true);
        public_handle.stop(true).await;
        jobs.iter().for_each(actix_web::rt::task::JoinHandle::abort);
        management_handle.stop(false).await;
        ended(public.await)?;
        ended(management.await)?;
        app.database.shut_down();
        tracing::info!("stopped");
        Ok(())
    }
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
