//! A key that comes with what it signed, as in a DPoP proof (RFC 9449 §4.2): it says who signed, not that anybody may.

use domain::{Claims, SigningAlg, Thumbprint};

use super::key_set::{self, PublicKey};
use crate::jwk;

/// A public key, ready to verify. Building it costs more than using it: keep it.
pub struct ProofKey(PublicKey);

impl ProofKey {
    /// The thumbprint of a key (RFC 7638 §3), which tells whose it is. Cheap, so that a known key is found before one
    /// is built. `None` for a key that [`ProofKey::new`] would not take: one that is private or symmetric, too small or
    /// too large, not for signatures, or not for `alg`.
    pub fn thumbprint(alg: SigningAlg, jwk: &Claims) -> Option<Thumbprint> {
        if !key_set::admissible(alg, jwk) {
            return None;
        }
        jwk::canonical(jwk).map(|text| Thumbprint::of(text.as_bytes()))
    }

    /// Reads a public JWK for one algorithm. `None` also for a point that is not on its curve.
    pub fn new(alg: SigningAlg, jwk: &Claims) -> Option<Self> {
        key_set::single(alg, jwk).map(Self)
    }

    /// Whether it signed a compact JWS (RFC 7515 §5.2). The header is not looked at.
    pub fn signed(&self, compact: &str) -> bool {
        let parts = super::Parts::split(compact);
        parts.is_ok_and(|parts| self.0.verifies(parts.signed, &parts.signature))
    }
}

impl std::fmt::Debug for ProofKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ProofKey").field(&self.0.alg).finish()
    }
}
