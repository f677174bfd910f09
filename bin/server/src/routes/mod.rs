//! The routes, one a file.

pub mod discovery;
pub mod introspect;
pub mod jwks;
pub mod management;
pub mod revoke;
pub mod token;
pub mod userinfo;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web,
};

use crate::{app::App, cors, flow::endpoint, respond};

/// Registers the public routes.
pub fn public(config: &mut web::ServiceConfig) {
    config
        .service(resource("/idp/{tenant}/authn/token", "POST, OPTIONS").route(web::post().to(token::post)))
        .service(
            resource("/idp/{tenant}/authn/introspect", "POST, OPTIONS")
                .route(web::post().to(introspect::post)),
        )
        .service(resource("/idp/{tenant}/authn/revoke", "POST, OPTIONS").route(web::post().to(revoke::post)))
        .service(
            resource("/idp/{tenant}/authn/userinfo", "GET, HEAD, POST, OPTIONS")
                .route(web::get().to(userinfo::answer))
                .route(web::head().to(userinfo::answer))
                .route(web::post().to(userinfo::answer)),
        )
        .service(
            resource("/idp/{tenant}/authn/jwks", "GET, HEAD, OPTIONS")
                .route(web::get().to(jwks::get))
                .route(web::head().to(jwks::get)),
        )
        .service(
            resource("/idp/{tenant}/authn/.well-known/openid-configuration", "GET, HEAD, OPTIONS")
                .route(web::get().to(discovery::get))
                .route(web::head().to(discovery::get)),
        )
        // RFC 8414 §3.1 puts the well-known part between host and path; §5 allows the OpenID suffix there too.
        .service(
            resource("/.well-known/oauth-authorization-server/idp/{tenant}/authn", "GET, HEAD, OPTIONS")
                .route(web::get().to(discovery::get))
                .route(web::head().to(discovery::get)),
        )
        .service(
            resource("/.well-known/openid-configuration/idp/{tenant}/authn", "GET, HEAD, OPTIONS")
                .route(web::get().to(discovery::get))
                .route(web::head().to(discovery::get)),
        )
        .default_service(web::to(not_found));
}

fn resource(path: &str, methods: &'static str) -> actix_web::Resource {
    let preflight = move |http: HttpRequest, app: web::Data<App>| async move {
        match endpoint::tenant(&app.into_inner(), &http).await {
            Ok(Some(facts)) => cors::preflight(&http, &facts.tenant.settings, methods),
            Ok(None) => endpoint::unknown_tenant(),
            Err(fault) => respond::answer(Err(fault.into()), ""),
        }
    };
    let not_allowed = move |http: HttpRequest, app: web::Data<App>| async move {
        match endpoint::tenant(&app.into_inner(), &http).await {
            Ok(Some(_)) => {}
            Ok(None) => return endpoint::unknown_tenant(),
            Err(fault) => return respond::answer(Err(fault.into()), ""),
        }
        let mut response = respond::plain_error(
            StatusCode::METHOD_NOT_ALLOWED,
            "invalid_request",
            "This endpoint does not have this method",
        );
        response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static(methods));
        response
    };
    web::resource(path)
        .route(web::method(actix_web::http::Method::OPTIONS).to(preflight))
        .default_service(web::to(not_allowed))
}

async fn not_found() -> HttpResponse {
    endpoint::unknown_tenant()
}
