//! `GET …/jwks` (RFC 7517; CONTRACT 4.17).

use actix_web::{HttpRequest, HttpResponse, web};

use crate::{flow::endpoint, respond::Reply};

/// Answers with the tenant's published keys, cacheable for as long as a new key waits before it signs.
pub async fn get(http: HttpRequest, payload: web::Payload) -> HttpResponse {
    endpoint::serve("jwks", http, payload, |call| async move {
        let seconds = call.facts.tenant.settings.jwks_cache.secs();
        Ok(Reply::Public(call.facts.jwks(call.now), seconds))
    })
    .await
}
