//! What every endpoint of a tenant shares: tenant, request id, parameters, log, metrics, CORS.

use std::{
    cell::RefCell,
    future::Future,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web,
};
use client_auth::Scheme;
use domain::{Fault, Layout, Origin, RequestId, TenantName};
use oidc_core::Params;
use tracing::Instrument as _;

use crate::{
    admission,
    app::App,
    connection, cors,
    extract::{Call, call, params, request_id, uses::Uses},
    facts::TenantFacts,
    respond::{self, Reply, Stop},
};

/// Answers a request to `route` of a tenant with what `handle` makes of it.
pub async fn serve<F, Fut>(
    route: &'static str,
    http: HttpRequest,
    payload: web::Payload,
    handle: F,
) -> HttpResponse
where
    F: FnOnce(Rc<Call>) -> Fut,
    Fut: Future<Output = Result<Reply, Stop>>,
{
    let Some(app) = http.app_data::<web::Data<App>>().cloned().map(web::Data::into_inner) else {
        return respond::plain_error(
            StatusCode::INTERNAL_SERVER_ERROR,
            "server_error",
            "The server is not wired",
        );
    };
    if let Some(why) = admission::full(&app, route) {
        return admission::refused(&app, why).await;
    }
    let timer = app.metrics.seconds.with_label_values(&[route]).start_timer();
    let id = match request_id::given(&http) {
        Ok(id) => id,
        Err(fault) => return respond::answer(Err(fault.into()), ""),
    };
    let span = tracing::info_span!("request", request.id = %id, route);
    let response = with_tenant(route, &app, &http, payload, id, handle).instrument(span).await;
    timer.observe_duration();
    response
}

async fn with_tenant<F, Fut>(
    route: &'static str,
    app: &Arc<App>,
    http: &HttpRequest,
    payload: web::Payload,
    id: RequestId,
    handle: F,
) -> HttpResponse
where
    F: FnOnce(Rc<Call>) -> Fut,
    Fut: Future<Output = Result<Reply, Stop>>,
{
    let mut budget = Budget::new(app);
    let facts = match budgeted_tenant(app, http, route, &mut budget).await {
        Ok(Some(facts)) => facts,
        Ok(None) => {
            app.metrics.requests.with_label_values(&[route, "unknown_tenant"]).inc();
            return unknown_tenant();
        }
        Err(fault) => {
            tracing::error!(fault = %fault, "the tenant could not be read");
            app.metrics.requests.with_label_values(&[route, "fault"]).inc();
            return respond::answer(Err(fault.into()), "");
        }
    };
    let name = facts.tenant.name.clone();
    let mut response = match read(app, &facts, http, payload, (id, route)).await {
        Ok(call) => {
            let call = Rc::new(call);
            let result = budget.spend(handled(Rc::clone(&call), handle)).await;
            tell(route, &call, &result);
            let mut response = respond::answer(result, name.as_str());
            respond::tell_nonce(call.told.borrow_mut().dpop_nonce.take(), &mut response);
            response
        }
        Err(unread) => {
            let (outcome, reason) = unread.told();
            app.metrics.requests.with_label_values(&[route, outcome]).inc();
            tracing::info!(tenant.name = %name, outcome, reason, "request could not be read");
            unread.answer(name.as_str())
        }
    };
    cors::decorate(http, &facts.tenant.settings, &mut response);
    response
}

/// The answer, once what the request used up is on record: also a refusal, or it could be asked for again.
async fn handled<F, Fut>(call: Rc<Call>, handle: F) -> Result<Reply, Stop>
where
    F: FnOnce(Rc<Call>) -> Fut,
    Fut: Future<Output = Result<Reply, Stop>>,
{
    let result = handle(Rc::clone(&call)).await;
    match result {
        Ok(_) | Err(Stop::Refused(..)) => call.settle().await.and(result),
        Err(Stop::Fault(_)) => result,
    }
}

/// What is left of the time in which a request is answered. Sending its body slowly is its caller's own affair, and
/// takes none of it.
struct Budget(Duration);

impl Budget {
    fn new(app: &App) -> Self {
        Self(Duration::from_millis(app.config.raw.server.answer_timeout_ms))
    }

    /// What `work` comes to, or that it comes too late: nobody waits longer than the configured time, whatever hangs. What
    /// was begun goes on to its end: committed or not, never half.
    #[expect(clippy::disallowed_methods, reason = "measures a wait, decides nothing that is stored")]
    async fn spend<T, E: From<Fault>>(&mut self, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let begun = Instant::now();
        let late = |_elapsed| Err(Fault::Late("the database or a lane").into());
        let done = tokio::time::timeout(self.0, work).await.unwrap_or_else(late);
        self.0 = self.0.saturating_sub(begun.elapsed());
        done
    }
}

/// The tenant that a path names.
///
/// # Errors
/// Those of storage and of the lane.
pub async fn tenant(app: &Arc<App>, http: &HttpRequest) -> Result<Option<Arc<TenantFacts>>, Fault> {
    budgeted_tenant(app, http, "preflight", &mut Budget::new(app)).await
}

async fn budgeted_tenant(
    app: &Arc<App>,
    http: &HttpRequest,
    route: &'static str,
    budget: &mut Budget,
) -> Result<Option<Arc<TenantFacts>>, Fault> {
    match http.match_info().get("tenant").and_then(TenantName::parse) {
        Some(name) => {
            let found = match route {
                // Everybody's caches hold these for minutes: they go on while storage cannot be asked.
                "discovery" | "jwks" => budget.spend(app.remembered_tenant(&name)).await?,
                _ => budget.spend(app.tenant(&name)).await?,
            };
            Ok(found.filter(|facts| facts.face(layout(http)).is_some()))
        }
        None => Ok(None),
    }
}

