//! Keys of DPoP proofs that verified a moment ago: building one costs more than using it.

use std::{sync::Arc, time::Duration};

use domain::{Claims, SigningAlg, Thumbprint};
use jose::ProofKey;
use moka::sync::Cache;

/// How many are kept. Whoever may have tokens can bring new keys at will, so there is an end to it.
const MOST: u64 = 10_000;
/// How long one is kept that nobody uses.
const IDLE: Duration = Duration::from_mins(10);

/// A bounded memory of keys, by algorithm and thumbprint. A key is the same for every tenant.
#[derive(Debug)]
pub struct ProofKeys(Cache<(SigningAlg, Thumbprint), Arc<ProofKey>>);

impl ProofKeys {
    /// An empty memory.
    pub fn new() -> Self {
        Self(Cache::builder().max_capacity(MOST).time_to_idle(IDLE).build())
    }

    /// Whether `jwk`, whose thumbprint is `jkt`, signed a compact JWS. Only keys that did are remembered.
    pub fn signed(&self, alg: SigningAlg, (jkt, jwk): (Thumbprint, &Claims), compact: &str) -> bool {
        if let Some(key) = self.0.get(&(alg, jkt)) {
            return key.signed(compact);
        }
        let Some(key) = ProofKey::new(alg, jwk).filter(|key| key.signed(compact)) else { return false };
        self.0.insert((alg, jkt), Arc::new(key));
        true
    }
}

impl Default for ProofKeys {
    fn default() -> Self {
        Self::new()
    }
}
