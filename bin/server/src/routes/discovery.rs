//! `GET …/.well-known/openid-configuration`, and RFC 8414's place for it.

use actix_web::{HttpRequest, HttpResponse, web};

use crate::{flow::endpoint, respond::Reply};

/// Answers with the tenant's metadata.
pub async fn get(http: HttpRequest, payload: web::Payload) -> HttpResponse {
    endpoint::serve("discovery", http, payload, |call| async move {
        Ok(Reply::Public(call.facts.face_or_first(call.layout).discovery(call.now).to_owned(), 300))
    })
    .await
}
