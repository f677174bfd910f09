//! Who is refused under overload (docs/decisions/0018).

use std::{future::poll_fn, task::Poll};

use actix_web::{
    HttpResponse,
    body::BoxBody,
    dev::{ServiceRequest, ServiceResponse},
    web,
};
use domain::Fault;

use crate::{app::App, respond};

/// Why a request to `route` must not begin now: what it needs is waited for by too many.
pub fn full(app: &App, route: &str) -> Option<&'static str> {
    if !app.reads.has_room() {
        return Some("reads");
    }
    let writes = matches!(route, "token" | "revoke" | "register");
    (writes && !app.commits.has_room()).then_some("commits")
}

/// Refuses a request before it is routed.
pub async fn refuse(request: ServiceRequest, why: &'static str) -> ServiceResponse<BoxBody> {
    let app = request.app_data::<web::Data<App>>().cloned().map(web::Data::into_inner);
    let answer = match app {
        Some(app) => refused(&app, why).await,
        None => respond::answer(Err(Fault::Busy(why).into()), ""),
    };
    request.into_response(answer)
}

/// 503 with `Retry-After`, counted. Nothing of the request is looked at.
pub async fn refused(app: &App, why: &'static str) -> HttpResponse {
    app.metrics.shed.with_label_values(&[why]).inc();
    body_read().await;
    respond::answer(Err(Fault::Busy(why).into()), "")
}

/// Lets all other tasks of this thread have a turn. The dispatcher asks a request that has just begun twice in one.
pub async fn let_others() {
    pend(2).await;
}

/// Lets the dispatcher take a body from its buffer that came with its head. A request whose body is unread when it is
/// answered costs its connection, and the next one a handshake.
async fn body_read() {
    pend(1).await;
}

/// Is asked so often in vain.
async fn pend(mut times: u32) {
    poll_fn(|context| {
        if times == 0 {
            return Poll::Ready(());
        }
        times = times.saturating_sub(1);
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
