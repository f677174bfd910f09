//! Keys that clients publish: fetched when needed, within bounds, and from nowhere else.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use openssl::{
    asn1::Asn1Time,
    hash::MessageDigest,
    pkey::{PKey, Private},
    ssl::{SslAcceptor, SslMethod},
    x509::{X509, X509NameBuilder, extension::SubjectAlternativeName},
};
use serde_json::json;

use super::{ISSUER, Key, claims, configure, refused, set, set_of, token};
use crate::support::{Ask as _, http, in_process::Server, serve::Node, wait_for};

/// What a publisher answers.
#[derive(Clone)]
pub(crate) enum Answer {
    /// A set, with its `Cache-Control`.
    Set(String, &'static str),
    /// Anything else, with its `Cache-Control`.
    Bytes(Vec<u8>, &'static str),
    /// Another place.
    Redirect(String),
    Status(u16),
    /// A head, and then nothing.
    Hang,
    /// One byte at a time, without end.
    Drip,
}

/// Whoever publishes keys on loopback.
pub(crate) struct Publisher {
    pub(crate) port: u16,
    asked: Arc<AtomicUsize>,
    answer: Arc<Mutex<Answer>>,
    /// What hangs.
    hanging: Arc<Mutex<Vec<TcpStream>>>,
}

impl Publisher {
    pub(crate) fn start(answer: Answer) -> Self {
        Self::start_as(answer, None)
    }

    pub(crate) fn start_tls(answer: Answer, certificate: &X509, private: &PKey<Private>) -> Self {
        let mut tls = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
        tls.set_certificate(certificate).unwrap();
        tls.set_private_key(private).unwrap();
        Self::start_as(answer, Some(tls.build()))
    }

    fn start_as(answer: Answer, tls: Option<SslAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (asked, answer) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(answer)));
        let (count, kept) = (Arc::clone(&asked), Arc::clone(&answer));
        let hanging = Arc::new(Mutex::new(Vec::new()));
        let hangs = Arc::clone(&hanging);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                count.fetch_add(1, Ordering::SeqCst);
                let (answer, tls) = (kept.lock().unwrap().clone(), tls.clone());
                if matches!(answer, Answer::Hang) {
                    hangs.lock().unwrap().push(stream.try_clone().unwrap());
                }
                std::thread::spawn(move || match tls {
                    None => respond(stream, &answer),
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream) {
                            respond(stream, &answer);
                        }
                    }
                });
            }
        });
        Self { port, asked, answer, hanging }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/jwks", self.port)
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// Closes what hangs.
    pub(crate) fn lets_go(&self) {
        for stream in self.hanging.lock().unwrap().drain(..) {
            stream.shutdown(Shutdown::Both).unwrap();
        }
    }

    pub(crate) fn says(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }
}

fn respond(mut stream: impl Read + Write, answer: &Answer) {
    // The request fits into one read, and what it says does not matter.
    drop(stream.read(&mut [0; 4096]));
    let head = |status: &str, more: &str| format!("HTTP/1.1 {status}\r\nConnection: close\r\n{more}\r\n");
    let text = match answer {
        Answer::Bytes(bytes, cache) => {
            head("200 OK", &format!("Cache-Control: {cache}\r\nContent-Length: {}\r\n", bytes.len()))
        }
        Answer::Set(set, cache) => {
            let length = set.len();
            head("200 OK", &format!("Cache-Control: {cache}\r\nContent-Length: {length}\r\n")) + set
        }
        Answer::Redirect(to) => head("302 Found", &format!("Location: {to}\r\nContent-Length: 0\r\n")),
        Answer::Status(status) => head(&format!("{status} X"), "Content-Length: 0\r\n"),
        Answer::Hang | Answer::Drip => head("200 OK", "Content-Length: 100000\r\n"),
    };
    drop(stream.write_all(text.as_bytes()));
    if let Answer::Bytes(bytes, _) = answer {
        drop(stream.write_all(bytes));
    }
    drop(stream.flush());
    match answer {
        // Until the other side has gone.
        Answer::Hang => while stream.read(&mut [0; 64]).is_ok_and(|read| read > 0) {},
        Answer::Drip => {
            let (_keep, pause) = std::sync::mpsc::channel::<()>();
            while stream.write_all(b" ").is_ok() {
                pause.recv_timeout(Duration::from_millis(20)).ok();
            }
        }
        _ => {}
    }
}

