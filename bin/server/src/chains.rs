//! Chains of clients' certificates that were judged, and stand for as long as their dates and the tenant's revision do.

use domain::{ChainProblem, PeerCertificate, TenantId, Thumbprint, Timestamp};
use jose::Window;
use moka::sync::Cache;

use crate::facts::TenantFacts;

/// Most chains that are remembered: a few megabytes.
const MOST: u64 = 50_000;

/// A bounded memory of good chains. Bad ones are judged anew: other certificates may come with the same one.
pub struct Chains {
    good: Cache<(TenantId, i64, Thumbprint), Window>,
}

impl Default for Chains {
    fn default() -> Self {
        Self { good: Cache::new(MOST) }
    }
}

impl Chains {
    /// What the tenant's truststore, as of its revision, says of a certificate at `now`.
    ///
    /// # Errors
    /// [`ChainProblem`].
    pub fn judge(
        &self,
        facts: &TenantFacts,
        certificate: &PeerCertificate,
        now: Timestamp,
    ) -> Result<(), ChainProblem> {
        let truststore = facts.truststore.as_ref().ok_or(ChainProblem::NoTruststore)?;
        let key = (facts.tenant.id, facts.tenant.revision, certificate.thumbprint);
        if self.good.get(&key).is_some_and(|window| window.contains(now)) {
            return Ok(());
        }
        let window = truststore.judge(certificate, now)?;
        self.good.insert(key, window);
        Ok(())
    }
}

impl std::fmt::Debug for Chains {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Chains({})", self.good.entry_count())
    }
}
