//! The truststore by HTTP (CONTRACT 2.1).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use countersign_server::config::AskFor;
use jose::pki::Issued;
use serde_json::{Value, json};

use super::{Bank, tenant};
use crate::support::{Ask as _, Said, http, tls::authority};

const SECRET: &str = "Correct-Horse-9-Battery";

/// The tenant of these tests, with clients that may and may not change the truststore.
fn administered(ca: &Issued) -> String {
    let client = |id: &str, more: &str| {
        format!(
            "[[clients]]\nclient_id = \"{id}\"\nclient_secret = \"{SECRET}\"\ngrant_types = [\"client_credentials\"]\n{more}\n"
        )
    };
    let text = tenant(&ca.certificate_pem().unwrap());
    text + &client("admin", "roles = [\"RL_ORGADMIN\"]") + &client("plain", "permissions = [\"introspect\"]")
}

struct World(Bank);

impl World {
    fn start() -> Self {
        Self(Bank::start_over(AskFor::Ask, administered))
    }

    fn bearer(&self, client: &str) -> String {
        let request = http().post(self.0.server.tenant("t", "token")).basic_auth(client, Some(SECRET));
        let answer = request.form(&[("grant_type", "client_credentials")]).json_ok();
        answer["access_token"].as_str().unwrap().to_owned()
    }

    fn url(&self) -> String {
        format!("{}/configuration/t/v2/Custo/Keystores", self.0.server.url)
    }

    fn post(&self, bearer: &str, body: &Value) -> Said {
        http().post(self.url()).bearer_auth(bearer).json(body).said()
    }
}

/// The body of CONTRACT 2.1.
fn body(pem: &str) -> Value {
    json!({
        "schemas": ["urn:hid:scim:api:idp:2.0:Customization"],
        "id": "mtls_truststore",
        "payload": { "truststore_type": "pem", "truststore_b64": STANDARD.encode(pem) },
    })
}

#[test]
fn a_truststore_that_is_set_counts_at_once_and_the_old_one_no_more() {
    let world = World::start();
    let bank = &world.0;
    let old = bank.client("client1");
    assert_eq!(bank.with(&old, "client1").status, 200);
    let other = authority("Other CA");
    let new = crate::support::tls::issued(
        &[("C", "NO"), ("O", "Bank"), ("CN", "client1")],
        jose::pki::Purpose::Client,
        Some(&other),
    );
    assert_eq!(bank.with(&new, "client1").status, 401);
    let wanted = body(&other.certificate_pem().unwrap());
    let said = world.post(&world.bearer("admin"), &wanted);
    assert_eq!((said.status, said.header("cache-control")), (200, "no-store"), "{}", said.text);
    assert_eq!(said.json(), wanted);
    assert_eq!(bank.with(&new, "client1").status, 200);
    assert_eq!(bank.with(&old, "client1").status, 401, "its authority is trusted no more");

    let one = format!("{}/mtls_truststore", world.url());
    assert_eq!(http().get(&one).bearer_auth(world.bearer("admin")).json_ok(), wanted);
    let back = body(&bank.ca.certificate_pem().unwrap());
    assert_eq!(http().put(&one).bearer_auth(world.bearer("admin")).json(&back).said().status, 200);
    assert_eq!(bank.with(&old, "client1").status, 200);
    let rows = bank.server.store("t").audit(&storage::AuditFilter::default()).unwrap();
    let told: Vec<_> = rows.iter().filter(|row| row.reason == "mtls_truststore_replaced").collect();
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|row| row.client_id.as_deref() == Some("admin")));
}

#[test]
fn who_may_not_sets_nothing_and_learns_nothing() {
    let world = World::start();
    let evil = authority("Evil CA");
    let wanted = body(&evil.certificate_pem().unwrap());
    let before = world.0.server.store("t").audit(&storage::AuditFilter::default()).unwrap().len();
    let elsewhere = crate::support::in_process::Server::start(&[&administered(&evil)]);
    let foreign = http()
        .post(elsewhere.tenant("t", "token"))
        .basic_auth("admin", Some(SECRET))
        .form(&[("grant_type", "client_credentials")])
        .json_ok();
    let foreign = foreign["access_token"].as_str().unwrap().to_owned();
    for (bearer, status) in
        [(world.bearer("plain"), 403), (foreign, 401), ("cat_nonsense".to_owned(), 401), (String::new(), 401)]
    {
        let said = world.post(&bearer, &wanted);
        assert_eq!(said.status, status, "{}", said.text);
        let error = said.json();
        assert_eq!(error["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]));
        assert_eq!(error["status"], status.to_string());
        let one = format!("{}/mtls_truststore", world.url());
        assert_eq!(http().get(one).bearer_auth(&bearer).said().status, status);
    }
    let said = http().post(world.url()).basic_auth("admin", Some(SECRET)).json(&wanted).said();
    assert_eq!(said.status, 401, "only a bearer");
    let after = world.0.server.store("t").audit(&storage::AuditFilter::default()).unwrap();
    assert!(after.iter().all(|row| row.reason != "mtls_truststore_replaced"), "{before}");
    assert_eq!(world.0.with(&world.0.client("client1"), "client1").status, 200);
}

#[test]
fn what_is_no_truststore_is_refused_and_changes_nothing() {
    let world = World::start();
    let admin = world.bearer("admin");
    let pem = world.0.ca.certificate_pem().unwrap();
    let key = world.0.ca.key_pem().unwrap();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut body = body(&pem);
        change(&mut body);
        body
    };
    let text = |text: &str| body(text);
    for (wrong, about) in [
        (json!([]), "schemas"),
        (json!({}), "schemas"),
        (with(&|body| body["schemas"] = json!(["urn:other"])), "schemas"),
        (with(&|body| body["id"] = json!("keystore")), "id"),
        (with(&|body| body["payload"]["truststore_type"] = json!("jks")), "truststore_type"),
        (with(&|body| body["payload"] = json!(7)), "truststore_type"),
        (with(&|body| body["payload"]["truststore_b64"] = json!("%%%")), "truststore_b64"),
        (with(&|body| body["payload"]["truststore_b64"] = Value::Null), "truststore_b64"),
        (text(""), "truststore_b64"),
        (text("nonsense"), "truststore_b64"),
        (text(&format!("{pem}{}", key.expose())), "truststore_b64"),
        (text(&pem.replace("MII", "AAA")), "truststore_b64"),
        (text(&pem.repeat(65)), "too large"),
    ] {
        let said = world.post(&admin, &wrong);
        assert_eq!(said.status, 400, "{wrong}: {}", said.text);
        let error = said.json();
        assert_eq!(error["scimType"], "invalidValue");
        assert!(error["detail"].as_str().unwrap().contains(about), "{about}: {}", said.text);
    }
    let broken = http().post(world.url()).bearer_auth(&admin).body("{").said();
    assert_eq!(broken.status, 400);
    assert_eq!(world.0.with(&world.0.client("client1"), "client1").status, 200);
}
