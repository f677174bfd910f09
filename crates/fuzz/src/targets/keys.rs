//! Keys, signatures, hashes, seals.

use std::sync::LazyLock;

use countersign_server::tenant_file::outside;
use domain::{
    Fault, Secret, SecretDigest, SigningAlg, Timestamp,
    port::{KeyedDigest, PasswordHash, Sealer as _, SecretHasher as _},
};
use jose::{AesSealer, Argon2Hasher, Argon2Params, JoseVerifier, MasterKey, ProofKey};
use oidc_core::dpop::{self, Expected, Nonces, Proof};

use super::{parts, text};

/// The public keys of RFC 7515 (A.2, A.3) and RFC 8037 (A.2).
const KEYS: &str = r#"{"keys":[
{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"},
{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},
{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

/// The header and payload that RFC 7515 A.2 and A.3 sign.
const SIGNED: [&str; 2] = [
    "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
];

/// A JWS: nobody who lacks the private keys gets anything past the verifier but what their owners signed.
pub fn jws(bytes: &[u8]) {
    static VERIFIER: LazyLock<JoseVerifier> = LazyLock::new(|| JoseVerifier::from_jwks(KEYS).unwrap());
    assert_eq!(VERIFIER.key_count(), 4);
    let text = text(bytes);
    if let Ok(verified) = VERIFIER.verify(&text) {
        assert!(
            text.rsplit_once('.').is_some_and(|(signed, _)| SIGNED.contains(&signed)),
            "a forged signature"
        );
        let alg = verified.header.get("alg").and_then(|alg| alg.as_str()).and_then(SigningAlg::parse_foreign);
        assert!(alg.is_some());
    }
}

/// A DPoP proof, signed or not: what is taken is of a public key, and is for one request.
pub fn dpop_proof(bytes: &[u8]) {
    struct Plain;
    impl KeyedDigest for Plain {
        fn keyed(&self, bytes: &[u8]) -> SecretDigest {
            SecretDigest::of(bytes)
        }
    }
    let Ok(proof) = Proof::parse(&[bytes.to_vec()]) else { return };
    assert!(bytes.len() <= dpop::LONGEST && dpop::ALGS.contains(&proof.alg));
    assert!(
        ["d", "p", "q", "k"].iter().all(|name| !proof.jwk.contains_key(*name)),
        "a private key was taken"
    );
    let (urls, now) = (["https://id.example/token".to_owned()], Timestamp::from_secs(1_800_000_000));
    let nonces = Nonces { digest: &Plain, tenant: testkit::tenant_id(1) };
    let expected =
        |method, access_token| Expected { method, urls: &urls, access_token, nonce_required: false, now };
    let checked = |method, token| proof.check(&expected(method, token), &nonces).is_ok();
    assert!(!(checked("GET", None) && checked("POST", None)), "a proof for two methods");
    assert!(!(checked("POST", Some("a")) && checked("POST", Some("b"))), "a proof for two tokens");
    let thumbprint = ProofKey::thumbprint(proof.alg, &proof.jwk);
    if let Some(key) = ProofKey::new(proof.alg, &proof.jwk) {
        assert!(thumbprint.is_some(), "a key that cannot be named");
        let text = text(bytes);
        assert_eq!(key.signed(&text), key.signed(&text));
        assert!(!key.signed("eyJhbGciOiJFUzI1NiJ9.e30.AA"));
    }
}

/// The text of a master key file.
pub fn master_key(bytes: &[u8]) {
    let given = text(bytes);
    let length = given.trim().len();
    match MasterKey::parse(&Secret::new(given.clone())) {
        Ok(key) => {
            assert!([43, 44, 64].contains(&length));
            assert_eq!(format!("{key:?}"), "MasterKey(..)");
            let sealed = key.seal("label", b"bound", b"text").unwrap();
            assert_eq!(key.open("label", b"bound", &sealed).as_deref(), Some(b"text".as_slice()));
        }
        Err(error) => assert!(given.trim().len() < 12 || !error.to_string().contains(given.trim())),
    }
}

/// A stored password hash: what a tenant file may carry, the hasher reads, within bounds that it can bear.
pub fn password_hash(bytes: &[u8]) {
    static HASHER: LazyLock<Argon2Hasher> = LazyLock::new(|| {
        Argon2Hasher::new(Argon2Params { memory_kib: 8, iterations: 1, parallelism: 1 }).unwrap()
    });
    let text = text(bytes);
    let taken = outside::password_hash(&text).is_some();
    // Costs that take seconds are bounded too, but not worth a fuzzer's time.
    let digits = |text: &str| text.split(|c: char| !c.is_ascii_digit()).any(|number| number.len() > 2);
    if text.split('$').nth(3).is_some_and(digits) {
        return;
    }
    let hash = PasswordHash::from_phc(text);
    match HASHER.verify(&Secret::new("guess".to_owned()), Some(&hash)) {
        Ok(_) => {}
        Err(Fault::Crypto(_)) => assert!(!taken, "a tenant file takes a hash that log-in cannot read"),
        Err(other) => panic!("{other}"),
    }
}

/// A sealed text: nothing opens but what was sealed.
pub fn sealed(bytes: &[u8]) {
    let [key, aad, rest] = parts(bytes);
    assert_eq!(AesSealer.open(key, "label", aad, rest), None, "a text opened that nobody sealed");
    let sealed = AesSealer.seal(key, "label", aad, rest).unwrap();
    assert_eq!(AesSealer.open(key, "label", aad, &sealed).as_deref(), Some(rest));
    assert_eq!(AesSealer.open(key, "another label", aad, &sealed), None);
}
