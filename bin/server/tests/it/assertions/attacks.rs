//! Attacks on assertions, by name (issue 4). Each begins with what is good, so that nothing is refused by accident.

use serde_json::{Value, json};

use super::super::support::{Ask as _, http};
use super::{HID, ISSUER, Key, TYPE, World, claims, endpoint, keys, now, refused, token, with, without};

#[test]
fn alg_none_is_refused() {
    let world = World::start();
    assert_eq!(world.ask(&world.good()).status, 200);
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let signed = keys::unsigned(alg, &json!({}), &claims("robot", ISSUER));
        refused(&world.ask(&format!("{signed}.")));
        refused(&world.ask(&format!("{signed}.AA")));
    }
}

#[test]
fn hs256_under_the_rsa_public_key_is_refused() {
    let world = World::start();
    let jwk = world.rsa.jwk(&json!({}));
    let modulus = domain::encoding::from_base64url(jwk["n"].as_str().unwrap()).unwrap();
    for key in [world.rsa.public_pem(), modulus, jwk.to_string().into_bytes()] {
        for client in ["robot", "mac"] {
            let forged = keys::hmac(&key, &json!({ "kid": "rsa" }), &claims(client, ISSUER));
            refused(&world.ask(&forged));
        }
    }
}

#[test]
fn crit_and_zip_and_b64_are_refused() {
    let world = World::start();
    for header in [
        json!({ "crit": ["exp"] }),
        json!({ "crit": [] }),
        json!({ "zip": "DEF" }),
        json!({ "b64": false, "crit": ["b64"] }),
        json!({ "enc": "A256GCM" }),
        json!({ "typ": "dpop+jwt" }),
        json!({ "kid": 1 }),
    ] {
        refused(&world.ask(&world.ec.jwt("ES256", &header, &claims("robot", ISSUER))));
    }
}

#[test]
fn keys_of_the_attacker_in_the_header_are_refused() {
    let world = World::start();
    let evil = Key::ec();
    let own = evil.jwk(&json!({ "kid": "evil" }));
    for header in [
        json!({ "jwk": own }),
        json!({ "jwk": own, "kid": "ec" }),
        json!({ "jku": "https://evil.example/jwks" }),
        json!({ "x5u": "https://evil.example/chain" }),
        json!({ "x5c": ["AAAA"] }),
        json!({}),
        json!({ "kid": "ec" }),
        json!({ "kid": "evil" }),
    ] {
        refused(&world.ask(&evil.jwt("ES256", &header, &claims("robot", ISSUER))));
    }
    // Even beside a good signature.
    for name in ["jwk", "jku", "x5u"] {
        refused(&world.ask(&world.ec.jwt("ES256", &json!({ name: "x" }), &claims("robot", ISSUER))));
    }
}

#[test]
fn assertions_for_another_client_tenant_or_endpoint_are_refused() {
    let world = World::start();
    let sign = |claims: &Value| world.ec.jwt("ES256", &json!({}), claims);
    // Another client: its subject, its issuer, its id in the request.
    refused(&world.ask(&sign(&with(claims("robot", ISSUER), "sub", json!("narrow")))));
    refused(&world.ask(&sign(&with(claims("robot", ISSUER), "iss", json!("narrow")))));
    refused(&world.ask(&sign(&claims("stranger", ISSUER))));
    refused(&world.ask(&world.rsa.jwt("RS256", &json!({}), &claims("narrow", ISSUER))));
    let good = world.good();
    let mismatched = [
        ("grant_type", "client_credentials"),
        ("client_id", "narrow"),
        ("client_assertion_type", TYPE),
        ("client_assertion", good.as_str()),
    ];
    let said = http().post(endpoint(&world.node, "acme", "token")).form(&mismatched).said();
    assert_eq!(said.error(), (400, "invalid_request".to_owned()));
    // Another tenant, with the same keys.
    refused(&token(&world.node, "bank", &sign(&claims("robot", ISSUER))));
    refused(&world.ask(&sign(&claims("robot", HID))));
    // Another endpoint, another server, and both.
    refused(&world.ask(&sign(&claims("robot", &format!("{ISSUER}/introspect")))));
    refused(&world.ask(&sign(&claims("robot", "https://other.example"))));
    let both = with(claims("robot", ""), "aud", json!([ISSUER, "https://other.example"]));
    refused(&world.ask(&sign(&both)));
    // What was refused was not used up by it.
    assert_eq!(world.ask(&good).status, 200);
}

