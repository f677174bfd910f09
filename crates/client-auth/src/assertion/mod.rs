//! JWTs as client authentication: `private_key_jwt` and `client_secret_jwt` (RFC 7523, OpenID Connect Core §9).

mod claims;
mod decide;

use domain::{AuthMethod, Claims, ClientId, Secret, SigningAlg, encoding};
use serde_json::Value;

use crate::Reason;

pub(crate) use decide::begin;
pub use decide::{SignatureBy, SignatureFinding, resume_assertion};

/// `client_assertion_type` (RFC 7523 §2.2).
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Longest assertion, bytes. Nothing of a longer one is looked at.
const LONGEST: usize = 16 * 1024;
/// Longest `kid`, bytes.
const KID_MAX: usize = 1024;
/// Header members that ask for what is not done, or would bring keys of the sender's own choice (RFC 7515 §4.1).
const REFUSED: [&str; 8] = ["crit", "b64", "zip", "enc", "jwk", "jku", "x5u", "p2c"];
/// What `typ` may say, without case and without `application/` (RFC 7515 §4.1.9): a JWT that was made for something
/// else is no assertion (RFC 8725 §3.11).
const TYPES: [&str; 2] = ["jwt", "client-authentication+jwt"];

/// An assertion as it was presented: read, and not verified.
pub struct Assertion {
    compact: Secret,
    client_id: ClientId,
    alg: AssertionAlg,
    kid: Option<String>,
    claims: Claims,
}

/// The algorithm that an assertion's header names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssertionAlg {
    /// HMAC with SHA-256 under the client's secret.
    Hs256,
    /// A signature.
    Signed(SigningAlg),
}

impl Assertion {
    /// Reads a compact JWS. Its signature, and what depends on the time or on the client, is judged later.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub(crate) fn read(compact: &str) -> Result<Self, Reason> {
        if compact.len() > LONGEST {
            return Err(Reason::AssertionTooLong);
        }
        let (header, payload) = split(compact).ok_or(Reason::MalformedAssertion)?;
        let header = object(header).ok_or(Reason::MalformedAssertion)?;
        let alg = match header.get("alg").and_then(Value::as_str) {
            Some("HS256") => AssertionAlg::Hs256,
            Some(name) => {
                let alg = SigningAlg::parse_foreign(name).map(AssertionAlg::Signed);
                alg.ok_or(Reason::AssertionAlgorithm)?
            }
            None => return Err(Reason::AssertionAlgorithm),
        };
        if REFUSED.iter().any(|name| header.contains_key(*name)) || !fitting_type(&header) {
            return Err(Reason::AssertionHeader);
        }
        let kid = match header.get("kid") {
            None => None,
            Some(Value::String(kid)) if kid.len() <= KID_MAX => Some(kid.clone()),
            Some(_) => return Err(Reason::MalformedAssertion),
        };
        let claims = object(payload).ok_or(Reason::MalformedAssertion)?;
        let client_id = claims::client(&claims)?;
        Ok(Self { compact: Secret::new(compact.to_owned()), client_id, alg, kid, claims })
    }

    /// Which method this is.
    pub const fn method(&self) -> AuthMethod {
        match self.alg {
            AssertionAlg::Hs256 => AuthMethod::ClientSecretJwt,
            AssertionAlg::Signed(_) => AuthMethod::PrivateKeyJwt,
        }
    }

    /// Whose it claims to be.
    pub const fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    /// The header's algorithm.
    pub const fn alg(&self) -> AssertionAlg {
        self.alg
    }

    /// The header's key id.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The text, for the verifier. It is worth a token until it has been used.
    pub const fn compact(&self) -> &Secret {
        &self.compact
    }

    /// What the signature is over. Not the signature itself: there may be several of the same text.
    fn signed(&self) -> &str {
        self.compact.expose().rsplit_once('.').map_or("", |(signed, _)| signed)
    }
}

impl std::fmt::Debug for Assertion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Assertion")
            .field("client_id", &self.client_id)
            .field("alg", &self.alg)
            .finish_non_exhaustive()
    }
}

fn split(compact: &str) -> Option<(&str, &str)> {
    let (signed, signature) = compact.rsplit_once('.')?;
    let (header, payload) = signed.split_once('.')?;
    (!signature.is_empty() && !payload.contains('.')).then_some((header, payload))
}

fn object(part: &str) -> Option<Claims> {
    serde_json::from_slice(&encoding::from_base64url(part)?).ok()
}

fn fitting_type(header: &Claims) -> bool {
    let Some(typ) = header.get("typ") else { return true };
    let fits = |typ: &str| {
        let typ = typ.to_ascii_lowercase();
        TYPES.contains(&typ.strip_prefix("application/").unwrap_or(&typ))
    };
    typ.as_str().is_some_and(fits)
}
