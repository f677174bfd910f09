//! The public listener: the HTTP library's dispatcher over watched connections.

use std::{io, net::TcpListener, rc::Rc, sync::Arc, time::Duration};

use actix_http::HttpService;
use actix_service::{IntoServiceFactory as _, ServiceFactoryExt as _, fn_service, map_config};
use actix_web::{
    App as ActixApp,
    dev::{AppConfig, Server},
    middleware::from_fn,
    rt::net::TcpStream,
    web,
};
use tokio::sync::watch;

use crate::{
    app::App,
    config::ServerSection,
    connection::{Bounds, Watched, Worker},
    descriptors,
    extract::request_id,
    routes,
};

/// How long a connection that is being closed may linger.
const LINGER: Duration = Duration::from_secs(2);

/// Connections that the system may hold ready while all workers are busy or full.
const BACKLOG: i32 = 1024;

/// Serves the public routes. When `stopping` turns true, connections end after the answer they are at.
///
/// # Errors
/// Those of the system.
pub fn public(
    listener: TcpListener,
    section: &ServerSection,
    app: &Arc<App>,
    stopping: &watch::Receiver<bool>,
) -> io::Result<Server> {
    rustix::net::listen(&listener, BACKLOG)?;
    let workers = section.worker_threads();
    let connections = descriptors::room_for(section.max_connections).div_ceil(workers);
    let bounds = Bounds {
        patience: Duration::from_secs(section.request_timeout),
        keep_alive: Duration::from_secs(section.keep_alive),
        connections,
        wait: Duration::from_millis(section.max_wait_ms * 2 / 5),
    };
    let shutdown_timeout = section.shutdown_timeout;
    let data = web::Data::from(Arc::clone(app));
    let (address, stopping) = (listener.local_addr()?, stopping.clone());
    let factory = move || {
        let worker = Worker::start(bounds);
        let stopping = stopping.clone();
        let routes = ActixApp::new()
            .app_data(data.clone())
            .wrap(from_fn(request_id::middleware))
            .configure(routes::public)
            .into_factory()
            .map_err(|error: actix_web::Error| error.error_response());
        let http = HttpService::build()
            .keep_alive(bounds.keep_alive)
            .client_request_timeout(bounds.patience)
            .client_disconnect_timeout(LINGER)
            .local_addr(address)
            .graceful_shutdown_signal(move || {
                let mut stopping = stopping.clone();
                // An end of the sender is an end as well.
                async move { drop(stopping.wait_for(|stopping| *stopping).await) }
            })
            .on_connect_ext(|io: &Watched, data| {
                data.insert(io.state());
            })
            .h1(map_config(routes, |()| AppConfig::default()));
        fn_service(move |io: TcpStream| {
            let (peer, worker) = (io.peer_addr().ok(), Rc::clone(&worker));
            async move { Ok::<_, actix_http::error::DispatchError>((Watched::new(io, &worker), peer)) }
        })
        .and_then(http)
    };
    let server = Server::build()
        .workers(workers)
        .max_concurrent_connections(connections)
        .shutdown_timeout(shutdown_timeout)
        .disable_signals()
        .listen("public", listener, factory)?;
    Ok(server.run())
}
