//! Correct answers to bad requests.

use crate::{FailureReason, PolicyCode};

/// An `error` value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OAuthErrorCode {
    /// RFC 6749 §5.2.
    InvalidRequest,
    /// RFC 6749 §5.2: 401.
    InvalidClient,
    /// RFC 6749 §5.2.
    InvalidGrant,
    /// RFC 6749 §5.2.
    UnauthorizedClient,
    /// RFC 6749 §5.2.
    UnsupportedGrantType,
    /// RFC 6749 §5.2.
    InvalidScope,
    /// A permission is missing: 403 (DECISIONS 4.3).
    AccessDenied,
    /// RFC 9449 §5 and §7.1: 401 at a resource.
    InvalidDpopProof,
    /// RFC 9449 §8 and §9: 401 at a resource.
    UseDpopNonce,
    /// RFC 8707 §2.
    InvalidTarget,
    /// RFC 6750 §3.1: 401.
    InvalidToken,
    /// RFC 6750 §3.1: 403.
    InsufficientScope,
    /// The vendor's own, with [`Detail::HidError`] (CONTRACT 4.1.5).
    HidError,
    /// RFC 7591 §3.2.2.
    InvalidRedirectUri,
    /// RFC 7591 §3.2.2.
    InvalidClientMetadata,
    /// RFC 7591 §3.2.2.
    UnapprovedSoftwareStatement,
    /// The vendor's own: 409 (CONTRACT 4.16).
    DuplicateClient,
    /// Too many failures: 429 (DECISIONS 4.6).
    TooManyRequests,
}

impl OAuthErrorCode {
    /// The wire value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            Self::AccessDenied => "access_denied",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::UseDpopNonce => "use_dpop_nonce",
            Self::InvalidTarget => "invalid_target",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
            Self::HidError => "hid_error",
            Self::InvalidRedirectUri => "invalid_redirect_uri",
            Self::InvalidClientMetadata => "invalid_client_metadata",
            Self::UnapprovedSoftwareStatement => "unapproved_software_statement",
            Self::DuplicateClient => "duplicate_client",
            Self::TooManyRequests => "temporarily_unavailable",
        }
    }
}

/// What goes with a refusal besides its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Nothing.
    None,
    /// `hid_failure` (password grant in `hid`).
    HidFailure {
        /// `reason`.
        reason: FailureReason,
        /// `authType`.
        auth_type: PolicyCode,
    },
    /// `hid_error.code`.
    HidError(&'static str),
    /// `Retry-After`, seconds.
    RetryAfter(i64),
    /// The error is told in SCIM's words (RFC 7644 §3.12), with this `scimType` if it is not empty.
    Scim(&'static str),
}

/// A refusal: a value, not an `Err`. It may come with writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// `error`.
    pub code: OAuthErrorCode,
    /// `error_description`: the only words a caller sees.
    pub description: &'static str,
    /// What log, audit and metrics call it.
    pub reason: &'static str,
    /// What else the answer carries.
    pub detail: Detail,
}

impl Refusal {
    /// A refusal without detail.
    pub const fn new(code: OAuthErrorCode, reason: &'static str, description: &'static str) -> Self {
        Self { code, description, reason, detail: Detail::None }
    }

    /// The same with detail.
    #[must_use]
    pub fn with(mut self, detail: Detail) -> Self {
        self.detail = detail;
        self
    }
}
