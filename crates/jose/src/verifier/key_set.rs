//! JWK sets from outside. Each key is read by itself: one bad key must not take the others with it.

use domain::{Claims, SigningAlg, encoding, key::is_private_jwk};
use josekit::jwk::Jwk;
use josekit::jws::{ES256, EdDSA, JwsVerifier, PS256, RS256};
use serde_json::Value;

/// Longest text of a set, bytes.
const LONGEST: usize = 256 * 1024;
/// Most keys of a set that are read.
const MOST_KEYS: usize = 100;
/// Smallest RSA key that is accepted, bytes: weaker ones are no proof (RFC 7518 §3.3).
const RSA_LEAST: usize = 256;
/// Largest RSA key of a set, and of a proof, which anybody may bring: larger ones only cost time.
const RSA_MOST: usize = 1024;
const RSA_MOST_OF_PROOF: usize = 512;
/// Public exponents that are accepted. 65537 is the least that FIPS 186-5 §5.1 allows, and what everybody uses; older keys have
/// 3 or 17. A verification takes as long as the exponent, so that nothing larger is.
const EXPONENTS: std::ops::RangeInclusive<u32> = 3..=65_537;

/// One key with one algorithm.
pub(super) struct PublicKey {
    /// What one verification takes, with that of an elliptic curve for 1.
    pub(super) cost: usize,
    kid: Option<String>,
    /// Whether it has no `use`.
    pub(super) unmarked: bool,
    pub(super) alg: SigningAlg,
    verifier: Box<dyn JwsVerifier>,
}

impl PublicKey {
    pub(super) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    pub(super) fn verifies(&self, signed: &[u8], signature: &[u8]) -> bool {
        self.verifier.verify(signed, signature).is_ok()
    }
}

/// The usable keys of a set, at most so many; `None` when the text is no set. No more are made than are kept.
pub(super) fn parse(text: &str, most: usize) -> Option<Vec<PublicKey>> {
    if text.len() > LONGEST {
        return None;
    }
    let set: Claims = serde_json::from_str(text).ok()?;
    let keys = set.get("keys")?.as_array()?;
    Some(keys.iter().take(MOST_KEYS).filter_map(|key| read(key).ok()).flatten().take(most).collect())
}

/// What is wrong with a set, for whoever wrote it: each line names the key by its place, from 1. Keys that are not for
/// signatures are somebody else's business.
pub(super) fn problems(text: &str) -> Vec<String> {
    if text.len() > LONGEST {
        return vec!["must have at most 256 KiB".to_owned()];
    }
    let set: Option<Claims> = serde_json::from_str(text).ok();
    let keys = set.as_ref().and_then(|set| set.get("keys")).and_then(Value::as_array);
    let Some(keys) = keys else {
        return vec!["must be a JWK set: {\"keys\":[…]} (RFC 7517 §5)".to_owned()];
    };
    let mut problems = Vec::new();
    if keys.is_empty() || keys.len() > MOST_KEYS {
        problems.push("must have 1 to 100 keys".to_owned());
    }
    for (at, key) in (1..).zip(keys.iter().take(MOST_KEYS)) {
        match read(key) {
            Ok(_) | Err(Unusable::NotForSignatures) => {}
            Err(Unusable::Wrong(problem)) => problems.push(format!("key {at}: {problem}")),
        }
    }
    problems
}

