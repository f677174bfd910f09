use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::{Fault, encoding};
use openssl::asn1::Asn1Time;
use openssl::x509::X509;
use sha2::{Digest, Sha256};

use super::*;
use crate::{Argon2Hasher, Argon2Params, jwk_thumbprint};

#[test]
fn what_each_algorithm_signs_verifies_with_its_published_key() {
    for alg in SigningAlg::ALL {
        let record = record(alg, "1767225600000");
        let signer = signer(&record);
        let sent =
            claims(json!({ "iss": "https://op", "iat": 1_767_225_600, "exp": 1_767_225_601, "b": [1, "é"] }));
        let compact = signer.sign("at+jwt", &sent).unwrap();
        let verified = verifier_of(&record).verify(&compact).unwrap();
        assert_eq!(signer.alg(), alg);
        assert_eq!(verified.claims, sent);
        let header = claims(json!({ "kid": "1767225600000", "typ": "at+jwt", "alg": alg.as_str() }));
        assert_eq!(verified.header, header);
    }
}

#[test]
fn a_date_with_a_fraction_is_not_signed() {
    let record = record(SigningAlg::ES256, "k");
    let signer = signer(&record);
    for name in ["iat", "exp", "nbf", "auth_time", "updated_at"] {
        for bad in [json!(1.5), json!("1"), json!(null)] {
            let refused = signer.sign("JWT", &claims(json!({ name: bad })));
            assert!(matches!(refused, Err(Fault::Signing(_))), "{name}: {bad}");
        }
        assert!(signer.sign("JWT", &claims(json!({ name: -1 }))).is_ok());
    }
}

#[test]
fn a_stored_key_opens_only_for_its_tenant_its_kid_and_its_master_key() {
    let mine = record(SigningAlg::ES256, "k");
    let other_master = MasterKey::generate(&SeededEntropy::new(2)).unwrap().0;
    let renamed = SigningKeyRecord { kid: "K".to_owned(), ..mine.clone() };
    assert!(matches!(OpenSslSigner::open(&mine, tenant_id(8), &master()), Err(Fault::Crypto(_))));
    assert!(matches!(OpenSslSigner::open(&renamed, TENANT, &master()), Err(Fault::Crypto(_))));
    assert!(matches!(OpenSslSigner::open(&mine, TENANT, &other_master), Err(Fault::Crypto(_))));
    assert!(OpenSslSigner::open(&mine, TENANT, &master()).is_ok());
}

#[test]
fn a_private_key_that_is_not_the_published_one_does_not_sign() {
    let mine = record(SigningAlg::ES256, "k");
    let swapped = SigningKeyRecord { public_jwk: record(SigningAlg::ES256, "k").public_jwk, ..mine.clone() };
    assert!(matches!(OpenSslSigner::open(&swapped, TENANT, &master()), Err(Fault::Inconsistent(_))));
    let relabelled = SigningKeyRecord { alg: SigningAlg::RS256, ..mine };
    assert!(matches!(OpenSslSigner::open(&relabelled, TENANT, &master()), Err(Fault::Crypto(_))));
}

#[test]
fn published_keys_have_the_members_of_the_contract_and_no_private_ones() {
    for (alg, members) in [
        (SigningAlg::RS256, vec!["kty", "use", "alg", "kid", "n", "e", "x5c", "x5t#S256"]),
        (SigningAlg::PS256, vec!["kty", "use", "alg", "kid", "n", "e", "x5c", "x5t#S256"]),
        (SigningAlg::ES256, vec!["kty", "use", "alg", "kid", "crv", "x", "y"]),
        (SigningAlg::EdDSA, vec!["kty", "use", "alg", "kid", "crv", "x"]),
    ] {
        let record = record(alg, "17");
        let jwk: Claims = serde_json::from_str(&record.public_jwk).unwrap();
        assert_eq!(jwk.keys().collect::<Vec<_>>(), members);
        assert_eq!(
            (&jwk["use"], &jwk["alg"], &jwk["kid"]),
            (&json!("sig"), &json!(alg.as_str()), &json!("17"))
        );
        assert!(jwk_thumbprint(&record.public_jwk).is_some());
        assert_eq!((record.created_at, record.active_from), (NOW, NOW.plus(Ttl::from_secs(3600))));
        assert_eq!((record.verify_from, record.retired_at), (None, None));
    }
}

