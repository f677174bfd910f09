//! Tokens bound to the certificate of a connection (RFC 8705 §3), over real TLS.

use base64::Engine as _;
use countersign_server::config::AskFor;
use jose::pki::{Issued, Purpose};
use serde_json::Value;

use super::{TENANT, access, key::Key};
use crate::{
    mtls::{section, server_certificate},
    support::{
        Ask as _, http,
        in_process::Server,
        raw::Answer,
        tls::{Caller, authority, issued, post},
    },
};

const PASSWORD: &str = "grant_type=password&username=bob&password=correct-horse-battery-staple&scope=openid";
const MTLS: &str = "https://mtls.id.example";

struct Bank {
    server: Server,
    one: Issued,
    two: Issued,
    _files: tempfile::TempDir,
}

impl Bank {
    fn start() -> Self {
        let ca = authority("Test CA");
        let files = tempfile::tempdir().unwrap();
        let section = section(files.path(), AskFor::Ask, &server_certificate(&ca));
        let server = Server::start_with(&[TENANT], |raw| {
            raw.tls = vec![section];
            raw.server.mtls_url = Some(MTLS.to_owned());
        });
        let client = |name| issued(&[("CN", name)], Purpose::Client, None);
        Self { server, one: client("one"), two: client("two"), _files: files }
    }

    fn ask(&self, certificate: Option<&Issued>, client: &str, headers: &str) -> Answer {
        let secret =
            base64::engine::general_purpose::STANDARD.encode(format!("{client}:6f1d0c9be2a74e58-{client}"));
        let headers = format!("authorization: Basic {secret}\r\n{headers}");
        let mut talk = Caller { certificate, ..Caller::default() }.connect(self.server.tls[0]);
        post(&mut talk, ("localhost", "/idp/acme/authn/token"), &headers, PASSWORD)
    }

    /// What a public client is told.
    fn public(&self, certificate: Option<&Issued>, form: &str) -> Answer {
        let mut talk = Caller { certificate, ..Caller::default() }.connect(self.server.tls[0]);
        let form = format!("client_id=certified-spa&{form}");
        post(&mut talk, ("localhost", "/idp/acme/authn/token"), "", &form)
    }

    fn userinfo(&self, certificate: Option<&Issued>, token: &str) -> (u16, Value) {
        let mut talk = Caller { certificate, ..Caller::default() }.connect(self.server.tls[0]);
        let head = "GET /idp/acme/authn/userinfo HTTP/1.1\r\nhost: localhost\r\n";
        talk.say(format!("{head}authorization: Bearer {token}\r\n\r\n").as_bytes());
        let answer = talk.answer(false).expect("an answer");
        (answer.status, answer.json()["error"].clone())
    }
}

#[test]
fn a_token_works_on_connections_with_the_certificate_it_is_bound_to_and_on_no_other() {
    let bank = Bank::start();
    let refused = bank.ask(None, "certified", "");
    assert_eq!((refused.status, &refused.json()["error"]), (400, &"invalid_request".into()));
    let answer = bank.ask(Some(&bank.one), "certified", "");
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = answer.json();
    assert_eq!(answer["token_type"], "Bearer");
    let token = access(&answer);
    assert_eq!(bank.userinfo(Some(&bank.one), token).0, 200);
    assert_eq!(bank.userinfo(Some(&bank.two), token), (401, "invalid_token".into()));
    assert_eq!(bank.userinfo(None, token), (401, "invalid_token".into()));
    let plain = http().get(bank.server.tenant("acme", "userinfo")).bearer_auth(token).said();
    assert_eq!(plain.error(), (401, "invalid_token".into()), "the plain listener shows none");

    let said = http()
        .post(bank.server.tenant("acme", "introspect"))
        .basic_auth("acme-m2m", Some("acme-m2m-secret-0b7c41d2f98e4a63"))
        .form(&[("token", token)])
        .json_ok();
    let thumbprint = domain::Thumbprint::of(&bank.one.certificate_der().unwrap()).to_base64url();
    assert_eq!(said["cnf"], serde_json::json!({ "x5t#S256": thumbprint }));
}

#[test]
fn a_public_clients_refresh_token_works_with_its_certificate_only_and_rotates_under_it() {
    let bank = Bank::start();
    let first = bank.public(Some(&bank.one), &format!("{PASSWORD}%20offline_access"));
    assert_eq!(first.status, 200, "{:?}", first.json());
    let refresh = |answer: &Value| {
        let token = answer["refresh_token"].as_str().unwrap_or_else(|| panic!("{answer}"));
        format!("grant_type=refresh_token&refresh_token={token}")
    };
    let form = refresh(&first.json());
    let refused = |certificate: Option<&Issued>, error: &str| {
        let answer = bank.public(certificate, &form);
        assert_eq!((answer.status, &answer.json()["error"]), (400, &error.into()), "RFC 8705 §4");
    };
    refused(Some(&bank.two), "invalid_grant");
    refused(None, "invalid_request");
    // Without the TLS listener nobody shows a certificate either.
    let parts =
        url::form_urlencoded::parse(form.as_bytes()).chain([("client_id".into(), "certified-spa".into())]);
    let plain = http().post(bank.server.tenant("acme", "token")).form(&parts.collect::<Vec<_>>()).said();
    assert_eq!(plain.error(), (400, "invalid_request".into()));
    let second = bank.public(Some(&bank.one), &form);
    assert_eq!(second.status, 200, "{:?}", second.json());
    let second = second.json();
    assert_eq!(bank.userinfo(Some(&bank.one), access(&second)).0, 200);
    assert_eq!(bank.userinfo(Some(&bank.two), access(&second)).0, 401);
    // A lost answer is had again with the same certificate only, and a thief closes nothing.
    refused(Some(&bank.two), "invalid_grant");
    assert_eq!(bank.public(Some(&bank.one), &form).json(), second);
    assert_eq!(bank.public(Some(&bank.one), &refresh(&second)).status, 200);
}

#[test]
fn a_certificate_that_happens_to_be_there_binds_nothing() {
    let bank = Bank::start();
    let answer = bank.ask(Some(&bank.one), "web", "").json();
    assert_eq!(bank.userinfo(None, access(&answer)).0, 200);
}

#[test]
fn a_proof_may_be_made_for_the_name_of_the_listener_that_asks_for_certificates() {
    let bank = Bank::start();
    let key = Key::es256();
    let ask = |url: &str| {
        let proof = key.proof("POST", url).claim("iat", 1_800_000_000).text();
        let answer = bank.ask(Some(&bank.one), "certified", &format!("dpop: {proof}\r\n"));
        (answer.status, answer.json())
    };
    let (status, answer) = ask(&format!("{MTLS}/idp/acme/authn/token"));
    assert_eq!((status, &answer["token_type"]), (200, &"DPoP".into()), "{answer}");
    // Bound to both: the certificate alone is not enough.
    assert_eq!(bank.userinfo(Some(&bank.one), access(&answer)), (401, "invalid_token".into()));
    assert_eq!(ask("https://localhost/idp/acme/authn/token").0, 400, "Host is the caller's word");
}

#[test]
fn metadata_tells_of_it_where_certificates_are_seen() {
    let bank = Bank::start();
    let said = |server: &Server| {
        let url = server.tenant("acme", ".well-known/openid-configuration");
        http().get(url).json_ok()["tls_client_certificate_bound_access_tokens"].clone()
    };
    assert_eq!(said(&bank.server), true);
    assert_eq!(said(&Server::start(&[TENANT])), false);
}
