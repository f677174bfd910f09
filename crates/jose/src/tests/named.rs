//! Which keys and certificates of a set are meant.

use domain::{PeerCertificate, Thumbprint, encoding::base64url};
use openssl::{pkey::PKey, rsa::Rsa};

use super::*;
use crate::{JwsRejected, KeyChoice, RegisteredCertificates};

/// The public key of a record with this `kid`, or none.
fn jwk(record: &SigningKeyRecord, kid: Option<&str>) -> Value {
    let mut jwk: Value = serde_json::from_str(&record.public_jwk).unwrap();
    let members = jwk.as_object_mut().unwrap();
    members.remove("kid");
    members.extend(kid.map(|kid| ("kid".to_owned(), kid.into())));
    jwk
}

fn set(keys: &[Value]) -> JoseVerifier {
    JoseVerifier::from_jwks(&json!({ "keys": keys }).to_string()).unwrap()
}

#[test]
fn a_kid_singles_out_its_key_whatever_stands_before_it() {
    let own = record(SigningAlg::ES256, "own");
    let mut keys: Vec<_> = (0..8).map(|_| jwk(&record(SigningAlg::ES256, "other"), None)).collect();
    keys.push(jwk(&own, Some("own")));
    // More would be tried before it than are tried at all.
    assert!(set(&keys).verify(&signed(&own)).is_ok());
    assert!(set(&keys).has_key("own") && !set(&keys).has_key("other"));
    // Another key's name is not taken for it by one that has none.
    let stranger = record(SigningAlg::ES256, "stranger");
    let pretending = set(&[jwk(&own, None), jwk(&stranger, Some("own"))]);
    assert_eq!(pretending.verify(&signed(&own)).unwrap_err(), JwsRejected::Signature);
    // Where none has that name, one that has none may be meant.
    assert!(set(&[jwk(&stranger, Some("x")), jwk(&own, None)]).verify(&signed(&own)).is_ok());
    let unknown = set(&[jwk(&own, Some("x"))]).verify(&signed(&own));
    assert_eq!(unknown.unwrap_err(), JwsRejected::UnknownKey);
}

/// A certificate of which only the key matters.
fn certificate(spki: Vec<u8>) -> PeerCertificate {
    PeerCertificate {
        der: Vec::new(),
        thumbprint: Thumbprint::of(b"another"),
        spki,
        subject: None,
        alt_names: Vec::new(),
        not_before: NOW,
        not_after: NOW,
        chain: Vec::new(),
    }
}

fn names(jwk: &Value, spki: &[u8]) -> bool {
    let set = json!({ "keys": [jwk] }).to_string();
    RegisteredCertificates::from_jwks(&set, KeyChoice::Any).contain(&certificate(spki.to_vec()))
}

#[test]
fn a_key_for_other_operations_names_no_certificate() {
    let record = record(SigningAlg::ES256, "own");
    let bare = jwk(&record, Some("own"));
    let spki = {
        let set = json!({ "keys": [bare] }).to_string();
        let registered = RegisteredCertificates::from_jwks(&set, KeyChoice::Any);
        assert_ne!(registered, RegisteredCertificates::default());
        crate::key::opened(&record, TENANT, &master()).unwrap()
    };
    let spki = PKey::private_key_from_der(&spki).unwrap().public_key_to_der().unwrap();
    let with = |name: &str, value: Value| {
        let mut jwk = bare.clone();
        jwk.as_object_mut().unwrap().extend([(name.to_owned(), value)]);
        jwk
    };
    assert!(names(&bare, &spki));
    assert!(names(&with("key_ops", json!(["verify"])), &spki));
    for (name, value) in [
        ("key_ops", json!(["encrypt"])),
        ("key_ops", json!(["deriveKey"])),
        ("key_ops", json!("verify")),
        ("key_ops", json!([])),
        ("use", json!("enc")),
    ] {
        assert!(!names(&with(name, value.clone()), &spki), "{name} {value}");
    }
}

#[test]
fn an_rsa_key_names_certificates_within_the_sizes_of_a_set() {
    for (bits, expected) in [(1024, false), (2048, true)] {
        let key = Rsa::generate(bits).unwrap();
        let jwk =
            json!({ "kty": "RSA", "n": base64url(&key.n().to_vec()), "e": base64url(&key.e().to_vec()) });
        let spki = PKey::from_rsa(key).unwrap().public_key_to_der().unwrap();
        assert_eq!(names(&jwk, &spki), expected, "{bits}");
    }
    let mut large = vec![0xff; 1025];
    large[1024] = 1;
    for (n, e) in [(large.clone(), vec![1, 0, 1]), (large[1..257].to_vec(), vec![1; 5])] {
        let jwk = json!({ "kty": "RSA", "n": base64url(&n), "e": base64url(&e) });
        let set = json!({ "keys": [jwk] }).to_string();
        let registered = RegisteredCertificates::from_jwks(&set, KeyChoice::Any);
        assert_eq!(registered, RegisteredCertificates::default());
    }
}
