//! Signatures and hashes through `jose` alone. Keys are opened once.

use std::time::Duration;

use domain::port::{SecretHasher as _, Signer as _};
use domain::{Claims, Secret, SigningAlg, TenantId};
use jose::{Argon2Hasher, JoseVerifier, MasterKey, NewKey, OpenSslSigner, OsEntropy, generate_key};
use serde_json::json;

use super::{rate, records::CHEAP};
use crate::clock;
use crate::failure::{Failure, Result};

/// Signatures, verifications and hashes per second.
///
/// # Errors
/// When one fails.
pub(super) fn rates(tenant: TenantId, span: Duration) -> Result<Vec<(&'static str, f64)>> {
    let (master, _text) = MasterKey::generate(&OsEntropy)?;
    let mut rates = Vec::new();
    let algs = [
        (SigningAlg::RS256, "sign RS256", "verify RS256"),
        (SigningAlg::ES256, "sign ES256", "verify ES256"),
    ];
    for (alg, sign, verify) in algs {
        let now = clock::wall();
        let new = NewKey { alg, kid: "1", tenant, subject_cn: "bench", now, active_from: now };
        let record = generate_key(&new, &master)?;
        let signer = OpenSslSigner::open(&record, tenant, &master)?;
        let claims = claims();
        rates.push((sign, rate(span, || Ok(signer.sign("JWT", &claims).map(drop)?))?));
        let jwt = signer.sign("JWT", &claims)?;
        let verifier = JoseVerifier::from_jwks(&format!("{{\"keys\":[{}]}}", record.public_jwk))?;
        rates.push((verify, rate(span, || Ok(verifier.verify(&jwt).map(drop)?))?));
    }
    let (hasher, secret) = (Argon2Hasher::new(CHEAP)?, Secret::new("secret".to_owned()));
    let hash = hasher.hash(&secret)?;
    let check = rate(span, || {
        let verified = hasher.verify(&secret, Some(&hash))?;
        verified.matches.then_some(()).ok_or_else(|| Failure::new("a hash does not match"))
    })?;
    rates.push(("check a hash of 8 KiB", check));
    Ok(rates)
}

/// What userinfo says of a user.
fn claims() -> Claims {
    let members = [
        ("sub", json!("alice")),
        ("name", json!("Alice Liddell")),
        ("family_name", json!("Liddell")),
        ("given_name", json!("Alice")),
        ("preferred_username", json!("alice")),
        ("updated_at", json!(1_767_225_600)),
        ("groupids", json!(["UG_ROOT"])),
        ("roles", json!([])),
        ("iss", json!("http://127.0.0.1:18080/idp/ONLINEBANK/authn")),
        ("aud", json!("spl-app")),
    ];
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
