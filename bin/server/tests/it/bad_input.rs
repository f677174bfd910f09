//! What no client should send: precise 4xx answers, and a server that stays as it was.

mod bombard;
mod generator;

use std::time::Duration;

use bombard::{Tally, bombard};
use reqwest::blocking::{Client, RequestBuilder};

use super::support::{
    Ask as _, Demo, SPL_API, Said, acme_m2m, http,
    raw::{self, Answer, Talk},
};

const FORM: &str = "application/x-www-form-urlencoded";
const M2M: &str = "Basic YWNtZS1tMm06YWNtZS1tMm0tc2VjcmV0LTBiN2M0MWQyZjk4ZTRhNjM=";

/// A refusal is complete: status, code, words, name, and nothing to keep.
#[track_caller]
fn refused(said: &Said, status: u16, error: &str) {
    assert_eq!(said.error(), (status, error.to_owned()), "{}", said.text);
    assert!(said.json()["error_description"].as_str().is_some_and(|text| text.len() > 5), "{}", said.text);
    assert!(!said.header("x-correlation-id").is_empty());
    assert_eq!((said.header("cache-control"), said.header("pragma")), ("no-store", "no-cache"));
    assert!(said.header("content-type").starts_with("application/json"));
}

/// The same of an answer off the wire.
#[track_caller]
fn refused_raw(answer: &Answer, status: u16, error: &str) {
    assert_eq!((answer.status, answer.json()["error"].as_str()), (status, Some(error)), "{answer:?}");
    assert!(answer.json()["error_description"].is_string(), "{answer:?}");
    assert!(!answer.header("x-correlation-id").is_empty(), "{answer:?}");
    assert_eq!((answer.header("cache-control"), answer.header("pragma")), ("no-store", "no-cache"));
}

struct Target {
    demo: Demo,
    http: Client,
}

impl Target {
    fn start() -> Self {
        Self { demo: Demo::start(), http: http() }
    }

    /// A form to `acme`'s token endpoint, with its machine's credentials.
    fn acme(&self, body: impl Into<Vec<u8>>) -> Said {
        self.acme_request().header("content-type", FORM).body(body.into()).said()
    }

    fn acme_request(&self) -> RequestBuilder {
        acme_m2m(self.http.post(self.demo.acme("token")))
    }

    /// A body to the bank's, where anything goes that can be read.
    fn bank(&self, body: impl Into<Vec<u8>>) -> Said {
        self.http.post(self.demo.bank("token")).header("authorization", SPL_API).body(body.into()).said()
    }

    /// It answers good requests as ever.
    #[track_caller]
    fn still_serves(&self) {
        let said = self.acme("grant_type=client_credentials");
        assert_eq!(said.status, 200, "{}", said.text);
        assert!(!self.demo.stderr().contains("panicked"));
    }
}

#[test]
fn only_forms_are_read_in_openid() {
    let target = Target::start();
    let body = "grant_type=client_credentials";
    for good in
        [FORM, "Application/X-WWW-Form-URLEncoded", "application/x-www-form-urlencoded; charset=UTF-8"]
    {
        assert_eq!(
            target.acme_request().header("content-type", good).body(body).said().status,
            200,
            "{good}"
        );
    }
    for bad in [
        "application/json",
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded-not",
        "x-application/x-www-form-urlencoded",
        "",
        ";",
    ] {
        refused(&target.acme_request().header("content-type", bad).body(body).said(), 400, "invalid_request");
    }
    refused(&target.acme_request().body(body).said(), 400, "invalid_request");
    let json = r#"{"grant_type":"client_credentials"}"#;
    refused(
        &target.acme_request().header("content-type", "application/json").body(json).said(),
        400,
        "invalid_request",
    );
    // Under a form's name it is a form, with a strange parameter.
    refused(&target.acme(json), 400, "invalid_request");
    refused(&target.acme(""), 400, "invalid_request");
}

