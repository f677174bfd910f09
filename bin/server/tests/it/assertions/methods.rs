//! What works.

use serde_json::json;

use super::super::support::{Ask as _, http};
use super::{
    HID, ISSUER, Key, TYPE, World, apply, claims, configure, endpoint, key_client, keys, refused, set, token,
    with, without,
};
use crate::support::serve::Node;

#[test]
fn each_algorithm_and_each_name_of_the_audience_authenticates() {
    let world = World::start();
    for (key, alg, kid) in [
        (&world.rsa, "RS256", "rsa"),
        (&world.rsa, "PS256", "rsa"),
        (&world.ec, "ES256", "ec"),
        (&world.ed, "EdDSA", "ed"),
        (&world.ed, "Ed25519", "ed"),
    ] {
        let token = format!("{ISSUER}/token");
        for audience in [json!(ISSUER), json!(token), json!([ISSUER, token])] {
            let claims = with(claims("robot", ""), "aud", audience);
            // With its kid, and without: then the keys that fit are tried.
            let said = world.ask(&key.jwt(alg, &json!({ "kid": kid, "typ": "JWT" }), &claims));
            assert_eq!(said.status, 200, "{alg}: {}", said.text);
            let claims = with(claims, "jti", json!(format!("{}-x", said.json()["access_token"])));
            let said = world.ask(&key.jwt(alg, &json!({}), &claims));
            assert_eq!(said.status, 200, "{alg}: {}", said.text);
        }
    }
}

#[test]
fn the_other_endpoints_take_assertions_for_themselves() {
    let world = World::start();
    let issued = world.ask(&world.good()).json();
    let access = issued["access_token"].as_str().unwrap();
    let ask = |to: &str, audience: &str| {
        let assertion = world.ec.jwt("ES256", &json!({ "kid": "ec" }), &claims("robot", audience));
        let form = [
            ("token", access),
            ("client_id", "robot"),
            ("client_assertion_type", TYPE),
            ("client_assertion", assertion.as_str()),
        ];
        http().post(endpoint(&world.node, "acme", to)).form(&form).said()
    };
    let introspect = format!("{ISSUER}/introspect");
    for audience in [ISSUER, &introspect, &format!("{ISSUER}/token")] {
        let said = ask("introspect", audience);
        assert_eq!((said.status, &said.json()["active"]), (200, &json!(true)), "{}", said.text);
    }
    refused(&ask("revoke", &introspect));
    assert_eq!(ask("revoke", &format!("{ISSUER}/revoke")).status, 200);
    assert_eq!(ask("introspect", ISSUER).json()["active"], false);
}

#[test]
fn an_hmac_under_the_generated_secret_authenticates_and_the_secret_by_itself_too() {
    let world = World::start();
    for (tenant, issuer) in [("acme", ISSUER), ("bank", HID)] {
        let good = keys::hmac(world.secret.as_bytes(), &json!({}), &claims("mac", issuer));
        assert_eq!(token(&world.node, tenant, &good).status, 200);
        refused(&token(&world.node, tenant, &good));
        let wrong = keys::hmac(b"csk_wrong", &json!({}), &claims("mac", issuer));
        refused(&token(&world.node, tenant, &wrong));
        let basic =
            http().post(endpoint(&world.node, tenant, "token")).basic_auth("mac", Some(&world.secret));
        assert_eq!(basic.form(&[("grant_type", "client_credentials")]).said().status, 200);
    }
}

