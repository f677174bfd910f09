//! Signing keys and their life cycle.

use serde::{Deserialize, Serialize};

use crate::{Claims, Timestamp};

/// Members that only a private or a symmetric key has (RFC 7518 §6, RFC 8037 §2).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Whether a JWK holds what is nobody else's to see: a private or a symmetric key, or a part of one.
pub fn is_private_jwk(jwk: &Claims) -> bool {
    PRIVATE.iter().any(|name| jwk.contains_key(*name))
}

/// A signature algorithm on offer (RFC 7518 §3.1, RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SigningAlg {
    /// RSASSA-PKCS1-v1_5 with SHA-256, 2048-bit key.
    RS256,
    /// RSASSA-PSS with SHA-256, 2048-bit key.
    PS256,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// Ed25519.
    EdDSA,
}

const ED25519: &str = "Ed25519";

impl SigningAlg {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::RS256, Self::PS256, Self::ES256, Self::EdDSA];

    /// The `alg` value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::PS256 => "PS256",
            Self::ES256 => "ES256",
            Self::EdDSA => "EdDSA",
        }
    }

    /// Reads an `alg` value.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|alg| alg.as_str() == text)
    }

    /// Reads the `alg` value of what others sign. They may say `Ed25519`, by its own name (RFC 9864 §2.2), for `EdDSA` on
    /// the one curve that there is here.
    pub fn parse_foreign(text: &str) -> Option<Self> {
        if text == ED25519 { Some(Self::EdDSA) } else { Self::parse(text) }
    }

    /// The `alg` values by which others may call it ([`Self::parse_foreign`]).
    pub fn foreign_names(self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.as_str()).chain((self == Self::EdDSA).then_some(ED25519))
    }
}

/// Where a key stands in its life. It follows from the key's dates alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStage {
    /// Published, not yet signing.
    PrePublished,
    /// Published and signing.
    Active,
    /// Published for verification only.
    VerifyOnly,
    /// Not published.
    Retired,
}

impl KeyStage {
    /// For people and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PrePublished => "pre-published",
            Self::Active => "active",
            Self::VerifyOnly => "verify-only",
            Self::Retired => "retired",
        }
    }
}

/// A tenant's signing key as stored.
#[derive(Clone, Debug)]
pub struct SigningKeyRecord {
    /// `kid`: the millisecond of its making as text (CONTRACT 3.3).
    pub kid: String,
    /// Its one algorithm.
    pub alg: SigningAlg,
    /// The public JWK as JSON text, as published.
    pub public_jwk: String,
    /// The private key (PKCS#8 DER), sealed under the master key and bound to tenant and `kid`.
    pub sealed_private: Vec<u8>,
    /// When it was made and published.
    pub created_at: Timestamp,
    /// When it begins to sign.
    pub active_from: Timestamp,
    /// When its successor begins to sign; `None` while it has none.
    pub verify_from: Option<Timestamp>,
    /// When it is no longer published; `None` while it has no successor.
    pub retired_at: Option<Timestamp>,
}

impl SigningKeyRecord {
    /// Its stage at `now`.
    pub fn stage(&self, now: Timestamp) -> KeyStage {
        let passed = |at: Option<Timestamp>| at.is_some_and(|at| at.has_passed(now));
        if passed(self.retired_at) {
            KeyStage::Retired
        } else if passed(self.verify_from) {
            KeyStage::VerifyOnly
        } else if self.active_from.has_passed(now) {
            KeyStage::Active
        } else {
            KeyStage::PrePublished
        }
    }
}
