//! Clients that are held to the FAPI 2.0 Security Profile (§5.3.2.1, §5.4.1), in tenants that are laxer.

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{HID, ISSUER, Key, Node, TYPE, claims, configure, endpoint, key_client, refused, set, with};
use crate::bound::key::Key as ProofKey;
use crate::support::{Ask as _, Said, http};

/// Two tenants with the client `strict`, and a lax one in each, all with the same keys.
struct Bank {
    node: Node,
    ec: Key,
    rsa: Key,
    _dir: TempDir,
}

impl Bank {
    fn start() -> Self {
        let (ec, rsa) = (Key::ec(), Key::rsa());
        let set = set(&[ec.jwk(&json!({ "kid": "ec" })), rsa.jwk(&json!({ "kid": "rsa" }))]);
        let clients = format!(
            "[settings]\nsigning_algs = ['RS256', 'ES256']\n{}profile = 'fapi2'\n{}",
            key_client("strict", &set),
            key_client("lax", &set)
        );
        let dir = tempfile::tempdir().unwrap();
        configure(dir.path(), &[("acme", "openid", &clients), ("bank", "hid", &clients)]);
        Self { node: Node::start(dir.path(), "c.toml"), ec, rsa, _dir: dir }
    }

    /// A token request with an assertion by ES256 for `audience`, and a proof.
    fn ask(&self, client: &str, audience: &Value, proof: Option<&ProofKey>) -> Said {
        let claims = with(claims(client, ""), "aud", audience.clone());
        self.with("acme", &self.ec.jwt("ES256", &json!({ "kid": "ec" }), &claims), proof)
    }

    fn with(&self, tenant: &str, assertion: &str, proof: Option<&ProofKey>) -> Said {
        let url = format!("https://id.example/idp/{tenant}/authn/token");
        let form = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", TYPE),
            ("client_assertion", assertion),
        ];
        let request = http().post(endpoint(&self.node, tenant, "token")).form(&form);
        match proof {
            Some(key) => request.header("DPoP", key.proof("POST", &url).text()).said(),
            None => request.said(),
        }
    }
}

#[test]
fn assertions_are_for_the_issuer_alone() {
    let (bank, key) = (Bank::start(), ProofKey::es256());
    let token = format!("{ISSUER}/token");
    for audience in [json!(token), json!([ISSUER]), json!([ISSUER, token]), json!(format!("{ISSUER}/"))] {
        refused(&bank.ask("strict", &audience, Some(&key)));
    }
    let said = bank.ask("strict", &json!(ISSUER), Some(&key));
    assert_eq!((said.status, &said.json()["token_type"]), (200, &json!("DPoP")), "{}", said.text);
    // Who is not held to it may go on as before.
    assert_eq!(bank.ask("lax", &json!([ISSUER, token]), None).status, 200);
}

#[test]
fn a_client_of_a_hid_tenant_is_held_to_it_too() {
    let (bank, key) = (Bank::start(), ProofKey::es256());
    let made = |audience: &str, jti: bool| {
        let mut claims = claims("strict", audience);
        if !jti {
            claims.as_object_mut().unwrap().remove("jti");
        }
        bank.ec.jwt("ES256", &json!({ "kid": "ec" }), &claims)
    };
    refused(&bank.with("bank", &made(&format!("{HID}/token"), true), Some(&key)));
    refused(&bank.with("bank", &made(HID, false), Some(&key)));
    assert_eq!(bank.with("bank", &made(HID, true), None).error().0, 400);
    assert_eq!(bank.with("bank", &made(HID, true), Some(&key)).status, 200);
}

#[test]
fn rs256_is_neither_for_assertions_nor_for_proofs() {
    let (bank, key) = (Bank::start(), ProofKey::es256());
    let by = |alg: &str| bank.rsa.jwt(alg, &json!({ "kid": "rsa" }), &claims("strict", ISSUER));
    refused(&bank.with("acme", &by("RS256"), Some(&key)));
    assert_eq!(bank.with("acme", &by("PS256"), Some(&key)).status, 200);
    let said = bank.with("acme", &by("PS256"), Some(&ProofKey::rsa(2048)));
    assert_eq!(said.error(), (400, "invalid_dpop_proof".to_owned()));
}

#[test]
fn there_is_no_token_that_is_not_bound_to_a_key() {
    let bank = Bank::start();
    let said = bank.ask("strict", &json!(ISSUER), None);
    assert_eq!(said.error(), (400, "invalid_request".to_owned()));
    assert!(said.text.contains("DPoP proof") && !said.text.contains("access_token"), "{}", said.text);
}
