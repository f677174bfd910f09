//! To whom a token is bound: only the holder of a key, or of a certificate, can use it (RFC 7800 §3).

use serde::{Deserialize, Serialize};

use crate::Thumbprint;

/// `cnf`: what whoever uses a token must show, all of it. Never empty: an unbound token has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Members", into = "Members")]
pub struct Confirmation {
    /// The key of a DPoP proof (RFC 9449 §6.1).
    jkt: Option<Thumbprint>,
    /// The client certificate of the connection (RFC 8705 §3.1).
    certificate: Option<Thumbprint>,
}

/// As written in introspection answers, JWTs and rows.
#[derive(Serialize, Deserialize)]
struct Members {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    jkt: Option<String>,
    #[serde(rename = "x5t#S256", default, skip_serializing_if = "Option::is_none")]
    certificate: Option<String>,
}

impl From<Confirmation> for Members {
    fn from(bound: Confirmation) -> Self {
        let text = Thumbprint::to_base64url;
        Self { jkt: bound.jkt.map(text), certificate: bound.certificate.map(text) }
    }
}

impl TryFrom<Members> for Confirmation {
    type Error = &'static str;

    fn try_from(members: Members) -> Result<Self, Self::Error> {
        let read = |text: Option<String>| {
            text.map(|text| Thumbprint::parse(&text).ok_or("a thumbprint is 32 bytes in base64url"))
                .transpose()
        };
        Self::new(read(members.jkt)?, read(members.certificate)?).ok_or("a confirmation is never empty")
    }
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
        Thumbprint::of(&[n])
    }

    #[test]
    fn reads_and_writes_the_members_of_cnf() {
        let both = Confirmation::new(Some(thumbprint(1)), Some(thumbprint(2))).unwrap();
        let text = serde_json::to_string(&both).unwrap();
        let one = thumbprint(1).to_base64url();
        let two = thumbprint(2).to_base64url();
        assert_eq!(text, format!("{{\"jkt\":\"{one}\",\"x5t#S256\":\"{two}\"}}"));
        assert_eq!(serde_json::from_str::<Confirmation>(&text).unwrap(), both);
        assert!(serde_json::from_str::<Confirmation>("{\"jkt\":\"AAAA\"}").is_err());
        assert!(serde_json::from_str::<Confirmation>("{}").is_err());
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