fn tenant(uri: &str, private: bool) -> String {
    format!(
        "[settings]\nfetch_private = {private}\n[[clients]]\nclient_id = 'robot'\n\
         auth_methods = ['private_key_jwt']\njwks_uri = '{uri}'\n"
    )
}

/// A node whose client publishes at `uri`.
fn node(dir: &tempfile::TempDir, uri: &str, private: bool, variables: &[(&str, &str)]) -> Node {
    configure(dir.path(), &[("acme", "openid", &tenant(uri, private))]);
    Node::start_with(dir.path(), "c.toml", variables)
}

fn by(key: &Key, kid: &str) -> String {
    key.jwt("ES256", &json!({ "kid": kid }), &claims("robot", ISSUER))
}

pub(super) fn named(key: &Key, kid: &str) -> String {
    set(&[key.jwk(&json!({ "kid": kid }))])
}

#[test]
fn published_keys_are_fetched_once_and_a_client_may_rotate_twice_within_seconds() {
    let (one, two, three) = (Key::ec(), Key::ec(), Key::ec());
    let publisher = Publisher::start(Answer::Set(named(&one, "1"), "max-age=600"));
    let dir = tempfile::tempdir().unwrap();
    let node = node(&dir, &publisher.url(), true, &[]);
    for _ in 0..5 {
        assert_eq!(token(&node, "acme", &by(&one, "1")).status, 200);
    }
    assert_eq!(publisher.asked(), 1);
    publisher.says(Answer::Set(named(&two, "2"), "max-age=600"));
    assert_eq!(token(&node, "acme", &by(&two, "2")).status, 200);
    publisher.says(Answer::Set(set_of(&three), "max-age=600"));
    // Without any kid a wrong signature asks again, too.
    let bare = three.jwt("ES256", &json!({}), &claims("robot", ISSUER));
    assert_eq!(token(&node, "acme", &bare).status, 200);
    assert_eq!(publisher.asked(), 3);
    refused(&token(&node, "acme", &by(&one, "1")));
}

#[test]
fn a_client_whose_published_keys_have_no_kid_may_rotate_under_a_kid_of_its_own() {
    let (one, two, three) = (Key::ec(), Key::ec(), Key::ec());
    let publisher = Publisher::start(Answer::Set(set_of(&one), "max-age=600"));
    let dir = tempfile::tempdir().unwrap();
    let node = node(&dir, &publisher.url(), true, &[]);
    assert_eq!(token(&node, "acme", &by(&one, "1")).status, 200);
    // The keys of the set may have any name: that none is the right one may only mean that it is old.
    publisher.says(Answer::Set(set_of(&two), "max-age=600"));
    assert_eq!(token(&node, "acme", &by(&two, "2")).status, 200);
    publisher.says(Answer::Set(named(&two, "2"), "max-age=600"));
    refused(&token(&node, "acme", &by(&three, "3")));
    assert_eq!(publisher.asked(), 3);
    // A wrong signature under the name of a key that is there is just wrong.
    refused(&token(&node, "acme", &by(&three, "2")));
    assert_eq!(publisher.asked(), 3);
}

#[test]
fn all_lines_of_cache_control_count_and_so_does_the_age() {
    let key = Key::ec();
    let several = "public\r\nCache-Control: max-age=3000";
    let publisher = Publisher::start(Answer::Set(named(&key, "1"), several));
    let server = clocked(&publisher);
    assert_eq!((told(&server, &key, "1"), publisher.asked()), (200, 1));
    server.later(2999);
    assert_eq!((told(&server, &key, "1"), publisher.asked()), (200, 1));
    publisher.says(Answer::Set(named(&key, "1"), "max-age=3000\r\nAge: 2900"));
    // After a quiet time the publisher is asked first.
    server.later(62);
    assert_eq!((told(&server, &key, "1"), publisher.asked()), (200, 2));
    server.later(99);
    assert_eq!((told(&server, &key, "1"), publisher.asked()), (200, 2));
    server.later(62);
    assert_eq!((told(&server, &key, "1"), publisher.asked()), (200, 3));
}