#[test]
fn in_hid_the_body_is_looked_at_and_not_its_label() {
    let target = Target::start();
    for label in [FORM, "application/json", "text/plain", "nonsense"] {
        for body in ["grant_type=client_credentials", r#" {"grant_type":"client_credentials"} "#] {
            let request = target.http.post(target.demo.bank("token")).header("authorization", SPL_API);
            assert_eq!(request.header("content-type", label).body(body).said().status, 200, "{label} {body}");
        }
    }
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(20_000), "]".repeat(20_000));
    for body in [
        "{",
        "{\"grant_type\":\"client_credentials\"",
        "{\"grant_type\":{\"x\":1}}",
        "{\"grant_type\":[\"client_credentials\"]}",
        "{\"grant_type\":\"client_credentials\"} x",
        "{\"grant_type\":\"a\",\"grant_type\":\"b\"}",
        "{\"grant_type\":\"\\u0000\"}",
        "{\"grant_type\":\"\\ud800\"}",
        "{\"grant_type\":1e999}",
        "{\"resource\":[1]}",
        "[\"grant_type\",\"client_credentials\"]",
        "\u{feff}{\"grant_type\":\"client_credentials\"}",
        "null",
        &deep,
    ] {
        refused(&target.bank(body), 400, "invalid_request");
    }
    refused(&target.bank(b"{\"grant_type\":\"\xff\"}".to_vec()), 400, "invalid_request");
    target.still_serves();
}

#[test]
fn a_parameter_that_comes_twice_is_refused_wherever_it_stands() {
    let target = Target::start();
    for body in [
        "grant_type=client_credentials&grant_type=client_credentials",
        "grant_type=client_credentials&scope=&scope=",
        "grant_type=client_credentials&%67rant_type=client_credentials",
        "grant_type=client_credentials&unknown=1&unknown=2",
    ] {
        refused(&target.acme(body), 400, "invalid_request");
        refused(&target.bank(body), 400, "invalid_request");
    }
    let twice = target
        .http
        .post(target.demo.bank("token?grant_type=client_credentials"))
        .header("authorization", SPL_API);
    refused(&twice.body("grant_type=client_credentials").said(), 400, "invalid_request");
    // RFC 8707 §2 lets `resource` come more than once; these tenants have none.
    let body =
        "grant_type=client_credentials&resource=https%3A%2F%2Fa.example&resource=https%3A%2F%2Fb.example";
    refused(&target.acme(body), 400, "invalid_target");
    assert_eq!(target.bank(body).status, 200);
}

#[test]
fn nul_broken_utf8_and_broken_escapes_are_refused() {
    let target = Target::start();
    let bad: [&[u8]; 14] = [
        b"%00",
        b"a%00b",
        b"\0",
        b"%",
        b"%4",
        b"%zz",
        b"%u0041",
        b"%ff",
        b"\xff",
        b"%c3",
        b"%c0%80",
        b"%ed%a0%80",
        b"%f4%90%80%80",
        b"%f8%88%80%80%80",
    ];
    for bad in bad {
        for (before, after) in [("scope=", ""), ("unknown=", "&x=y"), ("", "=x"), ("n", "=x")] {
            let body = [b"grant_type=client_credentials&", before.as_bytes(), bad, after.as_bytes()].concat();
            refused(&target.acme(body.clone()), 400, "invalid_request");
            refused(&target.bank(body), 400, "invalid_request");
        }
    }
    // Broken queries too, even where nothing is read from them.
    for query in ["%ff=1", "a=%zz", "a=%"] {
        let url = format!("{}?{query}", target.demo.acme("token"));
        let request = acme_m2m(target.http.post(url)).header("content-type", FORM);
        refused(&request.body("grant_type=client_credentials").said(), 400, "invalid_request");
    }
    target.still_serves();
}

#[test]
fn credentials_and_tokens_in_the_query_are_refused_in_openid() {
    let target = Target::start();
    for name in
        ["client_secret", "password", "refresh_token", "access_token", "token", "client_assertion", "code"]
    {
        let url = format!("{}?{name}=x", target.demo.acme("token"));
        let request = acme_m2m(target.http.post(url)).header("content-type", FORM);
        refused(&request.body("grant_type=client_credentials").said(), 400, "invalid_request");
    }
    let get = target.http.get(format!("{}?%61ccess_token=x", target.demo.acme("userinfo"))).said();
    refused(&get, 400, "invalid_request");
}

