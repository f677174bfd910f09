//! CORS per tenant (Fetch standard §3.2; CONTRACT 1.7).

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, HeaderName, HeaderValue},
};
use domain::TenantSettings;

const ALLOWED: &str = "authorization, content-type, accept, dpop, server-csrf-token, x-correlation-id";
const EXPOSED: &str = "server-csrf-token, x-correlation-id, www-authenticate, retry-after, dpop-nonce";

/// Adds what the tenant's settings allow the caller's origin. Credentials mode is never allowed: nothing here rests
/// on cookies.
pub fn decorate(http: &HttpRequest, settings: &TenantSettings, response: &mut HttpResponse) {
    if settings.cors_origins.is_empty() {
        return;
    }
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = http.headers().get(header::ORIGIN) else {
        return;
    };
    let known = |origin: &str| settings.cors_origins.contains(origin) || settings.cors_origins.contains("*");
    if origin.to_str().is_ok_and(known) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }
}

/// Answers `OPTIONS`: a preflight, or a health probe (CONTRACT 1.2).
pub fn preflight(http: &HttpRequest, settings: &TenantSettings, methods: &'static str) -> HttpResponse {
    let mut response = HttpResponse::NoContent().insert_header((header::ALLOW, methods)).finish();
    decorate(http, settings, &mut response);
    if response.headers().contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
        let headers = response.headers_mut();
        let mut put =
            |name: HeaderName, value: &'static str| headers.insert(name, HeaderValue::from_static(value));
        put(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        put(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED);
        put(header::ACCESS_CONTROL_MAX_AGE, "600");
    }
    response
}