#[test]
fn a_flood_of_unknown_kids_makes_a_handful_of_fetches() {
    let key = Key::ec();
    let publisher = Publisher::start(Answer::Set(named(&key, "1"), "max-age=600"));
    let dir = tempfile::tempdir().unwrap();
    let node = node(&dir, &publisher.url(), true, &[]);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (node, key) = (&node, &key);
            scope.spawn(move || {
                for n in 0..25 {
                    let said = token(node, "acme", &by(key, &format!("{thread}-{n}")));
                    // So many of one source are told to wait in the end.
                    assert!([401, 429].contains(&said.status), "{}", said.text);
                }
            });
        }
    });
    assert!((2..=7).contains(&publisher.asked()), "{}", publisher.asked());
    assert_eq!(token(&node, "acme", &by(&key, "1")).status, 200);
}

#[test]
fn many_at_once_make_one_fetch() {
    let key = Key::ec();
    let publisher = Publisher::start(Answer::Set(named(&key, "1"), ""));
    let dir = tempfile::tempdir().unwrap();
    let node = node(&dir, &publisher.url(), true, &[]);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(token(&node, "acme", &by(&key, "1")).status, 200));
        }
    });
    assert_eq!(publisher.asked(), 1);
}

#[test]
fn one_bad_key_does_not_spoil_the_others_and_a_thousand_are_too_many() {
    let key = Key::ec();
    let mut keys = vec![
        json!({}),
        json!("text"),
        json!({ "kty": 7 }),
        json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" }),
        json!({ "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" }),
        json!({ "kty": "oct", "k": "AAAA" }),
        json!({ "kid": {}, "kty": "OKP" }),
        key.jwk(&json!({ "kid": "1" })),
    ];
    let publisher = Publisher::start(Answer::Set(set(&keys), ""));
    let dir = tempfile::tempdir().unwrap();
    let node = node(&dir, &publisher.url(), true, &[]);
    assert_eq!(token(&node, "acme", &by(&key, "1")).status, 200);
    // Of many keys a bounded number counts, and of a document that is too long none.
    let late = Key::ec();
    keys.resize(1000, json!({ "kty": "oct" }));
    keys.push(late.jwk(&json!({ "kid": "2" })));
    publisher.says(Answer::Set(set(&keys), ""));
    refused(&token(&node, "acme", &by(&late, "2")));
    assert_eq!(token(&node, "acme", &by(&key, "1")).status, 200);
    publisher.says(Answer::Set(named(&late, "2") + &" ".repeat(200_000), ""));
    refused(&token(&node, "acme", &by(&late, "2")));
    assert_eq!(token(&node, "acme", &by(&key, "1")).status, 200);
}

#[test]
fn sets_that_hang_or_drip_hold_up_nobody_else() {
    let key = Key::ec();
    for answer in [Answer::Hang, Answer::Drip] {
        let publisher = Publisher::start(answer);
        let dir = tempfile::tempdir().unwrap();
        let inline = super::key_client("inline", &set_of(&key));
        configure(dir.path(), &[("acme", "openid", &(tenant(&publisher.url(), true) + &inline))]);
        let variables = [("COUNTERSIGN__OUTBOUND__TIMEOUT_MS", "1500")];
        let node = Node::start_with(dir.path(), "c.toml", &variables);
        std::thread::scope(|scope| {
            let begun = Instant::now();
            let slow: Vec<_> = (0..4).map(|_| scope.spawn(|| token(&node, "acme", &by(&key, "1")))).collect();
            assert!(wait_for(Duration::from_secs(5), || (publisher.asked() > 0).then_some(())).is_some());
            let assertion = key.jwt("ES256", &json!({}), &claims("inline", ISSUER));
            assert_eq!(token(&node, "acme", &assertion).status, 200);
            assert!(slow.iter().all(|one| !one.is_finished()), "another client had to wait for the set");
            for one in slow {
                refused(&one.join().unwrap());
            }
            assert!(begun.elapsed() < Duration::from_secs(10));
        });
        assert_eq!(publisher.asked(), 1);
    }
}

