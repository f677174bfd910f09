//! Wrong credentials that cost no slow hash: bounded for their source, and never in the way of a right one.

use countersign_server::tenant_file::{self, ApplyOptions};
use domain::{Env, Secret, machine_secret};
use reqwest::blocking::Client;

use super::{
    assertions::keys::Key,
    support::{Ask as _, Said, http, http_from, in_process::Server},
};

/// What a source may bring wrong at once with the shipped configuration, and some more for what drips in meanwhile.
const BURST: usize = 120;

const TENANT: &str = r#"
    name = "machines"
    profile = "openid"
    [[clients]]
    client_id = "worker"
    generate_secret = true
    auth_methods = ["client_secret_basic"]
    [[clients]]
    client_id = "person"
    client_secret = "Heron.Wades-17"
"#;

fn start() -> (Server, Secret) {
    let server = Server::start(&[]);
    let report = tenant_file::apply(&server.setup, TENANT, ApplyOptions::default()).unwrap();
    let secret = Secret::new(report.shown_once[0].1.expose().to_owned());
    (server, secret)
}

fn wrong(server: &Server) -> Secret {
    machine_secret::mint(&Env { now: server.clock.now(), entropy: server.setup.entropy.as_ref() }).unwrap()
}

fn basic(server: &Server, from: &Client, (id, secret): (&str, &str)) -> Said {
    let request = from.post(server.tenant("machines", "introspect")).basic_auth(id, Some(secret));
    request.form(&[("token", "x")]).said()
}

/// Asks until it is refused for asking too often; how many were refused for being wrong before.
fn until_too_many(mut ask: impl FnMut(usize) -> Said) -> usize {
    for number in 0..BURST * 10 {
        let said = ask(number);
        if said.status == 429 {
            assert!(said.header("retry-after").parse::<u32>().unwrap() >= 1, "{}", said.text);
            return number;
        }
        assert_eq!(said.status, 401, "{}", said.text);
    }
    panic!("never too many");
}

#[test]
fn wrong_generated_secrets_come_to_429_and_right_ones_from_the_same_place_go_on() {
    let (server, secret) = start();
    let here = http();
    let made = until_too_many(|_| basic(&server, &here, ("worker", wrong(&server).expose())));
    assert!(made >= BURST, "{made}");
    // Its audit rows ended with it, and so did the second looks at storage.
    for _ in 0..20 {
        assert_eq!(basic(&server, &here, ("worker", secret.expose())).status, 200);
        // Neither do they take from what a chosen secret may cost.
        assert_eq!(basic(&server, &here, ("person", "Heron.Wades-17")).status, 200);
    }
    // Another place has its own bucket.
    let elsewhere = http_from("127.0.0.2");
    assert_eq!(basic(&server, &elsewhere, ("worker", wrong(&server).expose())).status, 401);
    assert_eq!(basic(&server, &elsewhere, ("worker", secret.expose())).status, 200);
}

#[test]
fn unknown_clients_and_bad_bearers_come_to_429_as_well() {
    let (server, secret) = start();
    let here = http();
    let introspect = server.tenant("machines", "introspect");
    let made = until_too_many(|number| match number % 3 {
        0 => {
            here.post(&introspect).form(&[("token", "x"), ("client_id", &format!("nobody-{number}"))]).said()
        }
        1 => here.post(&introspect).bearer_auth(format!("x{number}")).form(&[("token", "x")]).said(),
        _ => {
            let register = format!("{}/nobody", server.tenant("machines", "register"));
            here.get(register).bearer_auth(format!("x{number}")).said()
        }
    });
    assert!(made >= BURST, "{made}");
    assert_eq!(basic(&server, &here, ("worker", secret.expose())).status, 200);
}

#[test]
fn wrong_assertions_come_to_429_and_cost_no_more_reads_then() {
    let (own, other) = (Key::ec(), Key::ec());
    let jwks = serde_json::json!({ "keys": [own.jwk(&serde_json::json!({}))] });
    let tenant = format!(
        "{TENANT}[[clients]]\nclient_id = 'robot'\nauth_methods = ['private_key_jwt']\njwks = '''{jwks}'''\n"
    );
    let server = Server::start(&[&tenant]);
    let here = http();
    let asks = |key: &Key, number: usize| {
        let now = server.clock.now().as_numeric_date();
        let issuer = server.tenant("machines", "");
        let claims = serde_json::json!({
            "iss": "robot", "sub": "robot", "aud": issuer.trim_end_matches('/'), "exp": now + 60,
            "jti": number.to_string(),
        });
        let assertion = key.jwt("ES256", &serde_json::json!({}), &claims);
        let form = [
            ("token", "x"),
            ("client_assertion_type", super::assertions::TYPE),
            ("client_assertion", &assertion),
        ];
        here.post(server.tenant("machines", "introspect")).form(&form).said()
    };
    let made = until_too_many(|number| asks(&other, number));
    assert!(made >= BURST, "{made}");
    let reads =
        || server.metric("countersign_sql_statements_per_request_sum{kind=\"read\",route=\"introspect\"}");
    let before = reads();
    assert!(before > 0.0, "wrong ones were compared with storage");
    // One drips in now and then.
    let compared = (0..50).filter(|number| asks(&other, 10_000 + number).status == 401).count();
    let more = reads() - before;
    assert!(more <= f64::from(u32::try_from(compared).unwrap()), "{more} reads for {compared}");
    assert_eq!(asks(&own, 20_000).status, 200, "what is right goes on");
}
