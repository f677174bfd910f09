use domain::encoding;
use hmac::{Hmac, Mac};
use josekit::jws::{ES256, JwsHeader, RS256, serialize_compact};
use proptest::prelude::*;
use sha2::Sha256;

use super::*;
use crate::{JwsRejected, ProofKey};

fn rejected(verifier: &JoseVerifier, compact: &str) -> JwsRejected {
    verifier.verify(compact).unwrap_err()
}

fn with_header(header: &Value, rest: &str) -> String {
    format!("{}.{}", encoding::base64url(header.to_string().as_bytes()), rest.split_once('.').unwrap().1)
}

/// Signs a header of the attacker's choice with a key that the verifier trusts.
fn signed_with_header(record: &SigningKeyRecord, header: Value) -> String {
    let pkcs8 = crate::key::opened(record, TENANT, &master()).unwrap();
    let signer = ES256.signer_from_der(&*pkcs8).unwrap();
    serialize_compact(b"{}", &JwsHeader::from_map(claims(header)).unwrap(), &signer).unwrap()
}

#[test]
fn unsecured_and_hmac_tokens_are_refused() {
    let record = record(SigningAlg::RS256, "k");
    let verifier = verifier_of(&record);
    let good = signed(&record);
    for alg in
        [json!("none"), json!("None"), json!("HS256"), json!("RS384"), json!("rs256"), json!(1), json!(null)]
    {
        assert_eq!(
            rejected(&verifier, &with_header(&json!({ "alg": alg }), &good)),
            JwsRejected::Algorithm,
            "{alg}"
        );
    }
    assert_eq!(rejected(&verifier, &with_header(&json!({ "kid": "k" }), &good)), JwsRejected::Algorithm);
    let unsecured = format!("{}.e30.", encoding::base64url(br#"{"alg":"none"}"#));
    assert_eq!(rejected(&verifier, &unsecured), JwsRejected::Algorithm);
}

#[test]
fn a_public_key_used_as_hmac_secret_is_refused() {
    let record = record(SigningAlg::RS256, "k");
    let jwk: Claims = serde_json::from_str(&record.public_jwk).unwrap();
    let secrets = [jwk["n"].as_str().unwrap().to_owned(), record.public_jwk.clone()];
    for secret in secrets {
        for alg in ["HS256", "RS256"] {
            let header = json!({ "alg": alg, "kid": "k" }).to_string();
            let message = format!("{}.e30", encoding::base64url(header.as_bytes()));
            let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
            mac.update(message.as_bytes());
            let compact = format!("{message}.{}", encoding::base64url(&mac.finalize().into_bytes()));
            assert!(matches!(
                rejected(&verifier_of(&record), &compact),
                JwsRejected::Algorithm | JwsRejected::Signature
            ));
        }
    }
}

#[test]
fn a_key_is_not_used_with_an_algorithm_that_is_not_its_own() {
    let (rsa, pss) = (record(SigningAlg::RS256, "rsa"), record(SigningAlg::PS256, "pss"));
    let verifier =
        JoseVerifier::from_jwks(&jwks(&[rsa.public_jwk.as_str(), pss.public_jwk.as_str()])).unwrap();
    let good = signed(&rsa);
    for (alg, kid, expected) in [
        ("PS256", "rsa", JwsRejected::KeyMismatch),
        ("ES256", "rsa", JwsRejected::KeyMismatch),
        ("RS256", "pss", JwsRejected::KeyMismatch),
        ("RS256", "other", JwsRejected::UnknownKey),
        ("RS256", "rsa", JwsRejected::Signature), // the header's bytes differ
    ] {
        let compact = with_header(&json!({ "alg": alg, "kid": kid }), &good);
        assert_eq!(rejected(&verifier, &compact), expected, "{alg} {kid}");
    }
    let numbered = with_header(&json!({ "alg": "RS256", "kid": 1 }), &good);
    assert_eq!(rejected(&verifier, &numbered), JwsRejected::Malformed);
}

#[test]
fn an_extension_is_refused_though_the_signature_is_good() {
    let record = record(SigningAlg::ES256, "k");
    let verifier = verifier_of(&record);
    assert!(verifier.verify(&signed_with_header(&record, json!({ "kid": "k" }))).is_ok());
    for header in [
        json!({ "kid": "k", "crit": ["exp"], "exp": 1 }),
        json!({ "kid": "k", "crit": [] }),
        json!({ "kid": "k", "crit": ["b64"], "b64": true }),
        json!({ "kid": "k", "b64": true }),
        json!({ "kid": "k", "zip": "DEF" }),
        json!({ "kid": "k", "enc": "A256GCM" }),
    ] {
        assert_eq!(
            rejected(&verifier, &signed_with_header(&record, header.clone())),
            JwsRejected::Extension,
            "{header}"
        );
    }
}

#[test]
fn a_key_that_the_token_brings_along_is_not_used() {
    let (trusted, attacker) = (record(SigningAlg::ES256, "k"), record(SigningAlg::ES256, "k"));
    let jwk: Value = serde_json::from_str(&attacker.public_jwk).unwrap();
    let header = json!({ "kid": "k", "jwk": jwk, "jku": "https://evil.example/jwks", "x5u": "https://evil.example/c" });
    assert_eq!(
        rejected(&verifier_of(&trusted), &signed_with_header(&attacker, header)),
        JwsRejected::Signature
    );
    let header = json!({ "kid": "k", "jku": "https://elsewhere.example/jwks" });
    assert!(
        verifier_of(&trusted).verify(&signed_with_header(&trusted, header)).is_ok(),
        "ignored, not refused"
    );
}

#[test]
fn without_a_kid_a_bounded_number_of_keys_is_tried() {
    let mine = record(SigningAlg::ES256, "mine");
    let nameless = signed_with_header(&mine, json!({}));
    let others: Vec<_> = (0..8).map(|n| record(SigningAlg::ES256, &n.to_string()).public_jwk).collect();
    let after = |count: usize| {
        let keys = others.iter().take(count).chain([&mine.public_jwk]);
        JoseVerifier::from_jwks(&jwks(&keys.map(String::as_str).collect::<Vec<_>>())).unwrap()
    };
    assert!(after(7).verify(&nameless).is_ok());
    assert_eq!(rejected(&after(8), &nameless), JwsRejected::Signature);
    assert!(after(8).verify(&signed(&mine)).is_ok(), "with a kid the number of keys does not matter");
}

/// An RSA key of so many bytes that nobody has, told from others by its number.
fn rsa(bytes: usize, number: u8, exponent: &[u8]) -> Value {
    let mut n = vec![0xff; bytes];
    n[1] = number;
    json!({ "kty": "RSA", "alg": "RS256", "n": encoding::base64url(&n), "e": encoding::base64url(exponent) })
}

#[test]
fn a_public_exponent_over_65537_is_not_used() {
    for (exponent, usable) in [
        (&[1_u8][..], 0),
        (&[3], 1),
        (&[1, 0, 1], 1),
        (&[0, 0, 0, 1, 0, 1], 1),
        (&[1, 0, 3], 0),
        (&[1, 0, 0, 1], 0),
        (&[0xff; 4], 0),
        (&[1, 0, 0, 0, 3], 0),
        (&[0], 0),
    ] {
        let key = rsa(256, 1, exponent);
        let verifier = JoseVerifier::from_jwks(&json!({ "keys": [key] }).to_string()).unwrap();
        assert_eq!(verifier.key_count(), usable, "{exponent:?}");
        assert_eq!(ProofKey::new(SigningAlg::RS256, &claims(key)).is_some(), usable == 1, "{exponent:?}");
    }
}

#[test]
fn the_rsa_key_of_a_proof_has_at_most_4096_bits() {
    for (bytes, of_set, of_proof) in
        [(255, false, false), (256, true, true), (512, true, true), (513, true, false), (1025, false, false)]
    {
        let key = rsa(bytes, 1, &[1, 0, 1]);
        let verifier = JoseVerifier::from_jwks(&json!({ "keys": [key] }).to_string()).unwrap();
        assert_eq!(verifier.key_count() == 1, of_set, "{bytes}");
        let key = claims(key);
        assert_eq!(ProofKey::new(SigningAlg::RS256, &key).is_some(), of_proof, "{bytes}");
        assert_eq!(ProofKey::thumbprint(SigningAlg::RS256, &key).is_some(), of_proof, "{bytes}");
    }
}

#[test]
fn without_a_kid_fewer_large_keys_are_tried() {
    let mine = record(SigningAlg::RS256, "mine");
    let pkcs8 = crate::key::opened(&mine, TENANT, &master()).unwrap();
    let signer = RS256.signer_from_der(&*pkcs8).unwrap();
    let nameless = serialize_compact(b"{}", &JwsHeader::new(), &signer).unwrap();
    let own: Value = serde_json::from_str(&mine.public_jwk).unwrap();
    for (bytes, fit) in [(256, 3), (512, 1)] {
        for count in 0..8 {
            let others = (0..count).map(|number| rsa(bytes, number, &[1, 0, 1]));
            let keys: Vec<Value> = others.chain([own.clone()]).collect();
            let verifier = JoseVerifier::from_jwks(&json!({ "keys": keys }).to_string()).unwrap();
            assert_eq!(verifier.verify(&nameless).is_ok(), count <= fit, "{count} of {bytes}");
        }
    }
    let keys = json!({ "keys": [rsa(1024, 1, &[1, 0, 1]), own] }).to_string();
    assert!(JoseVerifier::from_jwks(&keys).unwrap().verify(&nameless).is_err());
}

#[test]
fn no_more_keys_of_a_set_are_made_than_are_wanted() {
    let keys: Vec<Value> = (0..60).map(|number| rsa(256, number, &[1, 0, 1])).collect();
    let set = json!({ "keys": keys }).to_string();
    assert_eq!(JoseVerifier::from_first_of_jwks(&set, 32).unwrap().key_count(), 32);
    assert_eq!(JoseVerifier::from_jwks(&set).unwrap().key_count(), 60);
}

#[test]
fn one_bad_key_of_a_set_does_not_spoil_the_others() {
    let good = record(SigningAlg::ES256, "good");
    let key: Claims = serde_json::from_str(&good.public_jwk).unwrap();
    let but = |name: &str, value: Value| {
        let mut changed = key.clone();
        changed.insert(name.to_owned(), value);
        Value::Object(changed)
    };
    let bad = [
        json!(null),
        json!("text"),
        json!({}),
        json!({ "kty": "oct", "k": "c2VjcmV0" }),
        json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" }),
        json!({ "kty": "RSA", "n": encoding::base64url(&[0xff; 2048]), "e": "AQAB" }),
        json!({ "kty": "RSA", "n": encoding::base64url(&[0xff; 256]), "e": encoding::base64url(&[0xff; 256]) }),
        json!({ "kty": "OKP", "crv": "Ed25519", "x": "AA" }),
        json!({ "kty": "OKP", "crv": "X25519", "x": encoding::base64url(&[9; 32]) }),
        but("kid", json!(1)),
        but("use", json!("enc")),
        but("alg", json!("HS256")),
        but("alg", json!(7)),
        but("key_ops", json!(["sign"])),
        but("d", json!(encoding::base64url(&[1; 32]))),
        but("x", json!(encoding::base64url(&[1; 32]))), // off the curve
        but("crv", json!("P-384")),
        but("y", json!(5)),
    ];
    for bad in bad {
        let alone = JoseVerifier::from_jwks(&json!({ "keys": [bad] }).to_string()).unwrap();
        assert_eq!(alone.key_count(), 0, "{bad}");
        assert_eq!(rejected(&alone, &signed(&good)), JwsRejected::UnknownKey);
        let both = JoseVerifier::from_jwks(&json!({ "keys": [bad, key] }).to_string()).unwrap();
        assert!(both.verify(&signed(&good)).is_ok(), "{bad}");
    }
    let decorated = json!({ "keys": [but("x5c", json!(1))] }).to_string();
    assert!(JoseVerifier::from_jwks(&decorated).unwrap().verify(&signed(&good)).is_ok());
}

#[test]
fn what_is_no_key_set_is_refused() {
    let padded = format!("{}{}", r#"{"keys":[]}"#, " ".repeat(256 * 1024));
    for text in ["", "[]", "{}", "null", r#"{"keys":{}}"#, &padded, &"[".repeat(100_000)] {
        assert_eq!(JoseVerifier::from_jwks(text).unwrap_err(), JwsRejected::KeySet);
    }
}

#[test]
fn what_is_no_compact_jws_is_refused() {
    let record = record(SigningAlg::ES256, "k");
    let verifier = verifier_of(&record);
    let good = signed(&record);
    let deep = encoding::base64url("[".repeat(20_000).as_bytes());
    for bad in [
        String::new(),
        "..".to_owned(),
        good.replace('.', ""),
        format!("{good}.AA"),
        format!("{good}="),
        format!("{good}\n"),
        format!(" {good}"),
        format!("W10.{}", good.split_once('.').unwrap().1),
        format!("{deep}.{}", good.split_once('.').unwrap().1),
        json!({ "payload": "e30", "protected": "e30", "signature": "" }).to_string(),
    ] {
        assert_eq!(rejected(&verifier, &bad), JwsRejected::Malformed, "{bad}");
    }
    assert_eq!(rejected(&verifier, &"a".repeat(64 * 1024 + 1)), JwsRejected::TooLong);
}

#[test]
fn a_changed_or_truncated_signature_is_refused() {
    for alg in SigningAlg::ALL {
        let record = record(alg, "k");
        let verifier = verifier_of(&record);
        let good = signed(&record);
        let (message, signature) = good.rsplit_once('.').unwrap();
        let signature = encoding::from_base64url(signature).unwrap();
        let mut flipped = signature.clone();
        flipped[40] ^= 1;
        let mut longer = signature.clone();
        longer.push(0);
        let zeros = vec![0; signature.len()];
        for bad in [flipped, longer, zeros, signature[1..].to_vec(), signature[..32].to_vec(), Vec::new()] {
            let compact = format!("{message}.{}", encoding::base64url(&bad));
            assert_eq!(rejected(&verifier, &compact), JwsRejected::Signature, "{alg:?} {}", bad.len());
        }
        let other =
            format!("{}.{}.{}", good.split('.').next().unwrap(), "e30", good.rsplit('.').next().unwrap());
        assert_eq!(rejected(&verifier, &other), JwsRejected::Signature);
    }
}

fn vector_verifier() -> JoseVerifier {
    let key = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    JoseVerifier::from_jwks(&jwks(&[key])).unwrap()
}

proptest! {
    #[test]
    fn no_text_makes_the_verifier_panic(text in ".{0,300}") {
        prop_assert!(vector_verifier().verify(&text).is_err());
    }

    #[test]
    fn no_three_parts_make_the_verifier_panic(
        header in "(\\{\"alg\":\"EdDSA\"(,\"[a-z]{3}\":[0-9])?\\}|.{0,40})",
        rest in proptest::collection::vec(any::<u8>(), 0..100),
        signature in proptest::collection::vec(any::<u8>(), 0..100),
    ) {
        let parts = [header.as_bytes(), &rest, &signature].map(encoding::base64url);
        prop_assert!(vector_verifier().verify(&parts.join(".")).is_err());
    }

    #[test]
    fn no_text_makes_the_key_set_reader_panic(text in ".{0,200}", member in "[a-z0-9]{1,4}", value in ".{0,60}") {
        prop_assert!(JoseVerifier::from_jwks(&text).map_or(true, |verifier| verifier.key_count() == 0));
        for kty in ["RSA", "EC", "OKP"] {
            let set = json!({ "keys": [{ "kty": kty, "crv": "Ed25519", "x": value, "n": value, "e": value, &member: value }] });
            prop_assert!(JoseVerifier::from_jwks(&set.to_string()).is_ok());
        }
    }
}
