//! Chains of clients' certificates that were judged, and stand for as long as their dates and the tenant's revision do.

use std::{sync::Arc, time::Duration};

use domain::{Client, ClientId, ClientKeys, PeerCertificate, TenantId, Thumbprint, Timestamp, WireProfile};
use jose::{KeyChoice, RegisteredCertificates, Window};
use moka::sync::Cache;

use crate::facts::TenantFacts;

/// Most chains that are remembered: a few megabytes.
const MOST: u64 = 50_000;

/// Most that is remembered of what clients have registered, by the length of the sets, KiB.
const MOST_REGISTERED: u64 = 32 * 1024;

/// A bounded memory of good chains, and of what clients have registered. Bad ones are judged anew: other certificates may come with the same one.
pub struct Chains {
    good: Cache<(TenantId, i64, Thumbprint), Window>,
    registered: Cache<(TenantId, ClientId), Arc<Registered>>,
}

/// A set, how it was read, and what it names.
struct Registered {
    jwks: String,
    choice: KeyChoice,
    certificates: Arc<RegisteredCertificates>,
}

impl Default for Chains {
    fn default() -> Self {
        let weight = |_: &(TenantId, ClientId), registered: &Arc<Registered>| {
            u32::try_from(registered.jwks.len().div_ceil(1024).max(1)).unwrap_or(u32::MAX)
        };
        let registered = Cache::builder().max_capacity(MOST_REGISTERED).weigher(weight);
        let registered = registered.time_to_idle(Duration::from_hours(1)).build();
        Self { good: Cache::new(MOST), registered }
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

    /// The certificates that a client has registered. `None` where its keys are fetched. In `hid` keys with `use` = `sig`
    /// are for other signatures where there is one without `use`, as with assertions (CONTRACT 4.16).
    pub fn registered(&self, facts: &TenantFacts, client: &Client) -> Option<Arc<RegisteredCertificates>> {
        let jwks = client.keys.as_ref().and_then(ClientKeys::inline)?;
        let profile = WireProfile::effective(facts.tenant.profile().name, client.profile);
        let choice = KeyChoice::preferring_unmarked(profile.lenient_assertions);
        Some(self.named_by(facts.tenant.id, &client.client_id, (jwks, choice)))
    }

    /// What a set names: from memory where that was read from the very text, whoever changed it, and when.
    fn named_by(
        &self,
        tenant: TenantId,
        client: &ClientId,
        (jwks, choice): (&str, KeyChoice),
    ) -> Arc<RegisteredCertificates> {
        let key = (tenant, client.clone());
        let known = self.registered.get(&key);
        if let Some(known) = known.filter(|known| known.jwks == jwks && known.choice == choice) {
            return Arc::clone(&known.certificates);
        }
        let certificates = Arc::new(RegisteredCertificates::from_jwks(jwks, choice));
        let read = Registered { jwks: jwks.to_owned(), choice, certificates: Arc::clone(&certificates) };
        self.registered.insert(key, Arc::new(read));
        certificates
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

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "a test names a tenant")]
    fn tenant() -> TenantId {
        TenantId::assume(1)
    }

    #[test]
    fn what_a_client_registers_anew_counts_before_the_tenants_revision_is_seen() {
        let (chains, client) = (Chains::default(), ClientId::parse("c").unwrap());
        let set = |byte: u8| {
            let thumbprint = Thumbprint::of(&[byte]).to_base64url();
            format!(
                "{{\"keys\":[{{\"use\":\"sig\",\"x5t#S256\":\"{thumbprint}\"}},{{\"x5t#S256\":\"{thumbprint}\"}}]}}"
            )
        };
        let named = |text: &str, choice| chains.named_by(tenant(), &client, (text, choice));
        let (one, two) = (named(&set(1), KeyChoice::Any), named(&set(2), KeyChoice::Any));
        assert_ne!(one, two);
        assert!(Arc::ptr_eq(&two, &named(&set(2), KeyChoice::Any)), "read once");
        assert!(!Arc::ptr_eq(&two, &named(&set(2), KeyChoice::PreferUnmarked)), "read otherwise");
    }
}
