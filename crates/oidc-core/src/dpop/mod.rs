//! DPoP proofs (RFC 9449): everything about one but its signature.
//!
//! In this order, the cheap first: [`Proof::parse`], [`Proof::check`], then the host verifies the signature with the
//! key that is in the proof, and uses up [`Proof::spent`] in the same transaction as what the proof brings about.

mod claims;
mod nonce;
mod url;

use domain::{
    Claims, OAuthErrorCode, Refusal, Remembered, RememberedFor, RememberedKey, SKEW, SigningAlg, Thumbprint,
    Timestamp, Ttl, encoding, key::is_private_jwk,
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

pub use nonce::{NONCE_PERIOD, Nonces};

/// How old a proof may be.
pub const MAX_AGE: Ttl = Ttl::from_secs(120);
/// Longest proof, bytes: room for RSA with 4096 bits and a nonce.
pub const LONGEST: usize = 8 * 1024;
/// Longest `jti`, bytes.
const LONGEST_JTI: usize = 255;
/// The algorithms that proofs may be signed with, the preferred first.
pub const ALGS: [SigningAlg; 4] =
    [SigningAlg::ES256, SigningAlg::EdDSA, SigningAlg::RS256, SigningAlg::PS256];
/// Header members that change what the signature means, or that must be understood (RFC 7515 §4.1.11, RFC 7797).
const EXTENSIONS: [&str; 4] = ["crit", "b64", "zip", "enc"];

/// A proof that reads, not checked further.
pub struct Proof {
    /// The algorithm that it names.
    pub alg: SigningAlg,
    /// The key that it brings: a public one.
    pub jwk: Claims,
    jti: String,
    htm: String,
    htu: String,
    iat: i64,
    ath: Option<String>,
    nonce: Option<String>,
}

/// What a proof must be for.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The request's method.
    pub method: &'a str,
    /// The URLs under which the endpoint may have been addressed, without query.
    pub urls: &'a [String],
    /// The access token that comes with it, at a resource; `None` at the token endpoint.
    pub access_token: Option<&'a str>,
    /// Whether a nonce of ours is demanded.
    pub nonce_required: bool,
    /// When the request arrived.
    pub now: Timestamp,
}

impl Proof {
    /// Reads the values of all `DPoP` headers: exactly one, a compact JWS of type `dpop+jwt` with a public key in its
    /// header and the claims of RFC 9449 §4.2.
    ///
    /// # Errors
    /// `invalid_dpop_proof`.
    pub fn parse(headers: &[Vec<u8>]) -> Result<Self, Refusal> {
        let [value] = headers else { return Err(if headers.is_empty() { MISSING } else { SEVERAL }) };
        if value.len() > LONGEST {
            return Err(TOO_LONG);
        }
        let text = std::str::from_utf8(value).or(Err(MALFORMED))?;
        let (signed, _signature) = text.rsplit_once('.').ok_or(MALFORMED)?;
        let (header, payload) = signed.split_once('.').ok_or(MALFORMED)?;
        let (alg, jwk) = head(json_object(header)?)?;
        claims::read(alg, jwk, &json_object(payload)?)
    }

