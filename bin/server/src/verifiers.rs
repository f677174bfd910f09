//! The verifiers of clients' inline key sets: building one costs more than using it.

use std::{sync::Arc, time::Duration};

use domain::{ClientId, TenantId};
use jose::JoseVerifier;
use moka::sync::Cache;

/// Most keys that are held ready, over all tenants.
const MOST_KEYS: u64 = 20_000;

/// A set and its verifier.
#[derive(Debug)]
struct Built {
    jwks: String,
    verifier: Arc<JoseVerifier>,
}

/// A bounded memory of verifiers. One is good for the very text that it was made of, whoever changed that, and when.
#[derive(Debug)]
pub struct Verifiers(Cache<(TenantId, ClientId), Arc<Built>>);

impl Default for Verifiers {
    fn default() -> Self {
        let weight = |_: &(TenantId, ClientId), built: &Arc<Built>| {
            u32::try_from(built.verifier.key_count()).unwrap_or(u32::MAX).saturating_add(1)
        };
        let cache = Cache::builder().max_capacity(MOST_KEYS).weigher(weight);
        Self(cache.time_to_idle(Duration::from_hours(1)).build())
    }
}

impl Verifiers {
    /// The verifier of a client's set, if it was made.
    pub fn known(&self, tenant: TenantId, client: &ClientId, jwks: &str) -> Option<Arc<JoseVerifier>> {
        let built = self.0.get(&(tenant, client.clone())).filter(|built| built.jwks == jwks)?;
        Some(Arc::clone(&built.verifier))
    }

    /// Makes one and remembers it. Takes a quarter of a millisecond a key. A text that is no set has no keys.
    pub fn make(&self, tenant: TenantId, client: ClientId, jwks: String) -> Arc<JoseVerifier> {
        let verifier = Arc::new(JoseVerifier::from_jwks(&jwks).unwrap_or_default());
        let built = Built { jwks, verifier: Arc::clone(&verifier) };
        self.0.insert((tenant, client), Arc::new(built));
        verifier
    }
}
