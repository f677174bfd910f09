//! CORS per tenant, and `OPTIONS` as a health probe.

use reqwest::{
    Method,
    blocking::{Client, RequestBuilder},
};

use super::support::{Ask as _, Said, http, in_process::Server};

const BANK: &str = include_str!("../../../../fixtures/demo/ONLINEBANK.toml");
const ACME: &str = include_str!("../../../../fixtures/demo/acme.toml");

const ALLOWED: &str = "http://127.0.0.1:9000";
/// Nobody's, or only nearly the one that is allowed.
const OTHERS: [&str; 8] = [
    "http://127.0.0.1:9001",
    "https://127.0.0.1:9000",
    "http://127.0.0.1:9000.evil.example",
    "http://127.0.0.1:90000",
    "http://evil.example/http://127.0.0.1:9000",
    "http://127.0.0.1:9000/",
    "null",
    "*",
];

fn preflight(http: &Client, url: &str, origin: &str) -> Said {
    let request = http.request(Method::OPTIONS, url).header("origin", origin);
    let request = request.header("access-control-request-method", "POST");
    request.header("access-control-request-headers", "authorization,server-csrf-token").said()
}

/// The names of a comma-separated header, in lower case.
fn names(said: &Said, header: &str) -> Vec<String> {
    said.header(header).split(',').map(|name| name.trim().to_ascii_lowercase()).collect()
}

fn has_no_cors_header(said: &Said) {
    let found: Vec<_> =
        said.headers.keys().filter(|name| name.as_str().starts_with("access-control-")).collect();
    assert!(found.is_empty(), "{found:?}");
}

fn token_request(http: &Client, url: &str) -> RequestBuilder {
    let secret = "acme-m2m-secret-0b7c41d2f98e4a63";
    http.post(url).basic_auth("acme-m2m", Some(secret)).form(&[("grant_type", "client_credentials")])
}

#[test]
fn a_preflight_from_an_allowed_origin_is_allowed_the_csrf_header() {
    let server = Server::start(&[BANK, ACME]);
    let http = http();
    for (tenant, origin) in
        [("ONLINEBANK", ALLOWED), ("ONLINEBANK", "https://client.example.com"), ("acme", ALLOWED)]
    {
        for (endpoint, methods) in [
            ("token", vec!["post", "options"]),
            ("introspect", vec!["post", "options"]),
            ("revoke", vec!["post", "options"]),
            ("userinfo", vec!["get", "post", "options"]),
            ("jwks", vec!["get", "options"]),
            (".well-known/openid-configuration", vec!["get", "options"]),
        ] {
            let said = preflight(&http, &server.tenant(tenant, endpoint), origin);
            assert_eq!((said.status, said.text.as_str()), (204, ""), "{tenant} {endpoint}");
            assert_eq!(said.header("access-control-allow-origin"), origin);
            let allowed = names(&said, "access-control-allow-methods");
            assert!(
                methods.iter().all(|method| allowed.iter().any(|name| name == method)),
                "{endpoint}: {allowed:?}"
            );
            let allowed = names(&said, "access-control-allow-headers");
            for wanted in ["server-csrf-token", "authorization", "content-type"] {
                assert!(allowed.contains(&wanted.to_owned()), "{wanted} in {allowed:?}");
            }
            assert!(said.header("access-control-max-age").parse::<u32>().is_ok());
            assert!(names(&said, "vary").contains(&"origin".to_owned()));
            assert_eq!(said.header("access-control-allow-credentials"), "");
        }
    }
}

#[test]
fn an_allowed_origin_may_read_answers_and_refusals_and_the_csrf_header() {
    let server = Server::start(&[ACME]);
    let http = http();
    let url = server.tenant("acme", "token");
    for (request, status) in [
        (token_request(&http, &url), 200),
        (http.post(&url), 401),
        (http.post(&url).body("a=%zz").header("content-type", "application/x-www-form-urlencoded"), 400),
        (http.post(&url).body("x".repeat(100_000)), 413),
        (http.get(server.tenant("acme", "jwks")), 200),
        (http.get(server.tenant("acme", "userinfo")).bearer_auth("x"), 401),
    ] {
        let said = request.header("origin", ALLOWED).said();
        assert_eq!(said.status, status, "{}", said.text);
        assert_eq!(said.header("access-control-allow-origin"), ALLOWED);
        assert!(names(&said, "access-control-expose-headers").contains(&"server-csrf-token".to_owned()));
        assert!(names(&said, "vary").contains(&"origin".to_owned()));
        assert_eq!(said.header("access-control-allow-credentials"), "");
    }
}