#[test]
fn giant_and_numberless_parameters_are_refused() {
    let target = Target::start();
    let many = (0..65).map(|n| format!("&p{n}=1")).collect::<Vec<_>>().concat();
    let countless = (0..7_000).map(|n| format!("&p{n}=1")).collect::<Vec<_>>().concat();
    for extra in [
        format!("&scope={}", "s".repeat(20_000)),
        format!("&unknown={}", "s".repeat(17_000)),
        format!("&{}=1", "n".repeat(129)),
        many,
        countless,
    ] {
        let body = format!("grant_type=client_credentials{extra}");
        refused(&target.acme(body.clone()), 400, "invalid_request");
        refused(&target.bank(body), 400, "invalid_request");
    }
    // What is long and may be.
    assert_eq!(
        target.acme(format!("grant_type=client_credentials&unknown={}", "s".repeat(16_000))).status,
        200
    );
}

#[test]
fn a_giant_authorization_header_is_refused() {
    let target = Target::start();
    for giant in
        [format!("Basic {}", "A".repeat(9_000)), format!("Bearer {}", "A".repeat(9_000)), "x".repeat(9_000)]
    {
        for url in [target.demo.acme("token"), target.demo.bank("token")] {
            let request = target.http.post(url).header("authorization", &giant).header("content-type", FORM);
            refused(&request.body("grant_type=client_credentials").said(), 400, "invalid_request");
        }
    }
    // A secret that is too long to be one, in a header that is not.
    let request = target.http.post(target.demo.acme("token")).basic_auth("acme-m2m", Some("s".repeat(2_000)));
    refused(&request.form(&[("grant_type", "client_credentials")]).said(), 401, "invalid_client");
    let long = [
        ("grant_type", "client_credentials"),
        ("client_id", "acme-m2m"),
        ("client_secret", &"s".repeat(2_000)),
    ];
    refused(&target.http.post(target.demo.acme("token")).form(&long).said(), 401, "invalid_client");
    let long =
        [("grant_type", "client_credentials"), ("client_id", &"i".repeat(300)), ("client_secret", "s")];
    refused(&target.http.post(target.demo.acme("token")).form(&long).said(), 400, "invalid_request");
    target.still_serves();
}

#[test]
fn a_body_of_100_kilobytes_is_413_however_it_comes() {
    let target = Target::start();
    for url in [target.demo.acme("token"), target.demo.bank("introspect"), target.demo.acme("jwks")] {
        let request = target.http.post(&url).header("authorization", M2M).header("content-type", FORM);
        let said = request.body(vec![b'x'; 100_000]).said();
        if url.ends_with("jwks") {
            refused(&said, 405, "invalid_request");
        } else {
            refused(&said, 413, "invalid_request");
        }
    }
    // Chunked, so that no length is announced.
    let mut talk = Talk::open(&target.demo.url);
    talk.say(&[HEAD.as_bytes(), b"Transfer-Encoding: chunked\r\n\r\n"].concat());
    for _ in 0..10 {
        talk.say(format!("2710\r\n{}\r\n", "x".repeat(10_000)).as_bytes());
    }
    talk.say(b"0\r\n\r\n");
    refused_raw(&talk.answer(false).unwrap(), 413, "invalid_request");
    // As large as may be is read, and then judged.
    let request = target.acme_request().header("content-type", FORM);
    refused(&request.body(vec![b'x'; 64 * 1024]).said(), 400, "invalid_request");
    target.still_serves();
}

