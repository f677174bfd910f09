//! Recently proven chosen client secrets (BLUEPRINT amendment 5): the second call is as fast as the first was slow.

use std::{sync::Arc, time::Duration};

use domain::{
    ClientId, Env, Fault, Secret, SecretDigest, SourceAddr, TenantId, Timestamp, Ttl,
    port::{KeyedDigest, PasswordHash},
};
use jose::MasterKey;
use moka::sync::Cache;

/// A lock that another node set must count here within 2 s (DECISIONS 5.7), so that a proof is trusted without a
/// look at the locks for no longer than this.
const LOCK_CHECK: Ttl = Ttl::from_millis(1500);

/// Whose secret was proven, from where, and against which hash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProvenKey {
    /// The tenant.
    pub tenant: TenantId,
    /// The stored hash: when the secret changes, the proof is void. No other change of the client or of its tenant
    /// voids it; what they decide is decided anew each time.
    pub hash: Option<PasswordHash>,
    /// The client.
    pub client_id: ClientId,
    /// The source's lock unit: locks are per source.
    pub source: SourceAddr,
}

#[derive(Clone, Copy)]
struct Proof {
    digest: SecretDigest,
    locks_read_at: Timestamp,
}

/// What the memory says of a presented secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// It was proven, and the source's lock was read a moment ago.
    Proven,
    /// It was proven; read the lock before trusting it.
    ProvenReadLock,
    /// Nothing is known.
    Unknown,
}

/// A bounded memory of keyed digests under a key that lives and dies with the process. Failures never touch it but
/// to forget.
pub struct ProvenSecrets {
    proofs: Cache<ProvenKey, Proof>,
    key: Arc<MasterKey>,
}

impl ProvenSecrets {
    /// A memory that forgets after `seconds`.
    ///
    /// # Errors
    /// [`Fault::Entropy`].
    pub fn new(seconds: u64, env: &Env<'_>) -> Result<Self, Fault> {
        let (key, _text) = MasterKey::generate(env.entropy)?;
        let proofs =
            Cache::builder().max_capacity(50_000).time_to_live(Duration::from_secs(seconds.max(1))).build();
        Ok(Self { proofs, key: Arc::new(key) })
    }

    /// Looks a presented secret up.
    pub fn recall(&self, key: &ProvenKey, secret: &Secret, now: Timestamp) -> Memory {
        let Some(proof) = self.proofs.get(key) else {
            return Memory::Unknown;
        };
        if !proof.digest.matches(&self.digest(secret)) {
            return Memory::Unknown;
        }
        // A clock that stepped back counts as stale.
        let fresh = proof.locks_read_at <= now && now.since(proof.locks_read_at) < LOCK_CHECK;
        if fresh { Memory::Proven } else { Memory::ProvenReadLock }
    }

    /// Remembers a secret that has just been proven, with the source's lock just read.
    pub fn remember(&self, key: ProvenKey, secret: &Secret, now: Timestamp) {
        self.proofs.insert(key, Proof { digest: self.digest(secret), locks_read_at: now });
    }

    /// Forgets: a failure from that source means the next success must be counted.
    pub fn forget(&self, key: &ProvenKey) {
        self.proofs.invalidate(key);
    }

    fn digest(&self, secret: &Secret) -> SecretDigest {
        self.key.keyed(secret.expose().as_bytes())
    }
}

impl std::fmt::Debug for ProvenSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ProvenSecrets(..)")
    }
}
