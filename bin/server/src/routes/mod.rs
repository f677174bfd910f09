//! The routes, one a file.

pub mod discovery;
pub mod introspect;
pub mod jwks;
pub mod keystores;
pub mod management;
pub mod register;
pub mod revoke;
pub mod token;
pub mod userinfo;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web,
};
use domain::Layout;

use crate::{app::App, cors, flow::endpoint, respond};

const POSTED: &str = "POST, OPTIONS";
const READ: &str = "GET, HEAD, OPTIONS";

/// Registers the public routes, each in every layout of paths.
pub fn public(config: &mut web::ServiceConfig) {
    for layout in Layout::ALL {
        mount(config, layout);
    }
    let path = "/configuration/{tenant}/v2/Custo/Keystores";
    let one = format!("{path}/mtls_truststore");
    config.service(resource(path, POSTED).route(web::post().to(keystores::put))).service(
        resource(&one, "GET, HEAD, PUT, OPTIONS")
            .route(web::get().to(keystores::get))
            .route(web::head().to(keystores::get))
            .route(web::put().to(keystores::put)),
    );
    config.default_service(web::to(not_found));
}

fn mount(config: &mut web::ServiceConfig, layout: Layout) {
    let issuer = layout.issuer("{tenant}");
    let at = |name, methods| resource(&format!("{issuer}{}", layout.below(name)), methods).app_data(layout);
    config
        .service(at("token", POSTED).route(web::post().to(token::post)))
        .service(at("introspect", POSTED).route(web::post().to(introspect::post)))
        .service(at("revoke", POSTED).route(web::post().to(revoke::post)))
        .service(
            at("userinfo", "GET, HEAD, POST, OPTIONS")
                .route(web::get().to(userinfo::answer))
                .route(web::head().to(userinfo::answer))
                .route(web::post().to(userinfo::answer)),
        )
        .service(at("jwks", READ).route(web::get().to(jwks::get)).route(web::head().to(jwks::get)))
        .service(at("register", POSTED).route(web::post().to(register::post)));
    let registered = format!("{issuer}{}/{{client}}", layout.below("register"));
    config.service(
        resource(&registered, "GET, HEAD, PUT, DELETE, OPTIONS")
            .app_data(layout)
            .route(web::get().to(register::get))
            .route(web::head().to(register::get))
            .route(web::put().to(register::put))
            .route(web::delete().to(register::delete)),
    );
    // RFC 8414 §3.1 puts the well-known part between host and path; §5 allows the OpenID suffix there too.
    for path in [
        format!("{issuer}/.well-known/openid-configuration"),
        format!("/.well-known/oauth-authorization-server{issuer}"),
        format!("/.well-known/openid-configuration{issuer}"),
    ] {
        let metadata = resource(&path, READ).app_data(layout);
        config.service(metadata.route(web::get().to(discovery::get)).route(web::head().to(discovery::get)));
    }
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
