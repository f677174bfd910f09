//! What was authorised: the hinge between the engines (BLUEPRINT 4.3).

use serde::{Deserialize, Serialize};

use crate::{ChannelCode, ClientId, PolicyCode, Scopes, SubjectId, Timestamp, Ttl, UserId};

/// A `grant_type` value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum GrantType {
    /// RFC 6749 §4.1. May be listed for a client; the endpoint has it once log-ins exist.
    AuthorizationCode,
    /// RFC 6749 §4.4.
    ClientCredentials,
    /// RFC 6749 §4.3.
    Password,
    /// RFC 6749 §6.
    RefreshToken,
    /// The vendor's: `client_credentials` by `client_secret_pki` (CONTRACT 2).
    #[serde(rename = "urn:hid:oauth:grant-type:client-secret-pki")]
    ClientSecretPki,
}

impl GrantType {
    /// The wire value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::ClientCredentials => "client_credentials",
            Self::Password => "password",
            Self::RefreshToken => "refresh_token",
            Self::ClientSecretPki => "urn:hid:oauth:grant-type:client-secret-pki",
        }
    }
}

/// The user on whose behalf a grant was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantSubject {
    /// The user's internal id.
    pub user_id: UserId,
    /// The log-in name: `sub` in `hid`.
    pub user_name: String,
    /// The stable opaque id: `sub` in `openid`.
    pub subject_id: SubjectId,
}

/// The two limits of a session (DECISIONS 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    /// How long it may lie unused; `None` means for ever.
    pub inactivity: Option<Ttl>,
    /// How long it may live at all.
    pub total: Ttl,
}

/// Whether a grant comes with a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshPolicy {
    /// It does not.
    None,
    /// It opens a family that lives this long.
    NewFamily(Ttl),
}

/// What a user's proof is worth: what the authenticators find, and the grants rest on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The policy's protection level as text (DECISIONS 3.8).
    pub acr: String,
    /// Authentication methods, such as `["pwd"]` (RFC 8176).
    pub amr: Vec<String>,
    /// The limits of a session opened on it.
    pub limits: SessionLimits,
    /// The policy that was satisfied.
    pub policy: PolicyCode,
    /// `LEVEL_OF_ASSURANCE` in `context` (CONTRACT 3.4).
    pub level_of_assurance: String,
    /// When.
    pub auth_time: Timestamp,
}

/// *That* something was authorised, and by what evidence; not how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizedGrant {
    /// Who may use the token.
    pub client_id: ClientId,
    /// On whose behalf; `None` for a machine.
    pub subject: Option<GrantSubject>,
    /// What was granted.
    pub scopes: Scopes,
    /// For whom the token is meant, besides the client.
    pub audience: Vec<String>,
    /// Authentication context class (DECISIONS 3.8).
    pub acr: Option<String>,
    /// Authentication methods (RFC 8176).
    pub amr: Vec<String>,
    /// When the user, or the machine, proved itself.
    pub auth_time: Timestamp,
    /// The limits of the session to open.
    pub limits: SessionLimits,
    /// Whether a refresh token goes with it.
    pub refresh: RefreshPolicy,
    /// The policy that was satisfied.
    pub policy: Option<PolicyCode>,
    /// The channel that was used.
    pub channel: Option<ChannelCode>,
    /// Name → value pairs about the authentication (CONTRACT 3.4).
    pub context: Vec<(String, String)>,
}
