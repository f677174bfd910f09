//! Where a client's public keys are.

use serde::{Deserialize, Serialize};

/// A client's public keys: `jwks` or `jwks_uri`, never both (RFC 7591 §2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientKeys {
    /// The JWK set itself (RFC 7517 §5), as JSON text. What of it is usable is for who verifies to say: each key counts
    /// by itself.
    #[serde(rename = "jwks")]
    Inline(String),
    /// Where the set is published.
    #[serde(rename = "jwks_uri")]
    At(String),
}

impl ClientKeys {
    /// The set, if the client gave it.
    pub fn inline(&self) -> Option<&str> {
        match self {
            Self::Inline(text) => Some(text),
            Self::At(_) => None,
        }
    }

    /// Where it is published, if it is fetched.
    pub fn uri(&self) -> Option<&str> {
        match self {
            Self::Inline(_) => None,
            Self::At(uri) => Some(uri),
        }
    }
}
