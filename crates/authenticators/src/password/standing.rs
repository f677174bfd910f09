//! Where an attempt stands before its password is compared.

use domain::{Authenticator, AuthenticatorStatus, FailureReason, Timestamp, Ttl, UserStatus};

use super::Attempt;

/// An authenticator that may be tried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ready<'a> {
    /// It.
    pub(super) authenticator: &'a Authenticator,
    /// Failures in a row that still count: none after a lock that has run out.
    pub(super) failed: i64,
}

/// Why the password need not be compared.
#[derive(Clone, Copy, Debug)]
pub(super) enum Obstacle<'a> {
    /// It could not help.
    Settled(FailureReason),
    /// It cannot be the password: that counts as a failed attempt.
    Counted(FailureReason, Ready<'a>),
}

/// Whether the attempt's password is worth a comparison; the reasons of DECISIONS 4.2 in their order.
pub(super) fn standing<'a>(attempt: &Attempt<'a>, now: Timestamp) -> Result<Ready<'a>, Obstacle<'a>> {
    let ready = usable(attempt, now).map_err(Obstacle::Settled)?;
    let length = attempt.password.expose().chars().count();
    let rules = &attempt.policy.password_policy;
    if length < rules.min_length || length > rules.max_length {
        return Err(Obstacle::Counted(FailureReason::LengthMismatch, ready));
    }
    Ok(ready)
}

fn usable<'a>(attempt: &Attempt<'a>, now: Timestamp) -> Result<Ready<'a>, FailureReason> {
    let policy = attempt.policy;
    let user = attempt.user.ok_or(FailureReason::UserNotFound)?;
    if user.status == UserStatus::Disabled {
        return Err(FailureReason::UserDisabled);
    }
    let authenticator = attempt.authenticator.ok_or(FailureReason::AuthenticatorNotFound)?;
    let failed = match authenticator.locked_at {
        None => authenticator.statistics.consecutive_failed,
        Some(at)
            if policy.auto_unlock_seconds > 0
                && at.plus(Ttl::from_secs(policy.auto_unlock_seconds)).has_passed(now) =>
        {
            0
        }
        Some(_) => return Err(FailureReason::AuthenticatorDisabled),
    };
    if authenticator.status == AuthenticatorStatus::Disabled {
        return Err(FailureReason::AuthenticatorDisabled);
    }
    if !authenticator.valid_from.has_passed(now) {
        return Err(FailureReason::NotYetValid);
    }
    if authenticator.valid_until.has_passed(now) {
        return Err(FailureReason::Expired);
    }
    if used_up(authenticator.uses, policy.default_expiry_threshold) {
        return Err(FailureReason::MaximumUses);
    }
    if used_up(authenticator.password.uses, policy.password_maximum_uses) {
        return Err(FailureReason::PasswordMaximumUses);
    }
    let on_channel = attempt.channel.is_some_and(|channel| policy.channels.contains(channel));
    if !policy.channels.is_empty() && !on_channel {
        return Err(FailureReason::ChannelBlocked);
    }
    Ok(Ready { authenticator, failed })
}

/// Whether a maximum is reached; a negative one is none.
const fn used_up(uses: i64, most: i64) -> bool {
    most >= 0 && uses >= most
}
