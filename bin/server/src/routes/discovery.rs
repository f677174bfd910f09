//! `GET …/.well-known/openid-configuration`, and RFC 8414's place for it.

use actix_web::{HttpRequest, HttpResponse, web};
use domain::Fault;
use oidc_core::discovery;

use crate::{flow::endpoint, respond::Reply};

/// Answers with the tenant's metadata.
pub async fn get(http: HttpRequest, payload: web::Payload) -> HttpResponse {
    endpoint::serve("discovery", http, payload, |call| async move {
        let document = discovery::document(&call.facts.tenant, &call.facts.issuer);
        let text = serde_json::to_string(&document).map_err(|_error| Fault::Invariant("claims are JSON"))?;
        Ok(Reply::Public(text, 300))
    })
    .await
}
