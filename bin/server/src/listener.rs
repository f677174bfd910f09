//! The listeners: the HTTP library's dispatcher over watched connections.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use actix_http::{HttpService, Request, error::DispatchError};
use actix_service::{
    IntoServiceFactory as _, Service as _, ServiceFactory, ServiceFactoryExt as _, fn_factory, fn_service,
    map_config,
};
use actix_web::{
    App as ActixApp, HttpResponse,
    body::BoxBody,
    dev::{AppConfig, Server, ServiceResponse},
    middleware::from_fn,
    rt::net::TcpStream,
    web,
};
use tokio::sync::watch;

use crate::{
    app::App,
    config::ServerSection,
    connection::{Bounds, Place, Refused, Shaking, Sources, Underlying, Watched, Worker, serve_http2},
    descriptors,
    extract::request_id,
    routes,
    tls::{self, Handshake, Slot},
};

/// How long a connection that is being closed may linger.
const LINGER: Duration = Duration::from_secs(2);

/// Connections that the system may hold ready while all workers are busy or full.
const BACKLOG: i32 = 1024;

/// What the management listener grants. Health is asked by few, and who asks waits for a second or two.
const MANAGEMENT: Bounds = Bounds {
    patience: Duration::from_secs(2),
    keep_alive: Duration::from_secs(5),
    connections: 256,
    // Whoever asks how it is gets no answer that it is busy.
    wait: Duration::from_mins(1),
};

/// Connections of one source to the management listener.
const MANAGEMENT_SHARE: usize = 64;

/// The public listeners of a server: they share workers and bounds.
pub struct Listeners {
    /// In the clear.
    pub plain: TcpListener,
    /// Under TLS.
    pub tls: Vec<(TcpListener, Arc<Slot>)>,
}

/// Serves the public routes. When `stopping` turns true, connections end after the answer they are at.
///
/// # Errors
/// Those of the system.
pub fn public(
    listeners: Listeners,
    section: &ServerSection,
    app: &Arc<App>,
    stopping: &watch::Receiver<bool>,
) -> io::Result<Server> {
    let workers = section.worker_threads();
    let connections = descriptors::room_for(section.max_connections).div_ceil(workers);
    let bounds = Bounds {
        patience: Duration::from_secs(section.request_timeout),
        keep_alive: Duration::from_secs(section.keep_alive),
        connections,
        wait: Duration::from_millis(section.max_wait_ms / 2),
    };
    let mut server = Server::build()
        .workers(workers)
        .max_concurrent_connections(connections)
        .shutdown_timeout(section.shutdown_timeout)
        .disable_signals();
    let share = section.share_of(connections.saturating_mul(workers));
    let sources = Sources::new(share, section.trusted_proxies.clone());
    let data = web::Data::from(Arc::clone(app));
    let common = Common { bounds, sources, data, routes: routes::public, stopping: stopping.clone() };
    rustix::net::listen(&listeners.plain, BACKLOG)?;
    let (address, plain) = (listeners.plain.local_addr()?, common.clone());
    server = server.listen("public", listeners.plain, move || plain.in_the_clear(address))?;
    for (listener, slot) in listeners.tls {
        rustix::net::listen(&listener, BACKLOG)?;
        let (address, common) = (listener.local_addr()?, common.clone());
        server = server.listen(format!("tls {address}"), listener, move || {
            let worker = Worker::of_this_thread(bounds);
            let (http, slot, common) = (common.either(address), Arc::clone(&slot), common.clone());
            fn_service(move |io: TcpStream| {
                let (peer, worker, slot) = (peer(&io), Rc::clone(&worker), Arc::clone(&slot));
                let (place, common) = (common.place(peer), common.clone());
                async move {
                    let place = place?;
                    let shaking = Shaking::new(&place, &worker);
                    let turn =
                        async |flight| shaking.turn(flight).await.map_err(|refused| common.refused(refused));
                    let (io, handshake) = tls::accept(io, &slot, bounds.patience, turn).await?;
                    Ok::<_, DispatchError>((Watched::new(io, handshake, place, &worker), peer))
                }
            })
            .and_then(http)
        })?;
    }
    Ok(server.run())
}

/// Serves the management routes, on a thread of their own: nobody who holds connections there, or here, keeps health from
/// being told. It serves for as long as there is a sender to `stopping`.
///
/// # Errors
/// Those of the system.
pub fn management(
    listener: TcpListener,
    app: &Arc<App>,
    stopping: &watch::Receiver<bool>,
) -> io::Result<Server> {
    let server = Server::build()
        .workers(1)
        .max_concurrent_connections(MANAGEMENT.connections)
        .shutdown_timeout(1)
        .disable_signals();
    let common = Common {
        bounds: MANAGEMENT,
        sources: Sources::new(MANAGEMENT_SHARE, Vec::new()),
        data: web::Data::from(Arc::clone(app)),
        routes: routes::management::routes,
        stopping: stopping.clone(),
    };
    rustix::net::listen(&listener, BACKLOG)?;
    let address = listener.local_addr()?;
    Ok(server.listen("management", listener, move || common.in_the_clear(address))?.run())
}

