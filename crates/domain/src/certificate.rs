//! The certificate that the peer of a connection showed, as facts: no TLS library's types.

use sha2::{Digest as _, Sha256};

use crate::{DistinguishedName, Timestamp, encoding};

/// A name in `subjectAltName` that a client may be registered by (RFC 8705 §2.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AltName {
    /// `dNSName`.
    Dns(String),
    /// `uniformResourceIdentifier`.
    Uri(String),
    /// `iPAddress`.
    Ip(std::net::IpAddr),
    /// `rfc822Name`.
    Email(String),
}

/// A certificate whose key the peer has proved to hold, read once per connection. Nobody has judged its chain yet.
#[derive(Clone, PartialEq, Eq)]
pub struct PeerCertificate {
    /// Its DER.
    pub der: Vec<u8>,
    /// SHA-256 of its DER: `x5t#S256` (RFC 8705 §3.1).
    pub thumbprint: Thumbprint,
    /// The DER of its `SubjectPublicKeyInfo`.
    pub spki: Vec<u8>,
    /// Its subject.
    pub subject: DistinguishedName,
    /// Its alternative names, of the kinds that matter here.
    pub alt_names: Vec<AltName>,
    /// The first instant at which it is valid.
    pub not_before: Timestamp,
    /// The last second in which it is valid (RFC 5280 §4.1.2.5).
    pub not_after: Timestamp,
    /// What the peer sent with it, as DER: untrusted, perhaps unrelated.
    pub chain: Vec<Vec<u8>>,
}

impl PeerCertificate {
    /// Whether `now` lies within its dates, both ends included (RFC 5280 §4.1.2.5).
    pub const fn is_current(&self, now: Timestamp) -> bool {
        self.not_before.has_passed(now) && now.as_numeric_date() <= self.not_after.as_numeric_date()
    }
}

impl std::fmt::Debug for PeerCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PeerCertificate").field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// SHA-256 of a certificate's DER (RFC 8705 §3.1), or of the canonical form of a JWK (RFC 7638 §3). No secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Thumbprint([u8; 32]);

impl Thumbprint {
    /// That of a certificate, or of a JWK in canonical form.
    pub fn of(der: &[u8]) -> Self {
        Self(Sha256::digest(der).into())
    }

    /// Reads base64url without padding, as `x5t#S256` is written (RFC 7515 §4.1.8); `None` unless it is 32 bytes.
    pub fn parse(text: &str) -> Option<Self> {
        encoding::from_base64url(text)?.try_into().ok().map(Self)
    }

    /// As `x5t#S256` is written.
    pub fn to_base64url(self) -> String {
        encoding::base64url(&self.0)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}
