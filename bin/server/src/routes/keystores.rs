//! `POST /configuration/{tenant}/v2/Custo/Keystores` (CONTRACT 2.1): the authorities that a tenant trusts for its clients'
//! certificates. `GET` and `PUT` of `…/mtls_truststore` besides.

use actix_web::{HttpRequest, HttpResponse, web};
use domain::{Detail, OAuthErrorCode};

use crate::{
    extract::Call,
    flow::{endpoint, keystores, sender},
    respond::{Reply, Stop},
};

/// Sets it.
pub async fn put(http: HttpRequest, payload: web::Payload) -> HttpResponse {
    endpoint::serve(
        "keystores",
        http,
        payload,
        |call| async move { scim(&call, keystores::put(&call).await) },
    )
    .await
}

/// Tells what is set.
pub async fn get(http: HttpRequest, payload: web::Payload) -> HttpResponse {
    endpoint::serve(
        "keystores",
        http,
        payload,
        |call| async move { scim(&call, keystores::get(&call).await) },
    )
    .await
}

/// Errors are SCIM's here.
fn scim(call: &Call, result: Result<Reply, Stop>) -> Result<Reply, Stop> {
    result.map_err(|stop| match stop {
        Stop::Refused(refusal, _) => {
            let invalid = refusal.code == OAuthErrorCode::InvalidRequest;
            let detail = if invalid { "invalidValue" } else { "" };
            let scheme = sender::challenge(call, &refusal);
            Stop::Refused(refusal.with(Detail::Scim(detail)), scheme)
        }
        fault @ Stop::Fault(_) => fault,
    })
}
