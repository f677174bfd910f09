//! Chains of clients' certificates that were judged, and stand for as long as their dates and the tenant's revision do.

use std::sync::Arc;

use domain::{Client, ClientId, ClientKeys, PeerCertificate, TenantId, Thumbprint, Timestamp, WireProfile};
use jose::{KeyChoice, RegisteredCertificates, Window};
use moka::sync::Cache;

use crate::facts::TenantFacts;

/// Most chains that are remembered: a few megabytes.
const MOST: u64 = 50_000;

/// A bounded memory of good chains, and of what clients have registered. Bad ones are judged anew: other certificates may come with the same one.
pub struct Chains {
    good: Cache<(TenantId, i64, Thumbprint), Window>,
    registered: Cache<(TenantId, i64, ClientId), Arc<RegisteredCertificates>>,
}

impl Default for Chains {
    fn default() -> Self {
        Self { good: Cache::new(MOST), registered: Cache::new(MOST / 10) }
    }
}

impl Chains {
    /// Whether a certificate was judged good, under the tenant's revision, and is still at `now`.
    pub fn is_good(&self, facts: &TenantFacts, certificate: &PeerCertificate, now: Timestamp) -> bool {
        self.good.get(&key(facts, certificate)).is_some_and(|window| window.contains(now))
    }

    /// Remembers that a certificate was judged good, and for how long.
    pub fn remember(&self, facts: &TenantFacts, certificate: &PeerCertificate, window: Window) {
        self.good.insert(key(facts, certificate), window);
    }

    /// The certificates that a client has registered, as of the tenant's revision. `None` where its keys are fetched.
    /// In `hid` keys with `use` = `sig` are for other signatures where there is
    /// one without `use`, as with assertions (CONTRACT 4.16).
    pub fn registered(&self, facts: &TenantFacts, client: &Client) -> Option<Arc<RegisteredCertificates>> {
        let jwks = client.keys.as_ref().and_then(ClientKeys::inline)?;
        let key = (facts.tenant.id, facts.tenant.revision, client.client_id.clone());
        let read = || {
            let profile = WireProfile::effective(facts.tenant.profile().name, client.profile);
            let choice = KeyChoice::preferring_unmarked(profile.lenient_assertions);
            Arc::new(RegisteredCertificates::from_jwks(jwks, choice))
        };
        Some(self.registered.get_with(key, read))
    }
}

const fn key(facts: &TenantFacts, certificate: &PeerCertificate) -> (TenantId, i64, Thumbprint) {
    (facts.tenant.id, facts.tenant.revision, certificate.thumbprint)
}

impl std::fmt::Debug for Chains {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Chains({})", self.good.entry_count())
    }
}