/// The layout that a route was registered for.
fn layout(http: &HttpRequest) -> Layout {
    http.app_data::<Layout>().copied().unwrap_or_default()
}

/// 404 (DECISIONS 1).
pub fn unknown_tenant() -> HttpResponse {
    respond::plain_error(StatusCode::NOT_FOUND, "invalid_request", "There is no such tenant or endpoint")
}

/// A request that could not be read.
enum Unread {
    Stop(domain::Refusal),
    Fault(Fault),
    TooLarge,
    TooSlow,
}

impl Unread {
    fn told(&self) -> (&'static str, &'static str) {
        match self {
            Self::Stop(refusal) => ("refused", refusal.reason),
            Self::Fault(_) => ("fault", "no_peer"),
            Self::TooLarge => ("refused", "body_too_large"),
            Self::TooSlow => ("refused", "body_too_slow"),
        }
    }

    fn answer(self, realm: &str) -> HttpResponse {
        match self {
            Self::Stop(refusal) => respond::answer(Err(Stop::Refused(refusal, Scheme::None)), realm),
            Self::Fault(fault) => respond::answer(Err(fault.into()), realm),
            Self::TooLarge => unread(StatusCode::PAYLOAD_TOO_LARGE, "The request body is too large"),
            Self::TooSlow => unread(StatusCode::REQUEST_TIMEOUT, "The request body did not come in time"),
        }
    }
}

/// Refuses a body of which a part is not read: that ends the connection.
fn unread(status: StatusCode, description: &str) -> HttpResponse {
    let mut response = respond::plain_error(status, "invalid_request", description);
    response.head_mut().set_connection_type(actix_web::http::ConnectionType::Close);
    response
}

/// The whole body, or why not. Who sends it slower than a head may come holds a connection for no longer.
async fn body(app: &App, payload: web::Payload) -> Result<web::Bytes, Unread> {
    let server = &app.config.raw.server;
    let patience = Duration::from_secs(server.request_timeout);
    match tokio::time::timeout(patience, payload.to_bytes_limited(server.body_limit)).await {
        Ok(Ok(Ok(body))) => Ok(body),
        Ok(Ok(Err(_broken))) => Err(Unread::Stop(domain::Refusal::new(
            domain::OAuthErrorCode::InvalidRequest,
            "broken_body",
            "The request body could not be read",
        ))),
        Ok(Err(_limit)) => Err(Unread::TooLarge),
        Err(_elapsed) => Err(Unread::TooSlow),
    }
}

async fn read(
    app: &Arc<App>,
    facts: &Arc<TenantFacts>,
    http: &HttpRequest,
    payload: web::Payload,
    (id, endpoint): (RequestId, &'static str),
) -> Result<Call, Unread> {
    let body = body(app, payload).await?;
    connection::body_read(http);
    let text = |name| http.headers().get(name).and_then(|value| value.to_str().ok());
    let sources =
        params::Sources { query: http.query_string(), content_type: text(header::CONTENT_TYPE), body: &body };
    // A document is its endpoint's to read.
    let (params, document): (Params, _) = match endpoint {
        "register" | "keystores" => (Params::default(), body),
        _ => (params::read(sources, &facts.profile).map_err(Unread::Stop)?, web::Bytes::new()),
    };
    let source =
        app.proxies.source(http).ok_or(Unread::Fault(Fault::Invariant("a TCP connection has a peer")))?;
    Ok(Call {
        store: app.database.tenant(facts.tenant.id),
        now: app.clock.now(),
        origin: Origin { source: Some(source), request_id: id },
        source,
        shown: app.proxies.certificate(http).map_err(Unread::Stop)?,
        by_certificate: call::by_certificate(http),
        authorization: call::authorization(http),
        dpop: call::dpop(http),
        accept: text(header::ACCEPT).map(str::to_owned),
        params,
        document,
        layout: layout(http),
        endpoint,
        uses: Uses::default(),
        told: RefCell::default(),
        app: Arc::clone(app),
        facts: Arc::clone(facts),
    })
}

/// One line per request, and its metrics.
fn tell(route: &'static str, call: &Call, result: &Result<Reply, Stop>) {
    let (outcome, reason) = respond::told(result);
    let told = call.told.borrow();
    let metrics = &call.app.metrics;
    metrics.requests.with_label_values(&[route, outcome]).inc();
    metrics.statements.with_label_values(&[route, "read"]).observe(f64::from(told.reads));
    metrics.statements.with_label_values(&[route, "write"]).observe(f64::from(told.rows));
    let (tenant, client) = (&call.facts.tenant.name, told.client_id.as_deref().unwrap_or_default());
    if matches!(outcome, "fault" | "late") {
        tracing::error!(tenant.name = %tenant, client.id = client, outcome, reason, "request failed");
    } else {
        tracing::info!(tenant.name = %tenant, client.id = client, outcome, reason, "request answered");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_one_part_of_a_request_took_the_next_one_has_no_more() {
        let mut budget = Budget(Duration::from_millis(80));
        let slow = async {
            std::thread::park_timeout(Duration::from_millis(50));
            Ok::<_, Fault>(())
        };
        assert!(budget.spend(slow).await.is_ok());
        assert!(budget.0 <= Duration::from_millis(30), "{:?}", budget.0);
        let never = std::future::pending::<Result<(), Fault>>();
        assert!(matches!(budget.spend(never).await, Err(Fault::Late(_))));
    }
}