#[test]
fn unknown_paths_and_tenants_are_404() {
    let target = Target::start();
    for path in [
        "/",
        "/idp",
        "/idp/acme",
        "/idp/acme/authn",
        "/idp/acme/authn/",
        "/idp/acme/authn/token/",
        "/idp/acme/authn/TOKEN",
        "/idp/acme/authn/login",
        "/idp/nobody/authn/token",
        "/idp/ACME/authn/token",
        "/idp/onlinebank/authn/token",
        "/idp//authn/token",
        "/idp/acme%00/authn/token",
        "/idp/%ff/authn/token",
        "/idp/acme%2f..%2facme/authn/token",
        "/idp/%2e%2e/authn/token",
        "//idp/acme/authn/token",
        "/healthz",
        "/readyz",
        "/metrics",
        "/.well-known/oauth-authorization-server/idp/nobody/authn",
        "/.well-known/openid-configuration",
    ] {
        // By hand: a client would tidy the path up first.
        for method in ["GET", "POST", "DELETE"] {
            let mut talk = Talk::open(&target.demo.url);
            talk.say(format!("{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").as_bytes());
            let answer = talk.answer(false).unwrap();
            refused_raw(&answer, 404, "invalid_request");
        }
    }
    let long = format!("/idp/{}/authn/token", "a".repeat(65));
    refused(&target.http.post(format!("{}{long}", target.demo.url)).said(), 404, "invalid_request");
}

#[test]
fn wrong_methods_are_405_and_the_right_ones_are_named() {
    let target = Target::start();
    for (endpoint, allow) in [
        ("token", vec!["POST", "OPTIONS"]),
        ("introspect", vec!["POST", "OPTIONS"]),
        ("revoke", vec!["POST", "OPTIONS"]),
        ("userinfo", vec!["GET", "POST", "OPTIONS"]),
        ("jwks", vec!["GET", "OPTIONS"]),
        (".well-known/openid-configuration", vec!["GET", "OPTIONS"]),
    ] {
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"] {
            if allow.contains(&method) {
                continue;
            }
            let name = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
            let said = target.http.request(name, target.demo.acme(endpoint)).said();
            refused(&said, 405, "invalid_request");
            let told: Vec<&str> = said.header("allow").split(", ").collect();
            assert!(allow.iter().all(|method| told.contains(method)), "{method} {endpoint}: {told:?}");
            assert!(!told.contains(&method));
        }
    }
}

#[test]
fn one_request_authenticates_in_one_way() {
    let target = Target::start();
    let url = target.demo.acme("token");
    let grant = [("grant_type", "client_credentials")];
    let (id, secret) = ("acme-m2m", "acme-m2m-secret-0b7c41d2f98e4a63");
    let post = || target.http.post(&url);
    let twice = post().header("authorization", M2M).header("authorization", M2M).form(&grant);
    refused(&twice.said(), 400, "invalid_request");
    let both = acme_m2m(post()).form(&[grant[0], ("client_id", id), ("client_secret", secret)]);
    refused(&both.said(), 400, "invalid_request");
    let other = acme_m2m(post()).form(&[grant[0], ("client_id", "acme-legacy")]);
    refused(&other.said(), 400, "invalid_request");
    let nameless = post().form(&[grant[0], ("client_secret", secret)]);
    refused(&nameless.said(), 400, "invalid_request");
    let assertion = acme_m2m(post()).form(&[grant[0], ("client_assertion", "x.y.z")]);
    refused(&assertion.said(), 400, "invalid_request");
    let untyped = post().form(&[grant[0], ("client_assertion", "x.y.z")]);
    refused(&untyped.said(), 400, "invalid_request");
    let typed = ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    let assertion = post().form(&[grant[0], ("client_assertion", "x.y.z"), typed]);
    refused(&assertion.said(), 401, "invalid_client");
    // The same name twice over is no contradiction.
    assert_eq!(acme_m2m(post()).form(&[grant[0], ("client_id", id)]).said().status, 200);
}