    /// Checks everything but the signature.
    ///
    /// # Errors
    /// `invalid_dpop_proof`; `use_dpop_nonce` when a nonce is demanded and there is none, or it is not one of ours
    /// that is still good (RFC 9449 §8).
    pub fn check(&self, expected: &Expected<'_>, nonces: &Nonces<'_>) -> Result<(), Refusal> {
        if self.htm != expected.method {
            return Err(flawed("dpop_method", "The DPoP proof was made for another method (htm)"));
        }
        if !url::same_as_one_of(&self.htu, expected.urls) {
            return Err(flawed("dpop_url", "The DPoP proof was made for another URL (htu)"));
        }
        let made = Timestamp::from_secs(self.iat);
        if made.since(expected.now) > SKEW || made.plus(MAX_AGE).has_passed(expected.now) {
            return Err(flawed("dpop_time", "The DPoP proof is too old, or from the future (iat)"));
        }
        let hash = expected.access_token.map(ath);
        if hash.is_some() && self.ath != hash {
            return Err(flawed("dpop_token", "The DPoP proof was not made for this access token (ath)"));
        }
        match &self.nonce {
            None if expected.nonce_required => Err(USE_NONCE),
            Some(nonce) if !nonces.accept(nonce, expected.now) => Err(USE_NONCE),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether it brings the nonce that new ones are to be made with; otherwise the answer tells that
    /// (RFC 9449 §8.2).
    pub fn has_current_nonce(&self, nonces: &Nonces<'_>, now: Timestamp) -> bool {
        self.nonce.as_ref().is_none_or(|nonce| *nonce == nonces.current(now))
    }

    /// What stands for its single use: `jti` under the key that made it. It is remembered until the proof would be too
    /// old on the slowest clock. Who shows it again cannot change `iat`, which puts the rows in order.
    pub fn spent(&self, jkt: &Thumbprint) -> Remembered {
        let made = Timestamp::from_secs(self.iat);
        let key = RememberedKey::of(&[jkt.as_bytes(), self.jti.as_bytes()]).ordered_by(made);
        let expires_at = made.plus(MAX_AGE).plus(SKEW);
        Remembered { purpose: RememberedFor::DpopProof, key, expires_at }
    }
}

impl std::fmt::Debug for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proof").field("alg", &self.alg).finish_non_exhaustive()
    }
}

/// `ath` of an access token (RFC 9449 §4.2).
pub fn ath(access_token: &str) -> String {
    encoding::base64url(&Sha256::digest(access_token))
}

fn json_object(part: &str) -> Result<Claims, Refusal> {
    let bytes = encoding::from_base64url(part).ok_or(MALFORMED)?;
    serde_json::from_slice(&bytes).or(Err(MALFORMED))
}

fn head(header: Claims) -> Result<(SigningAlg, Claims), Refusal> {
    let text = |name: &str| header.get(name).and_then(Value::as_str);
    if text("typ") != Some("dpop+jwt") {
        return Err(flawed("dpop_type", "The DPoP proof is not of type dpop+jwt (typ)"));
    }
    let alg = text("alg").and_then(SigningAlg::parse_foreign).filter(|alg| ALGS.contains(alg));
    let alg = alg.ok_or(BAD_ALG)?;
    if EXTENSIONS.iter().any(|name| header.contains_key(*name)) {
        return Err(flawed("dpop_extension", "The DPoP proof asks for an extension that is not accepted"));
    }
    let Some(Value::Object(jwk)) = header.get("jwk") else { return Err(BAD_KEY) };
    if is_private_jwk(jwk) {
        return Err(flawed(
            "dpop_private_key",
            "The DPoP proof contains a private key: consider it compromised",
        ));
    }
    Ok((alg, jwk.clone()))
}

const fn flawed(reason: &'static str, description: &'static str) -> Refusal {
    Refusal::new(OAuthErrorCode::InvalidDpopProof, reason, description)
}

/// Where a proof is demanded and there is none.
pub const MISSING: Refusal = flawed("dpop_missing", "A DPoP proof is required: send one in a DPoP header");
/// The proof's algorithm is not one of ours, or not one of the client's profile.
pub const BAD_ALG: Refusal = flawed("dpop_alg", "The DPoP proof has an algorithm that is not accepted (alg)");

/// The proof's key is not usable with its algorithm.
pub const BAD_KEY: Refusal =
    flawed("dpop_key", "The DPoP proof has no public key that fits its algorithm (jwk)");
/// The signature is not that of the proof's key.
pub const BAD_SIGNATURE: Refusal = flawed("dpop_signature", "The DPoP proof's signature is wrong");
/// The proof has been used before.
pub const REPLAYED: Refusal = flawed("dpop_replayed", "The DPoP proof has been used before (jti)");

const SEVERAL: Refusal = flawed("dpop_several", "More than one DPoP header");
const TOO_LONG: Refusal = flawed("dpop_too_long", "The DPoP proof is too long");
const MALFORMED: Refusal = flawed("dpop_malformed", "The DPoP proof does not read");
const USE_NONCE: Refusal = Refusal::new(
    OAuthErrorCode::UseDpopNonce,
    "dpop_nonce",
    "Put the value of the DPoP-Nonce header into the proof (nonce)",
);

#[cfg(test)]
mod tests;
