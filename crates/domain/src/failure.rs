//! `hid_failure.reason` (CONTRACT 10.1), those that password authenticators use (DECISIONS 4.2).

/// Why a user's credentials were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureReason {
    /// 0: the user has no such authenticator.
    AuthenticatorNotFound,
    /// 1: the authenticator is disabled.
    AuthenticatorDisabled,
    /// 2: this attempt reached the maximum of consecutive failures.
    MaximumFailures,
    /// 3: the authenticator's maximum of successful uses is reached.
    MaximumUses,
    /// 4: the policy may not be used on this channel.
    ChannelBlocked,
    /// 7: the authenticator is not yet valid.
    NotYetValid,
    /// 8: the authenticator has expired.
    Expired,
    /// 12: the length cannot fit the policy at all.
    LengthMismatch,
    /// 13: password mismatch.
    PasswordMismatch,
    /// 15: user not found.
    UserNotFound,
    /// 19: the password's maximum of uses is reached.
    PasswordMaximumUses,
    /// 20: device not valid.
    DeviceNotValid,
    /// 36: credential: invalid mode, asynchronous.
    InvalidMode,
    /// 45: user disabled.
    UserDisabled,
}

impl FailureReason {
    /// The number on the wire.
    pub const fn code(self) -> u8 {
        match self {
            Self::AuthenticatorNotFound => 0,
            Self::AuthenticatorDisabled => 1,
            Self::MaximumFailures => 2,
            Self::MaximumUses => 3,
            Self::ChannelBlocked => 4,
            Self::NotYetValid => 7,
            Self::Expired => 8,
            Self::LengthMismatch => 12,
            Self::PasswordMismatch => 13,
            Self::UserNotFound => 15,
            Self::PasswordMaximumUses => 19,
            Self::DeviceNotValid => 20,
            Self::InvalidMode => 36,
            Self::UserDisabled => 45,
        }
    }

    /// What log and audit call it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::AuthenticatorNotFound => "authenticator_not_found",
            Self::AuthenticatorDisabled => "authenticator_disabled",
            Self::MaximumFailures => "maximum_failures_reached",
            Self::MaximumUses => "maximum_uses_reached",
            Self::ChannelBlocked => "channel_blocked",
            Self::NotYetValid => "authenticator_not_yet_valid",
            Self::Expired => "authenticator_expired",
            Self::LengthMismatch => "length_mismatch",
            Self::PasswordMismatch => "password_mismatch",
            Self::UserNotFound => "user_not_found",
            Self::PasswordMaximumUses => "password_maximum_uses",
            Self::DeviceNotValid => "device_not_valid",
            Self::InvalidMode => "invalid_mode",
            Self::UserDisabled => "user_disabled",
        }
    }
}