#[test]
fn the_certificate_is_of_this_key_in_this_name_for_ten_years_by_our_clock() {
    let record = record(SigningAlg::RS256, "17");
    let jwk: Claims = serde_json::from_str(&record.public_jwk).unwrap();
    assert_eq!(jwk["e"], "AQAB");
    let der = STANDARD.decode(jwk["x5c"][0].as_str().unwrap()).unwrap();
    assert_eq!(jwk["x5t#S256"], encoding::base64url(&Sha256::digest(&der)));
    let certificate = X509::from_der(&der).unwrap();
    let key = certificate.public_key().unwrap();
    assert!(certificate.verify(&key).unwrap());
    assert_eq!(encoding::base64url(&key.rsa().unwrap().n().to_vec()), jwk["n"].as_str().unwrap());
    let subject = certificate.subject_name().entries().next().unwrap().data();
    assert_eq!(subject.as_slice(), b"ONLINEBANK");
    let days = certificate.not_before().diff(certificate.not_after()).unwrap().days;
    assert_eq!(days, 3653);
    assert!(certificate.not_before() == Asn1Time::from_unix(NOW.as_numeric_date()).unwrap());
}

#[test]
fn a_name_too_long_for_a_certificate_is_cut() {
    let name = "ü".repeat(100);
    let new = NewKey {
        alg: SigningAlg::RS256,
        kid: "1",
        tenant: TENANT,
        subject_cn: &name,
        now: NOW,
        active_from: NOW,
    };
    let jwk: Claims = serde_json::from_str(&generate_key(&new, &master()).unwrap().public_jwk).unwrap();
    let certificate = X509::from_der(&STANDARD.decode(jwk["x5c"][0].as_str().unwrap()).unwrap()).unwrap();
    let subject = certificate.subject_name().entries().next().unwrap().data();
    assert_eq!(subject.as_slice(), "ü".repeat(64).as_bytes());
}

#[test]
fn debug_shows_no_key_material() {
    let (master, text) = MasterKey::generate(&SeededEntropy::new(1)).unwrap();
    let record = record(SigningAlg::EdDSA, "kid-1");
    let signer = OpenSslSigner::open(&record, TENANT, &master).unwrap();
    let pkcs8 = crate::key::opened(&record, TENANT, &master).unwrap();
    let private = pkcs8.last_chunk::<32>().unwrap();
    let verifier = verifier_of(&record);
    let verified = verifier.verify(&signed(&record)).unwrap();
    let cheap = Argon2Params { memory_kib: 8, iterations: 1, parallelism: 1 };
    let hasher = Argon2Hasher::new(cheap).unwrap();
    let shown = format!(
        "{master:?}\n{master:#?}\n{text:?}\n{signer:?}\n{signer:#?}\n{verifier:?}\n{verified:?}\n{hasher:?}"
    );
    let hex = |bytes: &[u8]| bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    let list = |bytes: &[u8]| format!("{bytes:?}").trim_matches(['[', ']']).to_owned();
    let key = encoding::from_base64url(text.expose()).unwrap();
    for secret in [text.expose().to_owned(), hex(&key), list(&key), hex(private), list(private)] {
        assert!(!shown.contains(&secret), "{shown}");
    }
    assert!(!shown.contains(&encoding::base64url(private)), "{shown}");
    assert!(!shown.contains("$argon2id$"), "{shown}");
    assert!(shown.contains("kid-1"), "a signer says which key it is");
}
