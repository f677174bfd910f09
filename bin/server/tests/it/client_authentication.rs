//! Client authentication over HTTP: methods, encodings, challenges, sources, kinds of secret (DECISIONS 4.1, 5).

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use countersign_server::tenant_file::{self, ApplyOptions};
use domain::{
    AdminWrite, ClientId, ClientSecrets, Env, Secret, machine_secret,
    port::{ClientLookup as _, SecretHasher as _},
};
use reqwest::blocking::{Client, RequestBuilder};

use super::support::{Ask as _, Said, http, http_from, in_process::Server, wait_for};

const BANK: &str = include_str!("../../../../fixtures/demo/ONLINEBANK.toml");
const ACME: &str = include_str!("../../../../fixtures/demo/acme.toml");

const M2M: (&str, &str) = ("acme-m2m", "acme-m2m-secret-0b7c41d2f98e4a63");
const LEGACY: (&str, &str) = ("acme-legacy", "acme-legacy-secret-51ce9a07d3b84f26");
const LONG: (&str, &str) = ("473860565698665592940942231026762145082188268181", "MyClientID123456?");

/// What an authenticated client hears of a text that is no token.
const INSIDE: (u16, &str) = (200, r#"{"active":false}"#);

struct Door {
    server: Server,
    http: Client,
    tenant: &'static str,
}

impl Door {
    fn of(tenant: &'static str) -> Self {
        Self { server: Server::start(&[BANK, ACME]), http: http(), tenant }
    }

    /// A request that anyone may make who has authenticated.
    fn knock(&self, credentials: &[(&str, &str)]) -> RequestBuilder {
        let form: Vec<_> = [("token", "x")].iter().chain(credentials).copied().collect();
        self.http.post(self.server.tenant(self.tenant, "introspect")).form(&form)
    }

    fn basic(&self, (id, secret): (&str, &str)) -> Said {
        self.header(&basic(&format!("{}:{}", encoded(id), encoded(secret))))
    }

    fn post(&self, (id, secret): (&str, &str)) -> Said {
        self.knock(&[("client_id", id), ("client_secret", secret)]).said()
    }

    fn none(&self, id: &str) -> Said {
        self.knock(&[("client_id", id)]).said()
    }

    fn header(&self, authorization: &str) -> Said {
        self.knock(&[]).header("authorization", authorization).said()
    }

    fn bearer_of(&self, (id, secret): (&str, &str)) -> String {
        let request = self.http.post(self.server.tenant(self.tenant, "token"));
        let request = request.basic_auth(encoded(id), Some(encoded(secret)));
        let answer = request.form(&[("grant_type", "client_credentials")]).json_ok();
        format!("Bearer {}", answer["access_token"].as_str().unwrap())
    }
}

fn basic(pair: &str) -> String {
    format!("Basic {}", STANDARD.encode(pair))
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

fn inside(said: &Said) {
    assert_eq!((said.status, said.text.as_str()), INSIDE);
}

/// 401, and a challenge of that scheme.
fn outside(said: &Said, scheme: &str) {
    assert_eq!(said.error(), (401, "invalid_client".into()), "{}", said.text);
    let challenge = said.header("www-authenticate");
    assert!(challenge.starts_with(&format!("{scheme} ")), "{challenge}");
    assert_eq!(challenge.contains("error=\"invalid_token\""), scheme == "Bearer", "{challenge}");
    assert_eq!(said.header("cache-control"), "no-store");
    assert!(said.json()["error_description"].is_string());
}

fn seen(said: &Said) -> (u16, String, String) {
    (said.status, said.header("www-authenticate").to_owned(), said.text.clone())
}

#[test]
fn in_openid_a_client_uses_the_methods_it_is_registered_for() {
    let door = Door::of("acme");
    inside(&door.basic(M2M));
    inside(&door.post(M2M));
    outside(&door.none(M2M.0), "Basic");
    inside(&door.basic(LEGACY));
    outside(&door.post(LEGACY), "Basic");
    outside(&door.none(LEGACY.0), "Basic");
    inside(&door.none("acme-spa"));
    outside(&door.basic(("acme-spa", "")), "Basic");
    outside(&door.basic(("acme-spa", "anything")), "Basic");
    outside(&door.post(("acme-spa", "anything")), "Basic");
    // Its own bearer is none of them.
    outside(&door.header(&door.bearer_of(M2M)), "Bearer");
}

#[test]
fn in_hid_basic_includes_post_and_the_clients_own_bearer() {
    let door = Door::of("ONLINEBANK");
    for client in [("spl-api", "password01"), ("client1", "password01"), LONG] {
        inside(&door.basic(client));
        inside(&door.post(client));
        inside(&door.header(&door.bearer_of(client)));
        outside(&door.none(client.0), "Basic");
    }
    inside(&door.none("spl-app"));
    outside(&door.basic(("spl-app", "anything")), "Basic");
    outside(&door.post(("spl-app", "anything")), "Basic");
}

#[test]
fn a_bearer_with_another_client_id_is_refused() {
    let door = Door::of("ONLINEBANK");
    let bearer = door.bearer_of(("spl-api", "password01"));
    inside(&door.knock(&[("client_id", "spl-api")]).header("authorization", &bearer).said());
    for other in ["client1", "spl-app", "nobody"] {
        outside(&door.knock(&[("client_id", other)]).header("authorization", &bearer).said(), "Bearer");
    }
}

#[test]
fn every_kind_of_bad_bearer_hears_the_same() {
    let door = Door::of("ONLINEBANK");
    let form = [("grant_type", "password"), ("username", "alice"), ("password", "secret")];
    let request =
        door.http.post(door.server.tenant("ONLINEBANK", "token")).basic_auth("spl-api", Some("password01"));
    let alice = request.form(&form).json_ok();
    let good = door.bearer_of(("spl-api", "password01"));
    let mut forged = good.clone().into_bytes();
    // A letter of the secret half: the checksum no longer fits.
    forged[40] = if forged[40] == b'A' { b'B' } else { b'A' };
    let texts = [
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        "Bearer IA==".to_owned(),
        "Bearer x".to_owned(),
        String::from_utf8(forged).unwrap(),
        format!("{good} {good}"),
        good.replace("cat_", "crt_"),
        good.replace("cat_", "CAT_"),
        format!("Bearer {}", alice["access_token"].as_str().unwrap()),
        format!("Bearer {}", alice["refresh_token"].as_str().unwrap()),
    ];
    let first = door.header(&texts[0]);
    outside(&first, "Bearer");
    for text in &texts {
        assert_eq!(seen(&door.header(text)), seen(&first), "{text}");
    }
    inside(&door.header(&good));
}

#[test]
fn an_expired_bearer_authenticates_nobody() {
    let door = Door::of("ONLINEBANK");
    let bearer = door.bearer_of(("spl-api", "password01"));
    door.server.later(3600);
    outside(&door.header(&bearer), "Bearer");
}

#[test]
fn both_halves_of_basic_are_form_url_decoded() {
    const ODD: &str = r#"
        name = "odd"
        profile = "openid"
        [[clients]]
        client_id = "an id+%41"
        client_secret = "pass: word+100% é"
        auth_methods = ["client_secret_basic", "client_secret_post"]
    "#;
    let door = Door { server: Server::start(&[ODD]), http: http(), tenant: "odd" };
    let (id, secret) = ("an id+%41", "pass: word+100% é");
    inside(&door.basic((id, secret)));
    inside(&door.post((id, secret)));
    // Plus is a space; what needs no escape may have one; lower-case digits are as good.
    inside(&door.header(&basic("an+id%2b%2541:pass%3A+wor%64%2b100%25+%c3%a9")));
    // A colon in the second half needs no escape: the first one divides.
    inside(&door.header(&basic("an+id%2B%2541:pass:+word%2B100%25+%C3%A9")));
    for raw in ["an id+%41:pass: word+100% é", "an+id%2B%2541:pass%3A+word+100%25+%C3%A9", "an+id%2B%2541:"]
    {
        outside(&door.header(&basic(raw)), "Basic");
    }
}

#[test]
fn the_scheme_knows_no_case_and_padding_may_be_missing() {
    let door = Door::of("acme");
    let pair = STANDARD.encode(format!("{}:{}", M2M.0, M2M.1));
    assert!(pair.ends_with('='));
    for scheme in ["Basic", "basic", "BASIC", "bAsIc"] {
        inside(&door.header(&format!("{scheme} {pair}")));
        inside(&door.header(&format!("{scheme}   {pair}")));
        inside(&door.header(&format!("{scheme} {}", pair.trim_end_matches('='))));
    }
    let door = Door::of("ONLINEBANK");
    let bearer = door.bearer_of(("spl-api", "password01"));
    for scheme in ["bearer", "BEARER"] {
        inside(&door.header(&bearer.replace("Bearer", scheme)));
    }
}

#[test]
fn the_challenge_names_the_scheme_that_was_tried() {
    let door = Door::of("acme");
    outside(&door.header("Basic !!!"), "Basic");
    outside(&door.header("Basic"), "Basic");
    outside(&door.header("basic  "), "Basic");
    outside(&door.header(&basic("nocolon")), "Basic");
    outside(&door.header("Bearer x"), "Bearer");
    for other in ["Digest username=\"x\"", "Negotiate YII=", "Basicx eDp5", "DPoP x", "x"] {
        outside(&door.header(other), "Basic");
    }
    // Nothing was tried: a 401 offers one all the same (RFC 9110 §15.5.2).
    let said = door.knock(&[]).said();
    outside(&said, "Basic");
    assert_eq!(said.header("www-authenticate"), "Basic realm=\"acme\", charset=\"UTF-8\"");
}

#[test]
fn unknown_wrong_locked_disabled_and_misused_clients_hear_the_same() {
    for (tenant, known, basic_only) in [("acme", M2M.0, LEGACY.0), ("ONLINEBANK", "spl-api", "spl-app")] {
        let door = Door::of(tenant);
        let first = door.basic(("no-such-client", "Some.Pass-7"));
        outside(&first, "Basic");
        // The fifth locks, the sixth is locked.
        for _ in 0..6 {
            assert_eq!(seen(&door.basic((known, "Some.Pass-7"))), seen(&first));
        }
        assert_eq!(seen(&door.basic((known, "password01"))), seen(&first));
        assert_eq!(seen(&door.basic((known, M2M.1))), seen(&first));
        assert_eq!(seen(&door.basic((basic_only, "Some.Pass-7"))), seen(&first));
        let post =
            [(known, M2M.1), ("no-such-client", "x"), (basic_only, "x")].map(|pair| seen(&door.post(pair)));
        assert!(post.iter().all(|said| *said == seen(&first)), "{post:?}");
        assert_eq!(door.none("no-such-client").text, first.text);
        assert_eq!(door.none(known).text, first.text);
    }
}

const PLACES: &str = r#"
    name = "places"
    profile = "hid"
    [[clients]]
    client_id = "inner"
    client_secret = "Heron.Wades-17"
    hid_client_authentication_constraints = ["10.0.0.0/8"]
    [[clients]]
    client_id = "local"
    client_secret = "Heron.Wades-18"
    hid_client_authentication_constraints = ["127.0.0.0/8"]
    [[clients]]
    client_id = "single"
    client_secret = "Heron.Wades-19"
    hid_client_authentication_constraints = ["10.0.0.0/8", "127.0.0.2"]
    [[clients]]
    client_id = "public"
    auth_methods = ["none"]
    hid_client_authentication_constraints = ["127.0.0.2"]
"#;

#[test]
fn a_client_is_refused_from_an_address_it_may_not_call_from() {
    let mut door = Door { server: Server::start(&[PLACES]), http: http(), tenant: "places" };
    let wrong = door.basic(("local", "Wrong.Pass-1"));
    // With the right secret, and told nothing of it.
    assert_eq!(seen(&door.basic(("inner", "Heron.Wades-17"))), seen(&wrong));
    assert_eq!(seen(&door.post(("inner", "Heron.Wades-17"))), seen(&wrong));
    assert_eq!(seen(&door.basic(("single", "Heron.Wades-19"))), seen(&wrong));
    outside(&door.none("public"), "Basic");
    inside(&door.basic(("local", "Heron.Wades-18")));

    door.http = http_from("127.0.0.2");
    inside(&door.none("public"));
    inside(&door.basic(("single", "Heron.Wades-19")));
    assert_eq!(seen(&door.basic(("inner", "Heron.Wades-17"))), seen(&wrong));
    let bearer = door.bearer_of(("single", "Heron.Wades-19"));
    inside(&door.header(&bearer));
    // Neither the bearer nor a warm memory of the secret travels.
    door.http = http();
    outside(&door.header(&bearer), "Bearer");
    assert_eq!(seen(&door.basic(("single", "Heron.Wades-19"))), seen(&wrong));
}

const MACHINES: &str = r#"
    name = "machines"
    profile = "openid"
    [[clients]]
    client_id = "worker"
    generate_secret = true
    auth_methods = ["client_secret_basic", "client_secret_post"]
    [[clients]]
    client_id = "person"
    client_secret = "Heron.Wades-17"
"#;

fn generated(server: &Server) -> Secret {
    machine_secret::mint(&Env { now: server.clock.now(), entropy: server.setup.entropy.as_ref() }).unwrap()
}

#[test]
fn a_generated_secret_authenticates_and_never_locks_nor_costs_a_hash() {
    let door = Door { server: Server::start(&[]), http: http(), tenant: "machines" };
    let report = tenant_file::apply(&door.server.setup, MACHINES, ApplyOptions::default()).unwrap();
    assert_eq!(report.shown_once.len(), 1, "{:?}", report.lines);
    let secret = report.shown_once[0].1.expose();
    assert!(machine_secret::recognise(secret));
    inside(&door.basic(("worker", secret)));
    inside(&door.post(("worker", secret)));
    let wrong = door.basic(("worker", generated(&door.server).expose()));
    outside(&wrong, "Basic");
    for _ in 0..50 {
        assert_eq!(seen(&door.basic(("worker", generated(&door.server).expose()))), seen(&wrong));
        // Whoever holds none of that kind hears the same.
        assert_eq!(seen(&door.basic(("person", generated(&door.server).expose()))), seen(&wrong));
    }
    inside(&door.basic(("worker", secret)));
    assert!(door.server.hashes() < 0.5, "a generated secret is never hashed slowly");
    // Guesses in the other form lead nowhere either, even when they come to 429.
    for _ in 0..40 {
        let said = door.basic(("worker", "Wrong.Pass-1"));
        assert!([401, 429].contains(&said.status), "{}", said.text);
    }
    inside(&door.basic(("worker", secret)));
    inside(&door.basic(("person", "Heron.Wades-17")));
}

fn id(text: &str) -> ClientId {
    ClientId::parse(text).unwrap()
}

/// The revision is looked at as seldom as the configuration allows.
fn start_slowly() -> Door {
    let server = Server::start_with(&[ACME], |raw| raw.jobs.revision_interval_ms = 1000);
    Door { server, http: http(), tenant: "acme" }
}

#[test]
fn a_secret_that_another_node_changed_is_obeyed_within_two_seconds() {
    let door = start_slowly();
    inside(&door.basic(M2M));
    let setup = &door.server.setup;
    let made = generated(&door.server);
    let digest = client_auth::generated_digest(&made, setup.master.as_ref());
    let chosen = Secret::new("Newly.Chosen-88".to_owned());
    let digest = ClientSecrets { generated: Some(digest), chosen: None, sealed: None };
    change(&door, digest);
    // What is right is right at once; what is wrong now may have been remembered for a moment.
    inside(&door.basic((M2M.0, made.expose())));
    let refused = |secret: &str| (door.basic((M2M.0, secret)).status == 401).then_some(());
    wait_for(Duration::from_secs(2), || refused(M2M.1))
        .expect("the old secret is refused within two seconds");
    outside(&door.post(M2M), "Basic");

    change(
        &door,
        ClientSecrets { generated: None, chosen: Some(setup.hasher.hash(&chosen).unwrap()), sealed: None },
    );
    inside(&door.basic((M2M.0, chosen.expose())));
    let gone = wait_for(Duration::from_secs(2), || refused(made.expose()));
    gone.expect("the old secret is refused within two seconds");
    inside(&door.basic((M2M.0, chosen.expose())));
    outside(&door.basic(M2M), "Basic");
}

fn change(door: &Door, secrets: ClientSecrets) {
    let change = AdminWrite::SetClientSecrets(id(M2M.0), secrets);
    assert_eq!(
        door.server.store("acme").change(vec![change], Vec::new()).unwrap(),
        domain::Applied::Committed
    );
}

#[test]
fn a_client_that_another_node_disabled_is_out_within_two_seconds() {
    let door = start_slowly();
    inside(&door.basic(M2M));
    let mut store = door.server.store("acme");
    let stored = store.client(&id(M2M.0)).unwrap().unwrap();
    let mut client = (*stored.client).clone();
    client.enabled = false;
    let change = AdminWrite::UpdateClient(Box::new(client));
    assert_eq!(store.change(vec![change], Vec::new()).unwrap(), domain::Applied::Committed);
    let out = wait_for(Duration::from_secs(2), || (door.basic(M2M).status == 401).then_some(()));
    assert!(out.is_some(), "the disabled client is let in after two seconds");
    assert_eq!(seen(&door.basic(M2M)), seen(&door.basic(("no-such-client", "Some.Pass-7"))));
}
