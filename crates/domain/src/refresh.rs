//! Refresh tokens and their families (DECISIONS 3.4).

use crate::{
    ChannelCode, ClientId, Confirmation, GrantSubject, Layout, Locator, PolicyCode, Scopes, SecretDigest,
    SessionLimits, Timestamp, Ttl,
};

/// How long the answer of a rotation can be had again.
pub const RETRY_WINDOW: Ttl = Ttl::from_secs(10);

/// One refresh token: a row that is written once. Whether it may be used is its family's matter.
#[derive(Clone, Debug)]
pub struct RefreshToken {
    /// The row's key, and the first part of the token.
    pub locator: Locator,
    /// Digest of the token's secret part.
    pub digest: SecretDigest,
    /// The family it belongs to.
    pub family: Locator,
    /// When the family ends, so that expiry needs no join.
    pub expires_at: Timestamp,
}

/// Why a family ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FamilyEnd {
    /// The client revoked it (RFC 7009).
    Revoked,
    /// A spent token came back (RFC 9700 §4.14.2).
    Reused,
    /// Its user was disabled.
    Disabled,
}

impl FamilyEnd {
    /// The stored value, and the reason in log and audit.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Reused => "reused",
            Self::Disabled => "disabled",
        }
    }
}

/// The chain of refresh tokens that one grant gave rise to. At any time one of them, `current`, may be used.
#[derive(Clone, Debug)]
pub struct RefreshFamily {
    /// The row's key.
    pub locator: Locator,
    /// Whose it is.
    pub client_id: ClientId,
    /// The layout through which it was opened: what is issued from it names the issuer of that one (OpenID Connect Core
    /// §12.2).
    pub layout: Layout,
    /// On whose behalf.
    pub subject: GrantSubject,
    /// Everything that was granted; a refresh may ask for less.
    pub scopes: Scopes,
    /// For whom its access tokens are meant, besides the client.
    pub audience: Vec<String>,
    /// Authentication context class.
    pub acr: Option<String>,
    /// Authentication methods.
    pub amr: Vec<String>,
    /// When the user proved themselves.
    pub auth_time: Timestamp,
    /// The limits of each session opened from it.
    pub limits: SessionLimits,
    /// The policy that was satisfied.
    pub policy: Option<PolicyCode>,
    /// The channel that was used.
    pub channel: Option<ChannelCode>,
    /// Name → value pairs about the authentication.
    pub context: Vec<(String, String)>,
    /// To whom its refresh tokens are bound: a public client's key or certificate (RFC 9449 §5, RFC 8705 §4). Those of
    /// a confidential client are bound to it by its authentication, and have none.
    pub confirmation: Option<Confirmation>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// The token that may be used.
    pub current: Locator,
    /// The token that `current` replaced.
    pub previous: Option<Locator>,
    /// When that happened.
    pub rotated_at: Option<Timestamp>,
    /// The answer of that rotation, sealed under a key derived from the previous token.
    pub sealed_answer: Option<Vec<u8>>,
    /// Whether it has been ended before its time.
    pub ended: bool,
}

/// A refresh token as looked up, with its family.
#[derive(Clone, Debug)]
pub struct StoredRefresh {
    /// The token's row.
    pub token: RefreshToken,
    /// Its family's row.
    pub family: RefreshFamily,
}