#[test]
fn each_missing_claim_and_dates_that_are_wrong_are_refused() {
    let world = World::start();
    let sign = |claims: &Value| world.ask(&world.ec.jwt("ES256", &json!({}), claims));
    for name in ["iss", "sub", "aud", "exp", "jti"] {
        refused(&sign(&without(claims("robot", ISSUER), name)));
        refused(&sign(&with(claims("robot", ISSUER), name, Value::Null)));
        refused(&sign(&with(claims("robot", ISSUER), name, json!({}))));
    }
    assert_eq!(sign(&without(claims("robot", ISSUER), "iat")).status, 200);
    for (name, value) in [
        ("exp", json!(now() + 86_400)),
        ("exp", json!(u64::MAX)),
        ("exp", json!(1e308)),
        ("exp", json!(now() - 1)),
        ("exp", json!(-1)),
        ("exp", json!((now() + 60).to_string())),
        ("iat", json!(now() + 600)),
        ("nbf", json!(now() + 600)),
    ] {
        refused(&sign(&with(claims("robot", ISSUER), name, value)));
    }
}

#[test]
fn algorithms_that_the_client_did_not_register_are_refused() {
    let world = World::start();
    assert_eq!(world.ask(&world.ec.jwt("ES256", &json!({}), &claims("narrow", ISSUER))).status, 200);
    refused(&world.ask(&world.rsa.jwt("RS256", &json!({}), &claims("narrow", ISSUER))));
    // Its own key under another name of an algorithm.
    refused(
        &world.ask(&world.ec.jwt("EdDSA", &json!({}), &claims("narrow", ISSUER)).replace("EdDSA", "ES256")),
    );
    // A key for encryption.
    refused(&world.ask(&world.ec.jwt("ES256", &json!({ "kid": "enc" }), &claims("robot", ISSUER))));
}

#[test]
fn an_assertion_of_a_megabyte_is_refused_unread() {
    let world = World::start();
    for size in [17 * 1024, 60 * 1024, 1024 * 1024] {
        let said = world.ask(&format!("{}{}", world.good(), "A".repeat(size)));
        assert!(matches!(said.status, 400 | 413), "{}", said.status);
    }
    let padded = with(claims("robot", ISSUER), "padding", json!("x".repeat(20_000)));
    let said = world.ask(&world.ec.jwt("ES256", &json!({}), &padded));
    assert_eq!(said.error(), (400, "invalid_request".to_owned()));
    assert_eq!(world.ask(&world.good()).status, 200);
}

#[test]
fn two_methods_at_once_are_refused() {
    let world = World::start();
    let good = world.good();
    let form = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", TYPE),
        ("client_assertion", good.as_str()),
    ];
    let post = || http().post(endpoint(&world.node, "acme", "token"));
    let said = post().basic_auth("mac", Some(&world.secret)).form(&form).said();
    assert_eq!(said.error(), (400, "invalid_request".to_owned()));
    let mut both = form.to_vec();
    both.extend([("client_id", "mac"), ("client_secret", world.secret.as_str())]);
    assert_eq!(post().form(&both).said().error(), (400, "invalid_request".to_owned()));
    let mut twice = form.to_vec();
    twice.push(("client_assertion", good.as_str()));
    assert_eq!(post().form(&twice).said().error(), (400, "invalid_request".to_owned()));
    let untyped = post().form(&[form[0], form[2]]).said();
    assert_eq!(untyped.error(), (400, "invalid_request".to_owned()));
    let other = [form[0], form[2], ("client_assertion_type", "urn:ietf:params:oauth:saml2-bearer")];
    refused(&post().form(&other).said());
    assert_eq!(post().form(&form).said().status, 200);
}

#[test]
fn unknown_clients_and_wrong_keys_get_one_text() {
    let world = World::start();
    let evil = Key::ec();
    let texts: Vec<String> = [
        evil.jwt("ES256", &json!({}), &claims("nobody", ISSUER)),
        evil.jwt("ES256", &json!({}), &claims("robot", ISSUER)),
        evil.jwt("ES256", &json!({ "kid": "zzz" }), &claims("robot", ISSUER)),
        evil.jwt("ES256", &json!({}), &claims("mac", ISSUER)),
        keys::hmac(b"guess", &json!({}), &claims("robot", ISSUER)),
        keys::hmac(b"guess", &json!({}), &claims("mac", ISSUER)),
    ]
    .iter()
    .map(|assertion| world.ask(assertion).json()["error_description"].to_string())
    .collect();
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
}