/// What all the listeners of a server have in common.
#[derive(Clone)]
struct Common {
    bounds: Bounds,
    sources: Arc<Sources>,
    data: web::Data<App>,
    routes: fn(&mut web::ServiceConfig),
    stopping: watch::Receiver<bool>,
}

impl Common {
    /// What serves connections to `address` that have no TLS, on one worker.
    fn in_the_clear(
        &self,
        address: SocketAddr,
    ) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = DispatchError, InitError = ()> + use<>
    {
        let (worker, common) = (Worker::of_this_thread(self.bounds), self.clone());
        fn_service(move |io: TcpStream| {
            let (peer, worker) = (peer(&io), Rc::clone(&worker));
            let place = common.place(peer);
            async move {
                Ok::<_, DispatchError>((Watched::new(io, Handshake::default(), place?, &worker), peer))
            }
        })
        .and_then(self.http(address))
    }

    /// A place for a new connection, which ends at once where its source has its share: before any handshake.
    fn place(&self, peer: Option<SocketAddr>) -> Result<Place, DispatchError> {
        self.sources.place(peer.map(|peer| peer.ip())).ok_or_else(|| {
            self.data.metrics.connections_refused.inc();
            DispatchError::Io(io::ErrorKind::ConnectionRefused.into())
        })
    }

    /// Notes that a connection is closed because there is no handshake for it.
    fn refused(&self, why: Refused) -> io::Error {
        match why {
            Refused::Many => self.data.metrics.connections_refused.inc(),
            Refused::Late => self.data.metrics.shed.with_label_values(&["handshakes"]).inc(),
        }
        io::ErrorKind::ConnectionRefused.into()
    }

    /// The routes.
    fn routes(
        &self,
    ) -> impl ServiceFactory<
        Request,
        Config = (),
        Response = ServiceResponse<BoxBody>,
        Error = HttpResponse,
        InitError = (),
    > + use<> {
        let routes = ActixApp::new()
            .app_data(self.data.clone())
            .wrap(from_fn(request_id::middleware))
            .configure(self.routes)
            .into_factory()
            .map_err(|error: actix_web::Error| error.error_response());
        map_config(routes, |()| AppConfig::default())
    }

    /// The HTTP library's dispatcher for connections to `address`.
    fn http<Io: Underlying + 'static>(&self, address: SocketAddr) -> impl Serves<Io> + use<Io> {
        let stopping = self.stopping.clone();
        HttpService::build()
            .keep_alive(self.bounds.keep_alive)
            .client_request_timeout(self.bounds.patience)
            .client_disconnect_timeout(LINGER)
            .local_addr(address)
            .graceful_shutdown_signal(move || {
                let mut stopping = stopping.clone();
                // An end of the sender is an end as well.
                async move { drop(stopping.wait_for(|stopping| *stopping).await) }
            })
            .on_connect_ext(|io: &Watched<Io>, data| {
                data.insert(io.state());
            })
            .h1(self.routes())
    }

    /// The same, or HTTP/2 where a handshake has chosen it.
    fn either<Io: Underlying + 'static>(&self, address: SocketAddr) -> impl Serves<Io> + use<Io> {
        let (http1, routes, common) = (self.http::<Io>(address), self.routes(), self.clone());
        fn_factory(move || {
            let (http1, routes, common) = (http1.new_service(()), routes.new_service(()), common.clone());
            async move {
                let (http1, routes) = (Rc::new(http1.await?), Rc::new(routes.await?));
                Ok::<_, ()>(fn_service(move |(io, peer): (Watched<Io>, Option<SocketAddr>)| {
                    let (http1, routes, common) = (Rc::clone(&http1), Rc::clone(&routes), common.clone());
                    async move {
                        if !io.speaks_http2() {
                            return http1.call((io, peer)).await;
                        }
                        serve_http2(io, routes, peer, common.bounds, common.stopping).await;
                        Ok(())
                    }
                }))
            }
        })
    }
}

/// Who connects. What is written to it leaves at once: else the first answer of a TLS connection waits until the peer has
/// acknowledged the session tickets before it, for which peers take up to 40 ms (Nagle's algorithm, RFC 9293 §3.7.4).
fn peer(io: &TcpStream) -> Option<SocketAddr> {
    if let Err(error) = io.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps what it may send together");
    }
    io.peer_addr().ok()
}

/// A dispatcher of HTTP over watched connections.
trait Serves<Io>:
    ServiceFactory<
        (Watched<Io>, Option<SocketAddr>),
        Config = (),
        Response = (),
        Error = DispatchError,
        InitError = (),
    >
{
}

impl<Io, T> Serves<Io> for T where
    T: ServiceFactory<
            (Watched<Io>, Option<SocketAddr>),
            Config = (),
            Response = (),
            Error = DispatchError,
            InitError = (),
        >
{
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_web::test]
    async fn what_is_written_to_a_connection_leaves_at_once() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let caller = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        assert!(!accepted.nodelay().unwrap());
        assert_eq!(peer(&accepted), caller.local_addr().ok());
        assert!(accepted.nodelay().unwrap());
    }
}
