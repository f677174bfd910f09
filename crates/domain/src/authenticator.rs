//! What a user authenticates with (CONTRACT 11.3).

use crate::{PolicyCode, Timestamp, UserId, port::PasswordHash};

/// Whether an administrator lets the authenticator be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthenticatorStatus {
    /// It may be used.
    Enabled,
    /// It may not.
    Disabled,
}

impl AuthenticatorStatus {
    /// The stored and wire value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "ENABLED",
            Self::Disabled => "DISABLED",
        }
    }

    /// Reads a stored value.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "ENABLED" => Some(Self::Enabled),
            "DISABLED" => Some(Self::Disabled),
            _ => None,
        }
    }
}

/// `statistics` of CONTRACT 11.3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Failures in a row. At the policy's threshold the authenticator is locked.
    pub consecutive_failed: i64,
    /// Successes in a row.
    pub consecutive_success: i64,
    /// Successes in all.
    pub total_success: i64,
    /// Failures in all.
    pub total_failed: i64,
    /// The last success.
    pub last_successful: Option<Timestamp>,
    /// The last failure.
    pub last_unsuccessful: Option<Timestamp>,
}

/// The secret of a password authenticator.
#[derive(Clone, Debug)]
pub struct PasswordCredential {
    /// The slow hash of the present password.
    pub hash: PasswordHash,
    /// Grows by one with every change of the password or its hash, and when its user is disabled; preconditions name
    /// it.
    pub version: i64,
    /// Uses of this password.
    pub uses: i64,
    /// Slow hashes of earlier passwords, newest first, at most eight.
    pub history: Vec<PasswordHash>,
}

/// One user's authenticator under one policy.
#[derive(Clone, Debug)]
pub struct Authenticator {
    /// Whose it is.
    pub user_id: UserId,
    /// Under which policy.
    pub policy: PolicyCode,
    /// Set by an administrator.
    pub status: AuthenticatorStatus,
    /// Valid from this instant on.
    pub valid_from: Timestamp,
    /// Valid until before this instant.
    pub valid_until: Timestamp,
    /// When too many failures locked it; `None` when it is not locked.
    pub locked_at: Option<Timestamp>,
    /// Successful uses since the last reset, against `defaultExpiryThreshold`.
    pub uses: i64,
    /// Counters.
    pub statistics: Statistics,
    /// The password.
    pub password: PasswordCredential,
}