#[test]
fn redirects_are_not_followed() {
    let key = Key::ec();
    let inside = Publisher::start(Answer::Set(named(&key, "1"), ""));
    let publisher = Publisher::start(Answer::Redirect(inside.url()));
    let dir = tempfile::tempdir().unwrap();
    let node = node(&dir, &publisher.url(), true, &[]);
    refused(&token(&node, "acme", &by(&key, "1")));
    assert_eq!((publisher.asked(), inside.asked()), (1, 0));
}

#[test]
fn a_name_that_leads_to_loopback_is_not_connected_to() {
    let key = Key::ec();
    let publisher = Publisher::start(Answer::Set(named(&key, "1"), ""));
    let dir = tempfile::tempdir().unwrap();
    let node = node(&dir, &format!("https://localhost:{}/jwks", publisher.port), false, &[]);
    refused(&token(&node, "acme", &by(&key, "1")));
    assert_eq!(publisher.asked(), 0);
    assert!(node.stderr().contains("no address that may be fetched from"), "{}", node.stderr());
}

#[test]
fn addresses_that_only_the_server_can_reach_cannot_be_registered() {
    let dir = tempfile::tempdir().unwrap();
    configure(dir.path(), &[]);
    for (uri, private) in [
        ("http://127.0.0.1/jwks", false),
        ("https://127.0.0.1/jwks", false),
        ("https://[::1]/jwks", false),
        ("https://[::ffff:127.0.0.1]/jwks", false),
        ("https://[::ffff:a00:1]/jwks", false),
        ("https://10.0.0.1/jwks", false),
        ("https://100.64.0.1/jwks", false),
        ("https://[fd00::1]/jwks", false),
        ("https://2130706433/jwks", false),
        ("https://169.254.169.254/latest/meta-data", false),
        ("https://169.254.169.254/latest/meta-data", true),
        ("https://[fe80::1]/jwks", true),
        ("http://10.0.0.1/jwks", true),
        ("http://client.example/jwks", true),
        ("file:///etc/passwd", true),
    ] {
        let file = format!("name = 'acme'\nprofile = 'openid'\n{}", tenant(uri, private));
        std::fs::write(dir.path().join("tenant.toml"), file).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_countersign"))
            .args(["tenant", "apply", "tenant.toml", "--config", "c.toml"])
            .current_dir(dir.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("jwks_uri"), "{uri}: {said}");
    }
}

/// A server under a clock, whose client `robot` publishes.
fn clocked(publisher: &Publisher) -> Server {
    let file = format!("name = 'acme'\nprofile = 'openid'\n{}", tenant(&publisher.url(), true));
    // Whoever waits for a fetch that hangs is not answered.
    Server::start_with(&[&file], |raw| {
        raw.outbound.timeout_ms = 600_000;
        raw.server.answer_timeout_ms = 700_000;
    })
}

/// What `robot` is told of an assertion with this `kid`.
fn told(server: &Server, key: &Key, kid: &str) -> u16 {
    let exp = server.clock.now().as_numeric_date() + 60;
    let mut claims = claims("robot", server.tenant("acme", "").trim_end_matches('/'));
    (claims["exp"], claims["iat"]) = (json!(exp), json!(exp - 60));
    let assertion = key.jwt("ES256", &json!({ "kid": kid }), &claims);
    let form = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", super::TYPE),
        ("client_assertion", &assertion),
    ];
    http().post(server.tenant("acme", "token")).form(&form).said().status
}

#[test]
fn what_cannot_be_fetched_again_is_good_for_a_bounded_time() {
    let key = Key::ec();
    let publisher = Publisher::start(Answer::Set(named(&key, "1"), "max-age=60"));
    let server = clocked(&publisher);
    let ask = |kid: &str| told(&server, &key, kid);
    assert_eq!((ask("1"), publisher.asked()), (200, 1));
    server.later(59);
    assert_eq!((ask("1"), publisher.asked()), (200, 1));
    // After a quiet time the publisher is asked first.
    server.later(62);
    assert_eq!((ask("1"), publisher.asked()), (200, 2));
    publisher.says(Answer::Status(500));
    server.later(121);
    assert_eq!((ask("1"), publisher.asked()), (200, 3));
    server.later(3540);
    assert_eq!(ask("1"), 401);
    publisher.says(Answer::Set(named(&key, "1"), ""));
    assert_eq!(ask("1"), 200);
}

