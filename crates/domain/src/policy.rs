//! Authentication policies, `AT_*` (CONTRACT 7.1, 7.2, 5.5).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{ChannelCode, PolicyCode, Ttl};

/// Which characters a password may be made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CharacterRange {
    /// Any.
    #[default]
    Any,
    /// Digits only.
    OnlyNum,
    /// Letters and digits only.
    NumOrAlpha,
}

/// What a password must be like when it is set (CONTRACT 5.5). Lengths count Unicode characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PasswordConstraints {
    /// Shortest length.
    pub min_length: usize,
    /// Longest length.
    pub max_length: usize,
    /// How many different characters there must be.
    pub min_diff_chars: usize,
    /// Which characters are allowed.
    pub character_range: CharacterRange,
    /// At least one upper-case letter.
    pub at_least_one_up: bool,
    /// At least one lower-case letter.
    pub at_least_one_low: bool,
    /// At least one digit.
    pub at_least_one_num: bool,
    /// At least one character that is neither letter nor digit.
    pub at_least_one_special: bool,
    /// No black-listed word in it.
    pub not_black_listed: bool,
    /// None of the last passwords.
    pub not_old_password: bool,
    /// No attribute of the user (name, external id, attribute values of four characters or more) in it.
    pub not_user_attribute: bool,
    /// No run of four characters that ascend, descend or repeat.
    pub not_sequence: bool,
}

impl Default for PasswordConstraints {
    /// Those of `AT_SYSLOG` (CONTRACT 7.2).
    fn default() -> Self {
        Self {
            min_length: 8,
            max_length: 100,
            min_diff_chars: 5,
            character_range: CharacterRange::Any,
            at_least_one_up: false,
            at_least_one_low: false,
            at_least_one_num: false,
            at_least_one_special: false,
            not_black_listed: true,
            not_old_password: true,
            not_user_attribute: true,
            not_sequence: true,
        }
    }
}

/// A gateway that delivers codes out of band; carried for the integrator (CONTRACT 7.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveryGateway {
    /// For people.
    pub display: String,
    /// The gateway's code.
    pub value: String,
}

/// How someone must authenticate, and what follows. Numbers of −1 mean "none", as in the vendor's own attributes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuthenticationPolicy {
    /// `AT_…`.
    pub code: PolicyCode,
    /// Protection level, 1 (low) to 4 (high): the `acr` (DECISIONS 3.8).
    pub protection_level: u8,
    /// `defaultValidDaysAdd`: how long a new authenticator is valid, days.
    pub default_valid_days_add: i64,
    /// `defaultValidDaysEdit`: how long after a change, days.
    pub default_valid_days_edit: i64,
    /// `disableThreshold`: failures in a row that disable the authenticator; −1 none.
    pub disable_threshold: i64,
    /// `autoUnlockSeconds`: when a disabled authenticator works again; −1 only by an administrator.
    pub auto_unlock_seconds: i64,
    /// `defaultExpiryThreshold`: most successful uses of an authenticator; −1 none.
    pub default_expiry_threshold: i64,
    /// Most uses of one password; −1 none. A change of the password starts again.
    pub password_maximum_uses: i64,
    /// `challengeDisableThreshold`: challenges without a valid answer before a reset; −1 none.
    pub challenge_disable_threshold: i64,
    /// `challengeTimeoutPeriod`: seconds a challenge lives; −1 none.
    pub challenge_timeout_period: i64,
    /// Session inactivity time-out, seconds.
    pub inactivity_seconds: i64,
    /// Session total time-out, seconds.
    pub total_seconds: i64,
    /// `deliveryGateways`.
    pub delivery_gateways: Vec<DeliveryGateway>,
    /// Channels it may be used on; empty means all.
    pub channels: BTreeSet<ChannelCode>,
    /// `passwordPolicy`.
    pub password_policy: PasswordConstraints,
}

impl AuthenticationPolicy {
    /// A policy with the vendor's defaults: level 1, 1825 days, 10 minutes and 1 hour, 8 failures.
    pub fn new(code: PolicyCode) -> Self {
        Self {
            code,
            protection_level: 1,
            default_valid_days_add: 1825,
            default_valid_days_edit: 1825,
            disable_threshold: 8,
            auto_unlock_seconds: -1,
            default_expiry_threshold: -1,
            password_maximum_uses: -1,
            challenge_disable_threshold: 8,
            challenge_timeout_period: -1,
            inactivity_seconds: 600,
            total_seconds: 3600,
            delivery_gateways: Vec::new(),
            channels: BTreeSet::new(),
            password_policy: PasswordConstraints::default(),
        }
    }

    /// The total limit of sessions under it.
    pub const fn total(&self) -> Ttl {
        Ttl::from_secs(self.total_seconds)
    }

    /// The inactivity limit of sessions under it; `None` when not positive.
    pub fn inactivity(&self) -> Option<Ttl> {
        (self.inactivity_seconds > 0).then(|| Ttl::from_secs(self.inactivity_seconds))
    }

    /// The name of its assurance level in `context` (CONTRACT 3.4).
    pub fn level_of_assurance(&self) -> String {
        format!("urn:hidaaas:policy:{}", self.code.as_str().to_ascii_lowercase())
    }
}
