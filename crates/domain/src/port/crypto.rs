//! Cryptography behind ports, so that an embedding host can bring its own.

use crate::{Claims, Fault, Secret, SecretDigest, SigningAlg};

/// A source of random bytes fit for keys.
pub trait Entropy: Send + Sync {
    /// Fills `bytes`.
    ///
    /// # Errors
    /// [`Fault::Entropy`] when none can be had.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Fault>;
}

/// Signs JWTs with one key and one algorithm.
pub trait Signer: Send + Sync {
    /// The key's algorithm.
    fn alg(&self) -> SigningAlg;

    /// Signs `claims` as a compact JWS with header members `alg`, `kid` and `typ`.
    ///
    /// # Errors
    /// [`Fault::Signing`] when the key cannot be used.
    fn sign(&self, typ: &str, claims: &Claims) -> Result<String, Fault>;
}

/// A slow, salted hash of something a person chose, in PHC text form.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Takes a stored PHC text.
    pub const fn from_phc(text: String) -> Self {
        Self(text)
    }

    /// The PHC text, for storage and for the hasher.
    pub fn as_phc(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

/// What a comparison with a slow hash found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Whether the secret is the one that was hashed.
    pub matches: bool,
    /// Whether the hash was made under other parameters than today's.
    pub outdated: bool,
}

/// Hashes what people choose. Slow on purpose: call it in a lane of its own.
pub trait SecretHasher: Send + Sync {
    /// Hashes under today's parameters with a fresh salt.
    ///
    /// # Errors
    /// [`Fault::Crypto`] when memory or randomness is lacking.
    fn hash(&self, secret: &Secret) -> Result<PasswordHash, Fault>;

    /// Compares. With no hash (`None`) it does the same work against a dummy and never matches.
    ///
    /// # Errors
    /// [`Fault::Crypto`] when the stored text is no hash, or memory is lacking.
    fn verify(&self, secret: &Secret, hash: Option<&PasswordHash>) -> Result<Verified, Fault>;
}

/// HMAC-SHA-256 under a key of the installation, for secrets with 256 random bits.
pub trait KeyedDigest: Send + Sync {
    /// Digests `bytes`.
    fn keyed(&self, bytes: &[u8]) -> SecretDigest;
}

/// Authenticated encryption (AES-256-GCM).
pub trait Sealer: Send + Sync {
    /// Seals `plaintext` under a key derived from `key` for the purpose that `label` names, bound to `aad`.
    ///
    /// # Errors
    /// [`Fault::Crypto`] or [`Fault::Entropy`].
    fn seal(&self, key: &[u8], label: &str, aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, Fault>;

    /// Opens what [`Sealer::seal`] made under the same key, label and `aad`; `None` when anything differs.
    fn open(&self, key: &[u8], label: &str, aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>>;
}
