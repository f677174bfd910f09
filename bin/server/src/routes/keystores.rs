//! `POST /configuration/{tenant}/v2/Custo/Keystores` (CONTRACT 2.1): the authorities that a tenant trusts for its clients'
//! certificates. `GET` and `PUT` of `…/mtls_truststore` besides.

use actix_web::{HttpRequest, HttpResponse, web};
use client_auth::Scheme;
use domain::{Detail, OAuthErrorCode};

use crate::{
    flow::{endpoint, keystores},
    respond::{Reply, Stop},
};

/// Sets it.
pub async fn put(http: HttpRequest, payload: web::Payload) -> HttpResponse {
    endpoint::serve("keystores", http, payload, |call| async move { scim(keystores::put(&call).await) }).await
}

/// Tells what is set.
pub async fn get(http: HttpRequest, payload: web::Payload) -> HttpResponse {
    endpoint::serve("keystores", http, payload, |call| async move { scim(keystores::get(&call).await) }).await
}

/// Only bearers open this door, and errors are SCIM's here.
fn scim(result: Result<Reply, Stop>) -> Result<Reply, Stop> {
    result.map_err(|stop| match stop {
        Stop::Refused(refusal, _) => {
            let invalid = refusal.code == OAuthErrorCode::InvalidRequest;
            let detail = if invalid { "invalidValue" } else { "" };
            Stop::Refused(refusal.with(Detail::Scim(detail)), Scheme::Bearer)
        }
        fault @ Stop::Fault(_) => fault,
    })
}