#[test]
fn basic_credentials_that_do_not_read_are_401() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let target = Target::start();
    let pairs: [&[u8]; 9] = [
        b"nocolon",
        b"",
        b":",
        b":secret",
        b"%zz:secret",
        b"acme-m2m:%",
        b"\xff:\xff",
        b"a\0b:c",
        b"acme-m2m:a\x01b",
    ];
    let encoded = pairs.iter().map(|pair| STANDARD.encode(pair));
    let broken = ["!!!", "YQ=", "YQ===", "Y Q", "YWNtZS1tMm0_", "\u{e9}"].map(str::to_owned);
    for text in encoded.chain(broken) {
        let value = format!("Basic {text}").into_bytes();
        let value = reqwest::header::HeaderValue::from_bytes(&value).unwrap();
        for url in [target.demo.acme("token"), target.demo.bank("introspect")] {
            let request = target.http.post(url).header("authorization", &value);
            let said = request.form(&[("grant_type", "client_credentials"), ("token", "x")]).said();
            refused(&said, 401, "invalid_client");
            assert!(said.header("www-authenticate").starts_with("Basic "));
        }
    }
    target.still_serves();
}

/// As far as the headers that say how the body comes.
const HEAD: &str = "POST /idp/acme/authn/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
     Authorization: Basic YWNtZS1tMm06YWNtZS1tMm0tc2VjcmV0LTBiN2M0MWQyZjk4ZTRhNjM=\r\n";
const GRANT: &str = "grant_type=client_credentials";

fn with_length(id: &str) -> String {
    format!("{HEAD}X-Correlation-ID: {id}\r\nContent-Length: {}\r\n\r\n{GRANT}", GRANT.len())
}

#[test]
fn a_huge_header_block_is_431() {
    let target = Target::start();
    let one = format!("{HEAD}X-Junk: {}\r\n\r\n", "j".repeat(200_000));
    let many = (0..200).map(|n| format!("X-{n}: 1\r\n")).collect::<Vec<_>>().concat();
    let endless = format!("{HEAD}{}", "X-A: 1\r\n".repeat(30_000));
    let target_line = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(200_000));
    for text in [one, format!("{HEAD}{many}\r\n"), endless, target_line] {
        let mut talk = Talk::open(&target.demo.url);
        talk.say(text.as_bytes());
        let status = talk.answer(false).map_or(0, |answer| answer.status);
        assert!([400, 414, 431].contains(&status), "{status} for {} bytes", text.len());
    }
    // What is large and may be.
    let mut talk = Talk::open(&target.demo.url);
    talk.say(
        with_length("t")
            .replacen("Host: x\r\n", &format!("Host: x\r\nX-Junk: {}\r\n", "j".repeat(20_000)), 1)
            .as_bytes(),
    );
    assert_eq!(talk.answer(false).unwrap().status, 200);
    target.still_serves();
}

#[test]
fn a_request_that_breaks_off_changes_nothing() {
    let target = Target::start();
    let whole = with_length("t");
    for end in (1..whole.len()).step_by(7) {
        let answer = raw::exchange(&target.demo.url, &whole.as_bytes()[..end]);
        let status = raw::status(&answer);
        assert!(status == 0 || (400..500).contains(&status), "{answer}");
    }
    // Half-closed after the last byte it is a request like any other.
    assert_eq!(raw::status(&raw::exchange(&target.demo.url, whole.as_bytes())), 200);
    target.still_serves();
}

#[test]
fn a_body_that_never_comes_is_not_waited_for_without_end() {
    let data = tempfile::tempdir().unwrap();
    let demo = Demo::start_in(data, &[("COUNTERSIGN__SERVER__REQUEST_TIMEOUT", "1")]);
    for stalled in [
        format!("{HEAD}Content-Length: 29\r\n\r\ngrant"),
        format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\ngr"),
    ] {
        let mut talk = Talk::open(&demo.url);
        talk.say(stalled.as_bytes());
        let answer = talk.answer(false).expect("an answer within the patience of the connection");
        refused_raw(&answer, 408, "invalid_request");
        assert!(answer.closes(), "{answer:?}");
    }
    // A head that never ends is HTTP's own 408, or the end of the connection.
    let mut talk = Talk::open(&demo.url);
    talk.say(b"POST /idp/acme/authn/token HTTP/1.1\r\nHost:");
    let status = talk.answer(false).map_or(0, |answer| answer.status);
    assert!([0, 408].contains(&status), "{status}");
}