#[test]
fn a_stale_set_is_used_while_a_fetch_goes_on_beside() {
    let (key, other) = (Key::ec(), Key::ec());
    let publisher = Publisher::start(Answer::Set(named(&key, "1"), "max-age=60"));
    let server = clocked(&publisher);
    assert_eq!((told(&server, &key, "1"), publisher.asked()), (200, 1));
    publisher.says(Answer::Hang);
    server.later(61);
    for _ in 0..3 {
        assert_eq!(told(&server, &key, "1"), 200, "it had to wait");
    }
    assert!(wait_for(Duration::from_secs(5), || (publisher.asked() == 2).then_some(())).is_some());
    publisher.lets_go();
    publisher.says(Answer::Set(named(&other, "2"), ""));
    // What is not in it waits for the other set.
    assert!(wait_for(Duration::from_secs(5), || (told(&server, &other, "2") == 200).then_some(())).is_some());
    assert_eq!(told(&server, &key, "1"), 401);
}

#[test]
fn a_set_that_was_fetched_for_an_assertion_is_not_fetched_again_for_it() {
    let key = Key::ec();
    let publisher = Publisher::start(Answer::Set(named(&key, "1"), "max-age=600"));
    let dir = tempfile::tempdir().unwrap();
    let node = node(&dir, &publisher.url(), true, &[]);
    refused(&token(&node, "acme", &by(&key, "2")));
    assert_eq!(publisher.asked(), 1);
    refused(&token(&node, "acme", &by(&key, "3")));
    assert_eq!(publisher.asked(), 2);
}

#[test]
fn a_client_that_names_another_place_each_time_is_fetched_from_no_more_often() {
    let key = Key::ec();
    let publisher = Publisher::start(Answer::Set(named(&key, "1"), "max-age=600"));
    let dir = tempfile::tempdir().unwrap();
    let node = node(&dir, &publisher.url(), true, &[]);
    for n in 0..8 {
        let file = tenant(&format!("{}?{n}", publisher.url()), true);
        super::apply(dir.path(), &format!("name = 'acme'\nprofile = 'openid'\n{file}"));
        // Before it refuses, the node looks whether the client has changed.
        refused(&token(&node, "acme", &by(&key, "2")));
    }
    assert!((5..=7).contains(&publisher.asked()), "{}", publisher.asked());
}

#[test]
fn the_query_of_a_place_is_not_in_the_log() {
    let publisher = Publisher::start(Answer::Status(500));
    let dir = tempfile::tempdir().unwrap();
    let node = node(&dir, &format!("{}?code=hush", publisher.url()), true, &[]);
    refused(&token(&node, "acme", &by(&Key::ec(), "1")));
    assert_eq!(publisher.asked(), 1);
    let told = || node.stderr().contains("/jwks").then_some(());
    assert!(wait_for(Duration::from_secs(5), told).is_some(), "{}", node.stderr());
    assert!(!node.stderr().contains("hush"), "{}", node.stderr());
}

/// A certificate for a host that nobody has signed but itself, and its key.
pub(super) fn certificate(host: &str) -> (X509, PKey<Private>) {
    let key = Key::ec().0;
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", host).unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    let names = SubjectAlternativeName::new().dns(host).build(&builder.x509v3_context(None, None));
    builder.append_extension(names.unwrap()).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    (builder.build(), key)
}

#[test]
fn over_tls_the_publisher_must_have_a_certificate_that_is_trusted() {
    let key = Key::ec();
    let (certificate, private) = certificate("localhost");
    let publisher = Publisher::start_tls(Answer::Set(named(&key, "1"), ""), &certificate, &private);
    let uri = format!("https://localhost:{}/jwks", publisher.port);
    let dir = tempfile::tempdir().unwrap();
    let stranger = node(&dir, &uri, true, &[]);
    refused(&token(&stranger, "acme", &by(&key, "1")));
    let ca = dir.path().join("ca.pem");
    std::fs::write(&ca, certificate.to_pem().unwrap()).unwrap();
    let variables = [("COUNTERSIGN__OUTBOUND__CA_FILE", ca.to_str().unwrap())];
    let friend = Node::start_with(dir.path(), "c.toml", &variables);
    assert_eq!(token(&friend, "acme", &by(&key, "1")).status, 200);
}
