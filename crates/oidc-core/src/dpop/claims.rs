//! The claims of a proof (RFC 9449 §4.2).

use domain::{Claims, Refusal, SigningAlg};
use serde_json::Value;

use super::{LONGEST_JTI, Proof, flawed};

/// Reads them; `iat` may have a fraction, which is cut.
pub(super) fn read(alg: SigningAlg, jwk: Claims, claims: &Claims) -> Result<Proof, Refusal> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let optional = |name: &str| match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(INCOMPLETE),
    };
    let jti = text("jti").filter(|jti| (1..=LONGEST_JTI).contains(&jti.len())).ok_or(INCOMPLETE)?;
    Ok(Proof {
        alg,
        jwk,
        jti: jti.to_owned(),
        htm: text("htm").ok_or(INCOMPLETE)?.to_owned(),
        htu: text("htu").ok_or(INCOMPLETE)?.to_owned(),
        iat: claims.get("iat").and_then(seconds).ok_or(INCOMPLETE)?,
        ath: optional("ath")?,
        nonce: optional("nonce")?,
    })
}

/// A NumericDate (RFC 7519 §2) that fits a calendar.
fn seconds(value: &Value) -> Option<i64> {
    const LATEST: i64 = 253_402_300_799; // the year 9999
    #[expect(clippy::cast_possible_truncation, reason = "cut on purpose; what is too large saturates")]
    let whole = value.as_i64().or_else(|| value.as_f64().map(|fraction| fraction as i64))?;
    (0..=LATEST).contains(&whole).then_some(whole)
}

const INCOMPLETE: Refusal = flawed(
    "dpop_claims",
    "The DPoP proof lacks a claim, or one is malformed (jti, htm, htu, iat, ath, nonce)",
);