#[test]
fn chunks_of_wrong_sizes_are_400() {
    let target = Target::start();
    for chunks in [
        "zz\r\ngrant_type=client_credentials\r\n0\r\n\r\n",
        "5\r\ngrant_type=client_credentials\r\n0\r\n\r\n",
        "-1\r\ngrant\r\n0\r\n\r\n",
        "ffffffffffffffffff\r\ngrant\r\n0\r\n\r\n",
        "\r\ngrant\r\n0\r\n\r\n",
        "ff\r\ngrant\r\n0\r\n\r\n",
    ] {
        let mut talk = Talk::open(&target.demo.url);
        talk.say(format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n{chunks}").as_bytes());
        talk.finish();
        let status = talk.answer(false).map_or(0, |answer| answer.status);
        assert!([0, 400].contains(&status), "{chunks:?}: {status}");
    }
    let mut talk = Talk::open(&target.demo.url);
    talk.say(format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\ngrant\r\n018\r\n_type=client_credentials\r\n0\r\n\r\n").as_bytes());
    assert_eq!(talk.answer(false).unwrap().status, 200);
    target.still_serves();
}

#[test]
fn requests_that_contradict_themselves_are_400_and_end_the_connection() {
    let target = Target::start();
    for (name, text) in [
        ("two lengths", format!("{HEAD}Content-Length: 29\r\nContent-Length: 5\r\n\r\n{GRANT}")),
        (
            "length and chunks",
            format!("{HEAD}Content-Length: 29\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ),
        ("two encodings", format!("{HEAD}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n")),
        ("negative length", format!("{HEAD}Content-Length: -29\r\n\r\n{GRANT}")),
        ("signed length", format!("{HEAD}Content-Length: +29\r\n\r\n{GRANT}")),
        ("hex length", format!("{HEAD}Content-Length: 0x1d\r\n\r\n{GRANT}")),
        ("two hosts", format!("{HEAD}Host: y\r\nContent-Length: 29\r\n\r\n{GRANT}")),
        ("no host", HEAD.replace("Host: x\r\n", "") + "Content-Length: 0\r\n\r\n"),
        ("a space before the colon", format!("{HEAD}Content-Length : 29\r\n\r\n{GRANT}")),
        ("a folded header", format!("{HEAD}X-A: 1\r\n folded\r\nContent-Length: 29\r\n\r\n{GRANT}")),
        ("a NUL", format!("{HEAD}X-A: a\0b\r\nContent-Length: 29\r\n\r\n{GRANT}")),
        ("another version", with_length("t").replace("HTTP/1.1", "HTTP/3.7")),
        ("no version", "GET /idp/acme/authn/jwks\r\n\r\n".to_owned()),
        ("TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\u{fc}\x03\x03".to_owned()),
    ] {
        let mut talk = Talk::open(&target.demo.url);
        // A second request behind it must not be answered: nobody knows where it begins.
        talk.say(format!("{text}{}", with_length("smuggled")).as_bytes());
        let answer = talk.answer(false);
        assert_eq!(answer.as_ref().map(|answer| answer.status), Some(400), "{name}: {answer:?}");
        assert!(talk.answer(false).is_none(), "{name}: the connection goes on");
    }
    target.still_serves();
}

#[test]
fn http_1_0_and_absolute_targets_work() {
    let target = Target::start();
    let old = with_length("old").replace("HTTP/1.1", "HTTP/1.0");
    let mut talk = Talk::open(&target.demo.url);
    talk.say(old.as_bytes());
    let answer = talk.answer(false).unwrap();
    assert_eq!((answer.status, answer.header("x-correlation-id")), (200, "old"));
    assert!(answer.json()["access_token"].is_string());
    assert!(talk.answer(false).is_none(), "HTTP/1.0 ends with its answer");

    let absolute = with_length("absolute").replace("POST /", "POST http://id.example/");
    let mut talk = Talk::open(&target.demo.url);
    talk.say(absolute.as_bytes());
    let answer = talk.answer(false).unwrap();
    assert_eq!((answer.status, answer.header("x-correlation-id")), (200, "absolute"));

    // Neither host has any say in what the issuer is called.
    let mut talk = Talk::open(&target.demo.url);
    talk.say(b"GET http://evil.example/idp/acme/authn/.well-known/openid-configuration HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    let answer = talk.answer(false).unwrap();
    assert_eq!(answer.json()["issuer"], target.demo.acme("").trim_end_matches('/'));
    assert!(!String::from_utf8_lossy(&answer.body).contains("evil"));

    for other in ["OPTIONS * HTTP/1.1", "CONNECT id.example:443 HTTP/1.1", "GET * HTTP/1.1"] {
        let mut talk = Talk::open(&target.demo.url);
        talk.say(format!("{other}\r\nHost: x\r\n\r\n").as_bytes());
        let status = talk.answer(false).map_or(0, |answer| answer.status);
        assert!((400..500).contains(&status), "{other}: {status}");
    }
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let target = Target::start();
    let mut bytes = Vec::new();
    for n in 0..12 {
        let request = match n % 3 {
            0 => with_length(&format!("t-{n}")),
            1 => format!("GET /idp/acme/authn/jwks HTTP/1.1\r\nHost: x\r\nX-Correlation-ID: t-{n}\r\n\r\n"),
            _ => format!("GET /nowhere HTTP/1.1\r\nHost: x\r\nX-Correlation-ID: t-{n}\r\n\r\n"),
        };
        bytes.extend(request.bytes());
    }
    let mut talk = Talk::open(&target.demo.url);
    talk.say(&bytes);
    for n in 0..12 {
        let answer = talk.answer(false).unwrap();
        assert_eq!(answer.header("x-correlation-id"), format!("t-{n}"));
        assert_eq!(answer.status, [200, 200, 404][n % 3]);
    }
}

const SEED: u64 = 0x00C0_FFEE_2026;
const THREADS: u64 = 4;

#[test]
fn ten_thousand_generated_requests_get_precise_answers_and_leave_the_server_as_it_was() {
    let demo = Demo::start();
    let mut tally = Tally::default();
    let mut resident = Vec::new();
    for half in 0..2 {
        std::thread::scope(|scope| {
            let start = |thread| {
                let seed = SEED.wrapping_mul(1 + half * THREADS + thread);
                println!("half {half}, thread {thread}: seed {seed:#x}");
                let url = &demo.url;
                scope.spawn(move || bombard(url, seed, 5_000 / usize::try_from(THREADS).unwrap()))
            };
            let threads: Vec<_> = (0..THREADS).map(start).collect();
            for thread in threads {
                tally.add(thread.join().unwrap());
            }
        });
        resident.push(demo.resident());
    }
    println!("{tally:?}, resident {resident:?} KiB");
    assert_eq!(tally.sent, 10_000);
    // The generator reached what it should reach.
    for (status, least) in
        [(200, 1_000), (400, 1_000), (401, 300), (404, 100), (405, 100), (413, 50), (429, 10), (431, 5)]
    {
        let found = tally.statuses.get(&status).copied().unwrap_or_default();
        assert!(found >= least, "{status} came {found} times only: {tally:?}");
    }
    assert!(resident[1] < resident[0] + resident[0] / 5 + 16 * 1024, "memory grows: {resident:?} KiB");
    let impatient = Client::builder().timeout(Duration::from_secs(2)).no_proxy().build().unwrap();
    let good = acme_m2m(impatient.post(demo.acme("token"))).form(&[("grant_type", "client_credentials")]);
    assert_eq!(good.said().status, 200);
    assert!(!demo.stderr().contains("panicked"), "{}", demo.stderr());
    let health = http().get(format!("{}/readyz", demo.management)).said();
    assert_eq!(health.status, 200);
}