#[test]
fn in_hid_the_signature_key_is_not_the_authentication_key() {
    let (authentication, signature) = (Key::ec(), Key::ec());
    let both = set(&[
        signature.jwk(&json!({ "kid": "s", "use": "sig" })),
        authentication.jwk(&json!({ "kid": "a" })),
    ]);
    let only = set(&[signature.jwk(&json!({ "kid": "s", "use": "sig" }))]);
    let clients = [key_client("both", &both), key_client("only", &only)].concat();
    let dir = tempfile::tempdir().unwrap();
    configure(dir.path(), &[("acme", "openid", &clients), ("bank", "hid", &clients)]);
    let node = Node::start(dir.path(), "c.toml");
    let ask = |tenant: &str, issuer: &str, client: &str, (key, kid): (&Key, &str)| {
        token(&node, tenant, &key.jwt("ES256", &json!({ "kid": kid }), &claims(client, issuer))).status
    };
    assert_eq!(ask("bank", HID, "both", (&authentication, "a")), 200);
    assert_eq!(ask("bank", HID, "both", (&signature, "s")), 401);
    assert_eq!(ask("bank", HID, "only", (&signature, "s")), 200);
    assert_eq!(ask("acme", ISSUER, "both", (&authentication, "a")), 200);
    assert_eq!(ask("acme", ISSUER, "both", (&signature, "s")), 200);
}

#[test]
fn a_set_that_changes_counts_within_two_seconds_and_an_export_brings_keys_and_secret_back() {
    let (old, new) = (Key::ec(), Key::ec());
    let file = |key: &Key, secret: &str| {
        format!(
            "name = 'acme'\nprofile = 'openid'\n{}[[clients]]\nclient_id = 'mac'\n\
             auth_methods = ['client_secret_jwt']\n{secret}\n",
            key_client("robot", &super::set_of(key))
        )
    };
    let secret = super::secret();
    let dir = tempfile::tempdir().unwrap();
    configure(dir.path(), &[]);
    apply(dir.path(), &file(&old, &format!("client_secret = '{secret}'")));
    let node = Node::start(dir.path(), "c.toml");
    let asked =
        |key: &Key| token(&node, "acme", &key.jwt("ES256", &json!({}), &claims("robot", ISSUER))).status;
    assert_eq!((asked(&old), asked(&new)), (200, 401));
    apply(dir.path(), &file(&new, ""));
    // A refusal looks at what is stored, so the new key counts at once.
    assert_eq!(asked(&new), 200);
    let gone = super::super::support::wait_for(std::time::Duration::from_secs(3), || {
        (asked(&old) == 401).then_some(())
    });
    assert!(gone.is_some(), "the old key still counts");
    let export = super::countersign(dir.path(), &["tenant", "export", "acme", "--config", "c.toml"]);
    assert!(export.contains("client_secret_sealed") && !export.contains(&secret));
    let elsewhere = tempfile::tempdir().unwrap();
    configure(elsewhere.path(), &[]);
    apply(elsewhere.path(), &export);
    let other = Node::start(elsewhere.path(), "c.toml");
    let by_mac = keys::hmac(secret.as_bytes(), &json!({}), &claims("mac", ISSUER));
    assert_eq!(token(&other, "acme", &by_mac).status, 200);
    let by_key = new.jwt("ES256", &json!({}), &claims("robot", ISSUER));
    assert_eq!(token(&other, "acme", &by_key).status, 200);
}

#[test]
fn in_hid_an_assertion_without_jti_authenticates_once() {
    let world = World::start();
    let bare = without(claims("narrow", HID), "jti");
    let assertion = world.ec.jwt("ES256", &json!({}), &bare);
    assert_eq!(token(&world.node, "bank", &assertion).status, 200);
    refused(&token(&world.node, "bank", &assertion));
    // Who knows one ECDSA signature knows another of the same text.
    refused(&token(&world.node, "bank", &keys::twin(&assertion)));
    // One that was signed again is the same text too.
    refused(&token(&world.node, "bank", &world.ec.jwt("ES256", &json!({}), &bare)));
    let strict = world.ec.jwt("ES256", &json!({}), &without(claims("narrow", ISSUER), "jti"));
    refused(&token(&world.node, "acme", &strict));
}

#[test]
fn the_metadata_names_methods_and_algorithms_for_each_endpoint() {
    let world = World::start();
    let url = endpoint(&world.node, "acme", ".well-known/openid-configuration");
    let document = http().get(url).json_ok();
    for endpoint in ["token", "introspection", "revocation"] {
        let methods = document[format!("{endpoint}_endpoint_auth_methods_supported")].as_array().unwrap();
        for method in ["private_key_jwt", "client_secret_jwt"] {
            assert!(methods.contains(&json!(method)), "{endpoint}");
        }
        let algs = &document[format!("{endpoint}_endpoint_auth_signing_alg_values_supported")];
        assert_eq!(*algs, json!(["RS256", "PS256", "ES256", "EdDSA", "Ed25519", "HS256"]), "{endpoint}");
    }
}

