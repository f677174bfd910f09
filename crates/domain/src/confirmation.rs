//! To whom a token is bound: only the holder of a key, or of a certificate, can use it (RFC 7800 §3).

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use crate::encoding;

/// A SHA-256 thumbprint: of a JWK (RFC 7638), or of a certificate's DER.
#[derive(Clone, Copy, Debug, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Thumbprint([u8; 32]);

impl Thumbprint {
    /// Wraps 32 bytes that already are a thumbprint.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads base64url without padding; `None` unless it is 32 bytes.
    pub fn parse(text: &str) -> Option<Self> {
        encoding::from_base64url(text)?.try_into().ok().map(Self)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// base64url without padding, as on the wire.
    pub fn to_text(self) -> String {
        encoding::base64url(&self.0)
    }
}

impl PartialEq for Thumbprint {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Thumbprint {}

impl From<Thumbprint> for String {
    fn from(thumbprint: Thumbprint) -> Self {
        thumbprint.to_text()
    }
}

impl TryFrom<String> for Thumbprint {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("a thumbprint is 32 bytes in base64url")
    }
}

/// `cnf`: what whoever uses a token must show, all of it. Never empty: an unbound token has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// The key of a DPoP proof (RFC 9449 §6.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    jkt: Option<Thumbprint>,
    /// The client certificate of the connection (RFC 8705 §3.1).
    #[serde(rename = "x5t#S256", default, skip_serializing_if = "Option::is_none")]
    certificate: Option<Thumbprint>,
}

impl Confirmation {
    /// Binds to what is given; `None` when nothing is.
    pub const fn new(jkt: Option<Thumbprint>, certificate: Option<Thumbprint>) -> Option<Self> {
        match (jkt, certificate) {
            (None, None) => None,
            _ => Some(Self { jkt, certificate }),
        }
    }

    /// The key that proofs must be made with.
    pub const fn jkt(&self) -> Option<&Thumbprint> {
        self.jkt.as_ref()
    }

    /// The certificate that the connection must have.
    pub const fn certificate(&self) -> Option<&Thumbprint> {
        self.certificate.as_ref()
    }

    /// Whether what was shown is everything that is asked for; more does no harm.
    pub fn is_met_by(&self, jkt: Option<&Thumbprint>, certificate: Option<&Thumbprint>) -> bool {
        let key = self.jkt.is_none() || self.jkt.as_ref() == jkt;
        let connection = self.certificate.is_none() || self.certificate.as_ref() == certificate;
        key && connection
    }

    /// What the token answer calls a token bound so (RFC 9449 §5; RFC 8705 §3 leaves it `Bearer`).
    pub const fn token_type(confirmation: Option<&Self>) -> &'static str {
        match confirmation {
            Some(Self { jkt: Some(_), .. }) => "DPoP",
            _ => "Bearer",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thumbprint(n: u8) -> Thumbprint {
        Thumbprint::from_bytes([n; 32])
    }

    #[test]
    fn reads_and_writes_the_members_of_cnf() {
        let both = Confirmation::new(Some(thumbprint(1)), Some(thumbprint(2))).unwrap();
        let text = serde_json::to_string(&both).unwrap();
        let one = thumbprint(1).to_text();
        let two = thumbprint(2).to_text();
        assert_eq!(text, format!("{{\"jkt\":\"{one}\",\"x5t#S256\":\"{two}\"}}"));
        assert_eq!(serde_json::from_str::<Confirmation>(&text).unwrap(), both);
        assert!(serde_json::from_str::<Confirmation>("{\"jkt\":\"AAAA\"}").is_err());
        assert_eq!(Confirmation::new(None, None), None);
    }

    #[test]
    fn everything_that_is_asked_for_must_be_shown() {
        let (one, two) = (thumbprint(1), thumbprint(2));
        let key = Confirmation::new(Some(one), None).unwrap();
        assert!(key.is_met_by(Some(&one), None) && key.is_met_by(Some(&one), Some(&two)));
        assert!(!key.is_met_by(Some(&two), None) && !key.is_met_by(None, Some(&one)));
        let both = Confirmation::new(Some(one), Some(two)).unwrap();
        assert!(both.is_met_by(Some(&one), Some(&two)));
        assert!(!both.is_met_by(Some(&one), None) && !both.is_met_by(None, Some(&two)));
    }

    #[test]
    fn only_a_key_changes_the_token_type() {
        let key = Confirmation::new(Some(thumbprint(1)), None);
        let certificate = Confirmation::new(None, Some(thumbprint(1)));
        assert_eq!(Confirmation::token_type(key.as_ref()), "DPoP");
        assert_eq!(Confirmation::token_type(certificate.as_ref()), "Bearer");
        assert_eq!(Confirmation::token_type(None), "Bearer");
    }
}
