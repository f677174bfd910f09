//! The certificate that the peer of a connection showed, as facts: no TLS library's types.

use serde::{Deserialize, Serialize};
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

/// A certificate that was shown and does not read, or is too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the certificate does not read")]
pub struct UnreadableCertificate;

/// A certificate whose key the peer has proved to hold, read once per connection. Nobody has judged its chain yet.
#[derive(Clone, PartialEq, Eq)]
pub struct PeerCertificate {
    /// Its DER.
    pub der: Vec<u8>,
    /// SHA-256 of its DER: `x5t#S256` (RFC 8705 §3.1).
    pub thumbprint: Thumbprint,
    /// The DER of its `SubjectPublicKeyInfo`.
    pub spki: Vec<u8>,
    /// Its subject; `None` where an attribute of it does not read. Then it is nobody's.
    pub subject: Option<DistinguishedName>,
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

/// The one name by which a client's certificates are told under `tls_client_auth` (RFC 8705 §2.1.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CertificateName {
    /// `tls_client_auth_subject_dn`: RFC 4514 text.
    SubjectDn(String),
    /// `tls_client_auth_san_dns`.
    SanDns(String),
    /// `tls_client_auth_san_uri`.
    SanUri(String),
    /// `tls_client_auth_san_ip`.
    SanIp(std::net::IpAddr),
    /// `tls_client_auth_san_email`.
    SanEmail(String),
}

impl CertificateName {
    /// The client metadata member that carries it, and its text (RFC 8705 §2.1.2).
    pub fn member(&self) -> (&'static str, String) {
        match self {
            Self::SubjectDn(text) => ("tls_client_auth_subject_dn", text.clone()),
            Self::SanDns(text) => ("tls_client_auth_san_dns", text.clone()),
            Self::SanUri(text) => ("tls_client_auth_san_uri", text.clone()),
            Self::SanIp(ip) => ("tls_client_auth_san_ip", ip.to_string()),
            Self::SanEmail(text) => ("tls_client_auth_san_email", text.clone()),
        }
    }

    /// What is wrong with its text, if anything: the rule that it breaks.
    pub fn problem(&self) -> Option<&'static str> {
        let plain =
            |text: &str| (1..=1024).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        let (fits, rule) = match self {
            Self::SubjectDn(text) => (
                DistinguishedName::parse(text).is_some(),
                "must be a distinguished name such as CN=client1,O=Bank,C=NO, the most significant part last (RFC 4514)",
            ),
            Self::SanDns(name) => {
                (plain(name) && !name.contains('*'), "must be a host name without wildcards")
            }
            Self::SanUri(uri) => (plain(uri) && uri.contains(':'), "must be a URI"),
            Self::SanEmail(address) => {
                (plain(address) && address.contains('@'), "must be an address such as ops@bank.example")
            }
            Self::SanIp(_) => (true, ""),
        };
        (!fits).then_some(rule)
    }

    /// Whether a certificate has it. Host names, and what follows an address's `@`, know no case (RFC 5280 §7.2, §7.5);
    /// wildcards mean nothing here.
    pub fn is_of(&self, certificate: &PeerCertificate) -> bool {
        let any = |matches: &dyn Fn(&AltName) -> bool| certificate.alt_names.iter().any(matches);
        match self {
            Self::SubjectDn(text) => {
                let name = DistinguishedName::parse(text);
                name.is_some() && name == certificate.subject
            }
            Self::SanDns(name) => {
                any(&|other| matches!(other, AltName::Dns(other) if other.eq_ignore_ascii_case(name)))
            }
            Self::SanUri(uri) => any(&|other| matches!(other, AltName::Uri(other) if other == uri)),
            Self::SanIp(ip) => any(&|other| matches!(other, AltName::Ip(other) if other == ip)),
            Self::SanEmail(address) => {
                any(&|other| matches!(other, AltName::Email(other) if same_address(other, address)))
            }
        }
    }
}

fn same_address(one: &str, other: &str) -> bool {
    let (Some((name, host)), Some((other_name, other_host))) = (one.rsplit_once('@'), other.rsplit_once('@'))
    else {
        return false;
    };
    name == other_name && host.eq_ignore_ascii_case(other_host)
}

/// Why a certificate's chain is not trusted. Closed, and quoting nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChainProblem {
    /// The tenant trusts nobody.
    NoTruststore,
    /// It leads to no authority of the truststore, or a signature in it is wrong.
    Untrusted,
    /// It, or an authority above it, has expired. The signatures are good.
    Expired,
    /// It, or an authority above it, is not yet valid. The signatures are good.
    NotYetValid,
    /// It, or an authority above it, is not meant for this: key usage, extended key usage, basic constraints, path
    /// length, name constraints, an extension that must be understood.
    Purpose,
    /// A key or a digest in it is too weak.
    Weak,
    /// It, or an authority above it, was revoked.
    Revoked,
    /// No revocation list that holds now says anything of it, or of an authority above it.
    RevocationUnknown,
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