/// Seed 000: "Sample token request with private_key_jwt", its elided assertion replaced by a real one with its header.
#[test]
fn sample_token_request_with_private_key_jwt() {
    let key = Key::rsa();
    let client = key_client("client1", &set(&[key.jwk(&json!({ "kid": "22", "alg": "RS256" }))]));
    let dir = tempfile::tempdir().unwrap();
    configure(dir.path(), &[("bank", "hid", &client)]);
    let node = Node::start(dir.path(), "c.toml");
    let assertion = key.jwt("RS256", &json!({ "kid": "22" }), &claims("client1", &format!("{HID}/token")));
    let body = "grant_type=client_credentials&client_id=client1\
                &client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer\
                &client_assertion=";
    let request = http().post(endpoint(&node, "bank", "token"));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let answer = request.body(format!("{body}{assertion}")).json_ok();
    let members: Vec<&String> = answer.as_object().unwrap().keys().collect();
    assert_eq!(members, ["access_token", "token_type", "expires_in"]);
}

#[test]
fn the_url_of_an_endpoint_where_certificates_are_asked_for_is_an_audience_where_it_is_published() {
    let key = Key::ec();
    let dir = tempfile::tempdir().unwrap();
    configure(dir.path(), &[("acme", "openid", &key_client("robot", &super::set_of(&key)))]);
    let alias = "https://mtls.id.example/idp/acme/authn/token";
    let ask = |variables: &[(&str, &str)], audience: &str| {
        let node = Node::start_with(dir.path(), "c.toml", variables);
        let assertion = key.jwt("ES256", &json!({}), &claims("robot", audience));
        token(&node, "acme", &assertion).status
    };
    let published = [
        ("COUNTERSIGN__SERVER__MTLS_URL", "https://mtls.id.example"),
        ("COUNTERSIGN__SERVER__TRUSTED_PROXIES", "192.0.2.1/32"),
        ("COUNTERSIGN__PROXY__CERTIFICATE_HEADER", "client-cert"),
    ];
    assert_eq!(ask(&published, alias), 200);
    assert_eq!(ask(&published, "https://id.example/idp/acme/authn/token"), 200);
    assert_eq!(ask(&published, "https://mtls.id.example/idp/main/authn/token"), 401);
    assert_eq!(ask(&published, "https://mtls.id.example/idp/acme/authn"), 401);
    assert_eq!(ask(&[], alias), 401);
}

#[test]
fn the_policy_of_its_keys_limits_what_a_client_gets_by_them() {
    let (key, secret) = (Key::ec(), super::secret());
    let set = set(&[key.jwk(&json!({}))]);
    let tenant = format!(
        "[[policies]]\ncode = 'AT_KEYS'\ntotalSeconds = 120\n[[clients]]\nclient_id = 'both'\n\
         auth_methods = ['private_key_jwt', 'client_secret_basic']\nclient_secret = '{secret}'\njwks = '''{set}'''\n\
         hid_client_pki_policy = 'AT_KEYS'\n"
    );
    let dir = tempfile::tempdir().unwrap();
    configure(dir.path(), &[("bank", "hid", &tenant)]);
    let node = Node::start(dir.path(), "c.toml");
    let by_key = token(&node, "bank", &key.jwt("ES256", &json!({}), &claims("both", HID)));
    assert_eq!(by_key.json()["expires_in"], 120, "{}", by_key.text);
    let by_secret = http().post(endpoint(&node, "bank", "token")).basic_auth("both", Some(&secret));
    let by_secret = by_secret.form(&[("grant_type", "client_credentials")]).json_ok();
    assert_eq!(by_secret["expires_in"], 3600, "{by_secret}");
}