/// Why a key is left out.
enum Unusable {
    /// It is for something else.
    NotForSignatures,
    /// It should not be there, or not so.
    Wrong(&'static str),
}

fn read(key: &Value) -> Result<Vec<PublicKey>, Unusable> {
    let wrong = |problem| Err(Unusable::Wrong(problem));
    let Some(jwk) = key.as_object() else { return wrong("must be a JSON object") };
    if jwk.get("kid").is_some_and(|kid| !kid.is_string()) {
        return wrong("kid must be text");
    }
    if is_private_jwk(jwk) {
        return wrong("has private or symmetric members: give the public key alone");
    }
    if !is_for_signatures(jwk) {
        return Err(Unusable::NotForSignatures);
    }
    let keys = usable(jwk);
    if keys.is_empty() {
        return wrong(
            "is no key that is accepted: RSA of 2048 to 8192 bits with an exponent up to 65537, P-256 or Ed25519, and an alg that fits",
        );
    }
    Ok(keys)
}

/// The key of a proof, with one algorithm and whatever its `kid`; `None` when it is private, symmetric, of another kind or
/// size, for another algorithm, or not for signatures.
pub(super) fn single(alg: SigningAlg, jwk: &Claims) -> Option<PublicKey> {
    admissible(alg, jwk).then(|| public_key(alg, jwk, (None, false), RSA_MOST_OF_PROOF))?
}

/// What [`single`] asks for but the key's own arithmetic.
pub(super) fn admissible(alg: SigningAlg, jwk: &Claims) -> bool {
    !is_private_jwk(jwk)
        && fits(alg, jwk)
        && is_for_signatures(jwk)
        && public_part(alg, jwk, RSA_MOST_OF_PROOF).is_some()
}

fn usable(jwk: &Claims) -> Vec<PublicKey> {
    let kid = jwk.get("kid").and_then(Value::as_str).map(str::to_owned);
    let unmarked = !jwk.contains_key("use");
    let algs = SigningAlg::ALL.into_iter().filter(|alg| fits(*alg, jwk));
    algs.filter_map(|alg| public_key(alg, jwk, (kid.as_deref(), unmarked), RSA_MOST)).collect()
}

fn public_key(
    alg: SigningAlg,
    jwk: &Claims,
    (kid, unmarked): (Option<&str>, bool),
    rsa_most: usize,
) -> Option<PublicKey> {
    let (key, cost) = public_part(alg, jwk, rsa_most)?;
    Some(PublicKey { kid: kid.map(str::to_owned), unmarked, alg, cost, verifier: verifier(alg, &key)? })
}

/// Whether a key is for `alg`, as far as it says (RFC 7517 §4.4).
fn fits(alg: SigningAlg, jwk: &Claims) -> bool {
    jwk.get("alg").is_none_or(|own| own.as_str().and_then(SigningAlg::parse_foreign) == Some(alg))
}

/// `use` and `key_ops` (RFC 7517 §4.2, §4.3), where they are given.
pub(crate) fn is_for_signatures(jwk: &Claims) -> bool {
    let used = jwk.get("use").is_none_or(|value| value.as_str() == Some("sig"));
    let operation =
        |ops: &Value| ops.as_array().is_some_and(|ops| ops.iter().any(|op| op.as_str() == Some("verify")));
    used && jwk.get("key_ops").is_none_or(operation)
}

fn verifier(alg: SigningAlg, key: &Jwk) -> Option<Box<dyn JwsVerifier>> {
    // The key goes in without its `kid`: josekit would insist on one in the header.
    match alg {
        SigningAlg::RS256 => RS256.verifier_from_jwk(key).map(|verifier| Box::new(verifier) as _).ok(),
        SigningAlg::PS256 => PS256.verifier_from_jwk(key).map(|verifier| Box::new(verifier) as _).ok(),
        SigningAlg::ES256 => ES256.verifier_from_jwk(key).map(|verifier| Box::new(verifier) as _).ok(),
        SigningAlg::EdDSA => EdDSA.verifier_from_jwk(key).map(|verifier| Box::new(verifier) as _).ok(),
    }
}

/// Only the members that make up the key, with sizes as they should be, so that nothing else can mislead; and what a
/// verification takes.
fn public_part(alg: SigningAlg, jwk: &Claims, rsa_most: usize) -> Option<(Jwk, usize)> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    let number = |name: &str| text(name).and_then(encoding::from_base64url);
    let (kty, crv) = match alg {
        SigningAlg::RS256 | SigningAlg::PS256 => ("RSA", None),
        SigningAlg::ES256 => ("EC", Some("P-256")),
        SigningAlg::EdDSA => ("OKP", Some("Ed25519")),
    };
    if text("kty") != Some(kty) || (crv.is_some() && text("crv") != crv) {
        return None;
    }
    let (names, fits, cost): (&[&str], bool, usize) = match alg {
        SigningAlg::RS256 | SigningAlg::PS256 => {
            let (n, e) = (number("n")?, number("e")?);
            (&["kty", "n", "e"], is_fit_rsa(&n, &e, rsa_most), rsa_cost(significant(&n).len()))
        }
        SigningAlg::ES256 => {
            (&["kty", "crv", "x", "y"], number("x")?.len() == 32 && number("y")?.len() == 32, 1)
        }
        SigningAlg::EdDSA => (&["kty", "crv", "x"], number("x")?.len() == 32, 1),
    };
    let members: Claims =
        names.iter().filter_map(|name| Some(((*name).to_owned(), jwk.get(*name)?.clone()))).collect();
    fits.then(|| Some((Jwk::from_map(members).ok()?, cost)))?
}

/// Whether an RSA key of a set, by its modulus and exponent, has a size that is accepted.
pub(crate) fn is_fit_rsa_of_set(n: &[u8], e: &[u8]) -> bool {
    is_fit_rsa(n, e, RSA_MOST)
}

fn is_fit_rsa(n: &[u8], e: &[u8], most: usize) -> bool {
    let fits = (RSA_LEAST..=most).contains(&significant(n).len());
    fits && exponent(e).is_some_and(|e| EXPONENTS.contains(&e))
}

/// What a verification with an RSA key of so many bytes takes, rounded up.
const fn rsa_cost(bytes: usize) -> usize {
    match bytes {
        0..=256 => 2,
        257..=512 => 4,
        _ => 8,
    }
}

/// An exponent of at most four bytes.
fn exponent(bytes: &[u8]) -> Option<u32> {
    let bytes = significant(bytes);
    (bytes.len() <= 4).then(|| bytes.iter().fold(0, |value, byte| value << 8 | u32::from(*byte)))
}

/// Without leading zeros.
fn significant(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}