#[test]
fn another_origin_gets_its_answer_without_a_word_of_cors() {
    let server = Server::start(&[ACME]);
    let http = http();
    let url = server.tenant("acme", "token");
    for origin in OTHERS.into_iter().chain(["https://client.example.com"]) {
        let said = preflight(&http, &url, origin);
        assert_eq!(said.status, 204, "{origin}");
        has_no_cors_header(&said);
        let said = token_request(&http, &url).header("origin", origin).said();
        assert_eq!(said.status, 200, "{origin}");
        has_no_cors_header(&said);
        assert!(names(&said, "vary").contains(&"origin".to_owned()));
    }
    // Bytes that are no text are an origin of nobody.
    let origin = reqwest::header::HeaderValue::from_bytes(b"http://\xff\xfe").unwrap();
    has_no_cors_header(&token_request(&http, &url).header("origin", origin).said());
}

#[test]
fn answers_vary_by_origin_even_when_none_was_sent() {
    let server = Server::start(&[ACME]);
    let said = http().get(server.tenant("acme", "jwks")).said();
    has_no_cors_header(&said);
    assert!(names(&said, "vary").contains(&"origin".to_owned()));
}

#[test]
fn options_without_an_origin_is_a_health_probe() {
    let server = Server::start(&[BANK, ACME]);
    let http = http();
    for (endpoint, allow) in [
        ("token", "POST, OPTIONS"),
        ("introspect", "POST, OPTIONS"),
        ("revoke", "POST, OPTIONS"),
        ("userinfo", "GET, POST, OPTIONS"),
        ("jwks", "GET, OPTIONS"),
        (".well-known/openid-configuration", "GET, OPTIONS"),
    ] {
        for tenant in ["ONLINEBANK", "acme"] {
            let said = http.request(Method::OPTIONS, server.tenant(tenant, endpoint)).said();
            assert!((200..300).contains(&said.status), "{tenant} {endpoint}: {}", said.status);
            let (allowed, told) = (names(&said, "allow"), allow.to_ascii_lowercase());
            assert!(
                told.split(", ").all(|method| allowed.iter().any(|name| name == method)),
                "{endpoint}: {allowed:?}"
            );
            has_no_cors_header(&said);
            assert!(!said.header("x-correlation-id").is_empty());
        }
    }
    let said =
        http.request(Method::OPTIONS, server.tenant("nobody", "token")).header("origin", ALLOWED).said();
    assert_eq!(said.error(), (404, "invalid_request".into()));
    has_no_cors_header(&said);
}

#[test]
fn a_tenant_without_origins_has_no_cors_at_all() {
    let server = Server::start(&["name = \"plain\"\nprofile = \"openid\"\n"]);
    let http = http();
    for origin in OTHERS.into_iter().chain([ALLOWED]) {
        has_no_cors_header(&preflight(&http, &server.tenant("plain", "token"), origin));
        has_no_cors_header(&http.get(server.tenant("plain", "jwks")).header("origin", origin).said());
    }
}

#[test]
fn a_star_allows_any_origin_but_never_its_cookies() {
    let server =
        Server::start(&["name = \"open\"\nprofile = \"openid\"\n[settings]\ncors_origins = [\"*\"]\n"]);
    for origin in ["https://any.example", ALLOWED] {
        let said = preflight(&http(), &server.tenant("open", "token"), origin);
        assert!([origin, "*"].contains(&said.header("access-control-allow-origin")));
        assert_eq!(said.header("access-control-allow-credentials"), "");
    }
}
