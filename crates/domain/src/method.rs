//! Client authentication methods.

use serde::{Deserialize, Serialize};

/// How a client proves itself (OpenID Connect Core §9; CONTRACT 2), by its registered name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AuthMethod {
    /// HTTP Basic, both halves form-url-encoded (RFC 6749 §2.3.1).
    ClientSecretBasic,
    /// `client_id` and `client_secret` in the body.
    ClientSecretPost,
    /// A JWT under an HMAC with its secret (OpenID Connect Core §9). Only a generated secret will do.
    ClientSecretJwt,
    /// A JWT that it signed with a key of its own (RFC 7523 §2.2).
    PrivateKeyJwt,
    /// A public client: it names itself and proves nothing.
    None,
    /// A certificate on the connection, under an authority that the tenant trusts (RFC 8705 §2.1).
    TlsClientAuth,
    /// A certificate on the connection that the client has registered (RFC 8705 §2.2).
    SelfSignedTlsClientAuth,
    /// A certificate on the connection that is both: registered, and under an authority that the tenant trusts
    /// (CONTRACT 2.1).
    ClientSecretPki,
}

impl AuthMethod {
    /// Whether the client needs a secret for it.
    pub const fn needs_secret(self) -> bool {
        matches!(self, Self::ClientSecretBasic | Self::ClientSecretPost | Self::ClientSecretJwt)
    }

    /// Whether the client proves itself by a private key that the server never sees.
    pub const fn is_by_key(self) -> bool {
        matches!(
            self,
            Self::PrivateKeyJwt | Self::TlsClientAuth | Self::SelfSignedTlsClientAuth | Self::ClientSecretPki
        )
    }

    /// The registered name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::ClientSecretJwt => "client_secret_jwt",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::None => "none",
            Self::TlsClientAuth => "tls_client_auth",
            Self::SelfSignedTlsClientAuth => "self_signed_tls_client_auth",
            Self::ClientSecretPki => "client_secret_pki",
        }
    }
}
