//! The claims of an assertion (RFC 7523 §3).

use domain::{Claims, ClientId, RememberedKey, SKEW, Timestamp, Ttl};
use serde_json::Value;

use crate::Reason;

/// How far in the future `exp` may lie, for a clock as wrong as [`SKEW`]: an assertion that is valid for long is a
/// password, and what has been used is remembered until then.
const LONGEST_VALIDITY: Ttl = Ttl::from_secs(3600 + SKEW.secs());
/// How long after `exp` a used assertion is remembered: nodes' clocks differ, and the one behind must still know.
const MEMORY: Ttl = Ttl::from_secs(60);
/// Longest `jti`, bytes.
const JTI_MAX: usize = 1024;
/// The year 9999: what lies beyond is no date.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// The client: `iss` and `sub` are the same and a client id (RFC 7523 §3 items 1, 2).
pub(super) fn client(claims: &Claims) -> Result<ClientId, Reason> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    match (text("iss"), text("sub")) {
        (Some(issuer), Some(subject)) if issuer == subject => {
            ClientId::parse(subject).ok_or(Reason::AssertionSubject)
        }
        _ => Err(Reason::AssertionSubject),
    }
}

/// What holds whoever the client is. Gives when a used assertion may be forgotten.
pub(super) fn check(claims: &Claims, audiences: &[&str], now: Timestamp) -> Result<Timestamp, Reason> {
    audience(claims, audiences)?;
    let expires = date(claims, "exp")?.ok_or(Reason::AssertionExpiry)?;
    if expires.has_passed(now) {
        return Err(Reason::AssertionExpiry);
    }
    if expires > now.plus(LONGEST_VALIDITY) {
        return Err(Reason::AssertionTooLongValid);
    }
    for name in ["iat", "nbf"] {
        if date(claims, name)?.is_some_and(|at| at > now.plus(SKEW)) {
            return Err(Reason::AssertionNotYetValid);
        }
    }
    Ok(expires.plus(MEMORY))
}

/// `aud`: one of ours, and nobody else's besides (RFC 7523 §3 item 3): what another server may take as well, it could
/// present here.
fn audience(claims: &Claims, audiences: &[&str]) -> Result<(), Reason> {
    let ours = |value: &Value| value.as_str().is_some_and(|aud| audiences.contains(&aud));
    let fits = match claims.get("aud") {
        Some(Value::Array(list)) => !list.is_empty() && list.iter().all(ours),
        Some(value) => ours(value),
        None => false,
    };
    if fits { Ok(()) } else { Err(Reason::AssertionAudience) }
}

/// Whether `aud` is the issuer and nothing else, and no list.
pub(super) fn is_for(claims: &Claims, issuer: Option<&str>) -> bool {
    issuer.is_some() && claims.get("aud").and_then(Value::as_str) == issuer
}

/// The identity under which it is used up: the client's `jti`; where there is none and `lenient` allows that, the
/// digest of what is signed. The signature does not count: of one ECDSA signature anybody makes a second.
pub(super) fn identity(
    claims: &Claims,
    client: &ClientId,
    signed: &str,
    lenient: bool,
) -> Result<RememberedKey, Reason> {
    let client = client.as_str().as_bytes();
    match claims.get("jti") {
        Some(Value::String(jti)) if (1..=JTI_MAX).contains(&jti.len()) => {
            Ok(RememberedKey::of(&[client, b"jti", jti.as_bytes()]))
        }
        None if lenient => Ok(RememberedKey::of(&[client, b"jws", signed.as_bytes()])),
        _ => Err(Reason::AssertionId),
    }
}

/// A NumericDate (RFC 7519 §2), which may have a fraction.
fn date(claims: &Claims, name: &str) -> Result<Option<Timestamp>, Reason> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let seconds = value.as_f64().filter(|seconds| (0.0..=LAST_SECOND).contains(seconds));
    let seconds = seconds.ok_or(Reason::MalformedAssertion)?;
    #[expect(clippy::cast_possible_truncation, reason = "checked to be a date before the year 10000")]
    let millis = (seconds * 1000.0) as i64;
    Ok(Some(Timestamp::from_millis(millis)))
}
