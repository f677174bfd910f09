//! Verifying JWTs: signature, algorithm and key, and nothing else. The claims are the caller's to check, with `Env`.

mod key_set;
mod proof_key;

use domain::{Claims, SigningAlg, encoding};
use serde_json::Value;

use key_set::PublicKey;
pub(crate) use key_set::{is_fit_rsa_of_set, is_for_signatures};

pub use proof_key::ProofKey;

/// Longest JWS that is looked at, bytes.
const LONGEST: usize = 64 * 1024;
/// How much is tried when no key id singles one out: eight keys of elliptic curves, or four of RSA with 2048 bits, or two
/// with 4096, or one that is larger.
const MOST_COST: usize = 8;

/// Why a JWS or a key set was refused. Closed, and quoting nothing: what came from outside stays outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum JwsRejected {
    /// The key set is no JSON object with an array `keys`, or is too large.
    #[error("the key set does not read")]
    KeySet,
    /// Longer than 64 KiB.
    #[error("the JWS is too long")]
    TooLong,
    /// Not a compact JWS with a JSON object as header and payload.
    #[error("the JWS does not read")]
    Malformed,
    /// `alg` is absent or not on the allow-list.
    #[error("the JWS has an algorithm that is not accepted")]
    Algorithm,
    /// The header asks for something that must be understood and is not: `crit`, `b64`, `zip`, `enc`.
    #[error("the JWS header asks for an extension that is not accepted")]
    Extension,
    /// No key of the set has the header's `kid`.
    #[error("the JWS names a key that is not in the set")]
    UnknownKey,
    /// The key is there, but not for this algorithm.
    #[error("the JWS algorithm does not fit the key")]
    KeyMismatch,
    /// The signature is wrong.
    #[error("the JWS signature is wrong")]
    Signature,
}

/// A JWS with a good signature. Its claims are still untrusted: issuer, audience and dates have not been looked at.
#[derive(Clone)]
pub struct VerifiedJws {
    /// The protected header.
    pub header: Claims,
    /// The payload.
    pub claims: Claims,
}

/// Which keys of a set may have signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyChoice {
    /// All that are for signatures.
    Any,
    /// Where keys without `use` are in the set, only those: they are a client's authentication keys where `sig` marks
    /// the keys of its other signatures (CONTRACT 4.16).
    PreferUnmarked,
}

impl KeyChoice {
    /// The one that prefers keys without `use`, or not.
    pub const fn preferring_unmarked(prefer: bool) -> Self {
        if prefer { Self::PreferUnmarked } else { Self::Any }
    }
}

/// The public keys of one party, ready to verify. Building is expensive; keep it.
#[derive(Default)]
pub struct JoseVerifier {
    keys: Vec<PublicKey>,
}

impl JoseVerifier {
    /// Reads a JWK set (RFC 7517 §5). A key that is private, symmetric, too small or too large, not for signatures,
    /// or does not read, is left out; the others count. A set without a usable key verifies nothing.
    ///
    /// # Errors
    /// [`JwsRejected::KeySet`] when the text is no JWK set at all, or longer than 256 KiB.
    pub fn from_jwks(jwks_json: &str) -> Result<Self, JwsRejected> {
        Self::from_first_of_jwks(jwks_json, usize::MAX)
    }

    /// The same, of at most so many usable keys, counted as [`Self::key_count`] does; those behind them are left out.
    ///
    /// # Errors
    /// As [`Self::from_jwks`].
    pub fn from_first_of_jwks(jwks_json: &str, most: usize) -> Result<Self, JwsRejected> {
        key_set::parse(jwks_json, most).map(|keys| Self { keys }).ok_or(JwsRejected::KeySet)
    }

    /// What is wrong with a JWK set, key by key, for whoever wrote it: empty when nothing is. What [`Self::from_jwks`]
    /// only leaves out is told here.
    pub fn problems(jwks_json: &str) -> Vec<String> {
        key_set::problems(jwks_json)
    }

    /// How many keys are usable (an RSA key without `alg` counts for each of its algorithms).
    pub fn key_count(&self) -> usize {
        self.keys.len()
    }

