use domain::{SecretDigest, port::KeyedDigest};
use serde_json::json;

use super::*;

struct Plain;

impl KeyedDigest for Plain {
    fn keyed(&self, bytes: &[u8]) -> SecretDigest {
        SecretDigest::of(bytes)
    }
}

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

fn nonces() -> Nonces<'static> {
    Nonces { digest: &Plain, tenant: testkit::tenant_id(1) }
}

fn header() -> Value {
    json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": { "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" } })
}

fn claims() -> Value {
    json!({ "jti": "1", "htm": "POST", "htu": "https://id.example/token", "iat": NOW.as_numeric_date() })
}

fn text(header: &Value, claims: &Value) -> Vec<u8> {
    let part = |value: &Value| encoding::base64url(value.to_string().as_bytes());
    format!("{}.{}.AA", part(header), part(claims)).into_bytes()
}

fn with(mut value: Value, name: &str, to: Value) -> Value {
    value[name] = to;
    value
}

fn without(mut value: Value, name: &str) -> Value {
    value.as_object_mut().unwrap().remove(name);
    value
}

fn parse(header: &Value, claims: &Value) -> Result<Proof, &'static str> {
    Proof::parse(&[text(header, claims)]).map_err(|refusal| refusal.reason)
}

fn checked(claims: &Value, change: impl FnOnce(&mut Expected<'_>)) -> Result<(), &'static str> {
    let urls = ["https://id.example/token".to_owned()];
    let mut expected =
        Expected { method: "POST", urls: &urls, access_token: None, nonce_required: false, now: NOW };
    change(&mut expected);
    let proof = parse(&header(), claims)?;
    proof.check(&expected, &nonces()).map_err(|refusal| refusal.reason)
}

#[test]
fn takes_exactly_one_header_of_bounded_length() {
    let good = text(&header(), &claims());
    let reason = |headers: &[Vec<u8>]| Proof::parse(headers).unwrap_err().reason;
    assert!(Proof::parse(std::slice::from_ref(&good)).is_ok());
    assert_eq!(reason(&[]), "dpop_missing");
    assert_eq!(reason(&[good.clone(), good]), "dpop_several");
    assert_eq!(reason(&[vec![b'a'; LONGEST + 1]]), "dpop_too_long");
    for text in ["", ".", "..", "a.b.c", "e30.e30", "\u{e9}.e30.AA", "e30..AA", "W10.e30.AA"] {
        let reason = reason(&[text.as_bytes().to_vec()]);
        assert!(matches!(reason, "dpop_malformed" | "dpop_type"), "{text}: {reason}");
    }
}

#[test]
fn the_header_names_type_algorithm_and_a_public_key() {
    let jwk = |name: &str| with(header(), "jwk", with(header()["jwk"].clone(), name, json!("AA")));
    for (header, reason) in [
        (without(header(), "typ"), "dpop_type"),
        (with(header(), "typ", json!("JWT")), "dpop_type"),
        (with(header(), "typ", json!("at+jwt")), "dpop_type"),
        (without(header(), "alg"), "dpop_alg"),
        (with(header(), "alg", json!("none")), "dpop_alg"),
        (with(header(), "alg", json!("HS256")), "dpop_alg"),
        (with(header(), "alg", json!("es256")), "dpop_alg"),
        (with(header(), "crit", json!(["exp"])), "dpop_extension"),
        (with(header(), "b64", json!(false)), "dpop_extension"),
        (with(header(), "zip", json!("DEF")), "dpop_extension"),
        (without(header(), "jwk"), "dpop_key"),
        (with(header(), "jwk", json!("https://evil.example/jwk")), "dpop_key"),
        (jwk("d"), "dpop_private_key"),
        (jwk("k"), "dpop_private_key"),
    ] {
        assert_eq!(parse(&header, &claims()).unwrap_err(), reason, "{header}");
    }
}

#[test]
fn each_claim_is_needed_and_has_its_type() {
    for name in ["jti", "htm", "htu", "iat"] {
        assert_eq!(parse(&header(), &without(claims(), name)).unwrap_err(), "dpop_claims", "{name}");
        let list = with(claims(), name, json!([]));
        assert_eq!(parse(&header(), &list).unwrap_err(), "dpop_claims", "{name}");
    }
    for (name, value) in [
        ("jti", json!("")),
        ("jti", json!("x".repeat(256))),
        ("iat", json!(-1)),
        ("iat", json!(1e300)),
        ("iat", json!(i64::MAX)),
        ("ath", json!(1)),
        ("nonce", json!({})),
    ] {
        let changed = with(claims(), name, value);
        assert_eq!(parse(&header(), &changed).unwrap_err(), "dpop_claims", "{changed}");
    }
    assert!(parse(&header(), &with(claims(), "iat", json!(1_800_000_000.25))).is_ok());
}

#[test]
fn a_proof_is_for_one_method_one_url_one_time() {
    assert_eq!(checked(&claims(), |_| {}), Ok(()));
    assert_eq!(checked(&claims(), |expected| expected.method = "GET"), Err("dpop_method"));
    assert_eq!(checked(&with(claims(), "htm", json!("post")), |_| {}), Err("dpop_method"));
    let elsewhere = with(claims(), "htu", json!("https://id.example/userinfo"));
    assert_eq!(checked(&elsewhere, |_| {}), Err("dpop_url"));
    for (secs, verdict) in [(-120, Err("dpop_time")), (-119, Ok(())), (30, Ok(())), (31, Err("dpop_time"))] {
        let at = with(claims(), "iat", json!(NOW.as_numeric_date() + secs));
        assert_eq!(checked(&at, |_| {}), verdict, "{secs}");
    }
}

#[test]
fn at_a_resource_it_is_for_one_token() {
    let demanded = |expected: &mut Expected<'_>| expected.access_token = Some("token");
    assert_eq!(checked(&claims(), demanded), Err("dpop_token"));
    assert_eq!(checked(&with(claims(), "ath", json!(ath("other"))), demanded), Err("dpop_token"));
    assert_eq!(checked(&with(claims(), "ath", json!(ath("token"))), demanded), Ok(()));
}

#[test]
fn a_nonce_is_ours_and_recent_where_there_is_one() {
    let required = |expected: &mut Expected<'_>| expected.nonce_required = true;
    assert_eq!(checked(&claims(), required), Err("dpop_nonce"));
    let at = |secs: i64| with(claims(), "nonce", json!(nonces().current(NOW.plus(Ttl::from_secs(secs)))));
    let before = with(claims(), "nonce", json!(nonces().current(NOW.minus(NONCE_PERIOD))));
    let long_before =
        with(claims(), "nonce", json!(nonces().current(NOW.minus(NONCE_PERIOD).minus(NONCE_PERIOD))));
    for (claims, verdict) in [
        (at(0), Ok(())),
        (at(180), Ok(())),
        (at(360), Err("dpop_nonce")),
        (before, Ok(())),
        (long_before, Err("dpop_nonce")),
        (with(claims(), "nonce", json!("made up")), Err("dpop_nonce")),
    ] {
        assert_eq!(checked(&claims, required), verdict, "{claims}");
        assert_eq!(checked(&claims, |_| {}), verdict, "not required, but looked at: {claims}");
    }
    let other = Nonces { digest: &Plain, tenant: testkit::tenant_id(2) };
    assert!(!other.accept(&nonces().current(NOW), NOW), "another tenant's nonce");
}

#[test]
fn the_same_proof_is_spent_under_the_same_key_until_it_is_too_old_anyway() {
    let (one, two) = (Thumbprint::of(b"one"), Thumbprint::of(b"two"));
    let spent = |claims: &Value, jkt| parse(&header(), claims).unwrap().spent(jkt);
    assert_eq!(spent(&claims(), &one), spent(&with(claims(), "htm", json!("GET")), &one));
    assert_ne!(spent(&claims(), &one).key, spent(&claims(), &two).key);
    assert_ne!(spent(&claims(), &one).key, spent(&with(claims(), "jti", json!("2")), &one).key);
    assert!(spent(&claims(), &one).expires_at >= NOW.plus(MAX_AGE));
}
