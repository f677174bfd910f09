//! `POST …/register` (RFC 7591 §3), and `GET`, `PUT` and `DELETE` of what it made (RFC 7592 §2).

use actix_web::{HttpRequest, HttpResponse, web};
use domain::OAuthErrorCode;

use crate::{
    extract::Call,
    flow::{endpoint, misses, registration, sender},
    respond::{Reply, Stop},
};

/// Registers a client.
pub async fn post(http: HttpRequest, payload: web::Payload) -> HttpResponse {
    endpoint::serve("register", http, payload, |call| async move {
        by_bearer(&call, registration::register(&call).await)
    })
    .await
}

/// Reads a registration.
pub async fn get(http: HttpRequest, payload: web::Payload) -> HttpResponse {
    let id = id(&http);
    endpoint::serve("register", http, payload, |call| async move {
        by_bearer(&call, registration::read(&call, &id).await)
    })
    .await
}

/// Replaces a registration.
pub async fn put(http: HttpRequest, payload: web::Payload) -> HttpResponse {
    let id = id(&http);
    endpoint::serve("register", http, payload, |call| async move {
        by_bearer(&call, registration::replace(&call, &id).await)
    })
    .await
}

/// Removes a registration.
pub async fn delete(http: HttpRequest, payload: web::Payload) -> HttpResponse {
    let id = id(&http);
    endpoint::serve("register", http, payload, |call| async move {
        by_bearer(&call, registration::remove(&call, &id).await)
    })
    .await
}

fn id(http: &HttpRequest) -> String {
    http.match_info().get("client").unwrap_or_default().to_owned()
}

/// Only tokens open these doors, so one is what a 401 asks for, and the wrong ones of one source are bounded.
fn by_bearer(call: &Call, result: Result<Reply, Stop>) -> Result<Reply, Stop> {
    result.map_err(|stop| match stop {
        Stop::Refused(refusal, _) if refusal.code == OAuthErrorCode::InvalidToken => {
            let scheme = sender::challenge(call, &refusal);
            Stop::Refused(misses::refuse(call, refusal), scheme)
        }
        Stop::Refused(refusal, _) => {
            let scheme = sender::challenge(call, &refusal);
            Stop::Refused(refusal, scheme)
        }
        fault @ Stop::Fault(_) => fault,
    })
}