    /// Whether a usable key has that very `kid`.
    pub fn has_key(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid() == Some(kid))
    }

    /// Verifies a compact JWS (RFC 7515 §5.2). Only keys of the set are used: `jwk`, `jku`, `x5c` and `x5u` in the
    /// header are ignored. A `kid` singles out the keys that have it; where none has it, keys without one may be meant, and
    /// without one in the header all may be. At most eight are tried, fewer of RSA: four with 2048 bits, two with 4096, one that is
    /// larger.
    ///
    /// # Errors
    /// [`JwsRejected`], by the first rule that is broken.
    pub fn verify(&self, compact: &str) -> Result<VerifiedJws, JwsRejected> {
        self.verify_by(compact, KeyChoice::Any)
    }

    /// The same with a choice of keys.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub fn verify_by(&self, compact: &str, choice: KeyChoice) -> Result<VerifiedJws, JwsRejected> {
        let parts = Parts::split(compact)?;
        let header: Claims = json_object(&parts.header)?;
        let alg = accepted_alg(&header)?;
        if ["crit", "b64", "zip", "enc"].iter().any(|name| header.contains_key(*name)) {
            return Err(JwsRejected::Extension);
        }
        let kid = match header.get("kid") {
            None => None,
            Some(Value::String(kid)) => Some(kid.as_str()),
            Some(_) => return Err(JwsRejected::Malformed),
        };
        let mut left = MOST_COST;
        let mut affordable = self.candidates(kid, alg, choice)?.into_iter().take_while(|key| {
            let enough = key.cost <= left;
            left = left.saturating_sub(key.cost);
            enough
        });
        if !affordable.any(|key| key.verifies(parts.signed, &parts.signature)) {
            return Err(JwsRejected::Signature);
        }
        Ok(VerifiedJws { header, claims: json_object(&parts.payload)? })
    }

    fn candidates(
        &self,
        kid: Option<&str>,
        alg: SigningAlg,
        choice: KeyChoice,
    ) -> Result<Vec<&PublicKey>, JwsRejected> {
        let only_unmarked = choice == KeyChoice::PreferUnmarked && self.keys.iter().any(|key| key.unmarked);
        let of_choice = || self.keys.iter().filter(|key| key.unmarked || !only_unmarked);
        let mut named: Vec<_> = match kid {
            Some(kid) => of_choice().filter(|key| key.kid() == Some(kid)).collect(),
            None => of_choice().collect(),
        };
        if named.is_empty() {
            named.extend(of_choice().filter(|key| key.kid().is_none()));
        }
        if named.is_empty() {
            return Err(JwsRejected::UnknownKey);
        }
        let fitting: Vec<_> = named.into_iter().filter(|key| key.alg == alg).collect();
        if fitting.is_empty() { Err(JwsRejected::KeyMismatch) } else { Ok(fitting) }
    }
}

impl std::fmt::Debug for JoseVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "JoseVerifier({} keys)", self.keys.len())
    }
}

impl std::fmt::Debug for VerifiedJws {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("VerifiedJws(..)")
    }
}

struct Parts<'a> {
    /// What the signature is over.
    signed: &'a [u8],
    header: Vec<u8>,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Parts<'a> {
    fn split(compact: &'a str) -> Result<Self, JwsRejected> {
        if compact.len() > LONGEST {
            return Err(JwsRejected::TooLong);
        }
        Self::read(compact).ok_or(JwsRejected::Malformed)
    }

    fn read(compact: &'a str) -> Option<Self> {
        let (signed, signature) = compact.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        // A further dot stays in the payload, where it is no base64url.
        Some(Self {
            signed: signed.as_bytes(),
            header: encoding::from_base64url(header)?,
            payload: encoding::from_base64url(payload)?,
            signature: encoding::from_base64url(signature)?,
        })
    }
}

fn json_object(bytes: &[u8]) -> Result<Claims, JwsRejected> {
    serde_json::from_slice(bytes).or(Err(JwsRejected::Malformed))
}

fn accepted_alg(header: &Claims) -> Result<SigningAlg, JwsRejected> {
    header
        .get("alg")
        .and_then(Value::as_str)
        .and_then(SigningAlg::parse_foreign)
        .ok_or(JwsRejected::Algorithm)
}
