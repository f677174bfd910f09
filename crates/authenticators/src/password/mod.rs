//! Password authenticators: one attempt, judged in two steps around a slow hash.
//!
//! The host asks [`hash_to_check`], does the slow work in a lane of its own (against a dummy for `None`, so that
//! every attempt costs the same), and calls [`conclude`]. When the writes conflict it looks up the facts again and
//! concludes again; what the slow hash found may be used again only if [`hash_to_check`] still names that hash.

mod standing;
mod words;

use domain::port::{PasswordHash, Verified};
use domain::{
    AuditEvent, AuditKind, AuditOutcome, AuthenticationPolicy, Authenticator, ChannelCode, ClientId, Env,
    Evidence, FailureReason, Fault, Origin, Secret, SessionLimits, Timestamp, User, Write, WriteBatch,
};

pub use words::description;

use standing::{Obstacle, standing};

/// One attempt and what it rests on.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// The log-in name as presented.
    pub user_name: &'a str,
    /// The user of that name, looked up no earlier than `authenticator`. Who is disabled gets a new password version
    /// in the same transaction, so that a log-in under way conflicts; with a user from before and an authenticator
    /// from after, it would not.
    pub user: Option<&'a User>,
    /// That user's authenticator under `policy`.
    pub authenticator: Option<&'a Authenticator>,
    /// The policy in force.
    pub policy: &'a AuthenticationPolicy,
    /// The channel it is used on.
    pub channel: Option<&'a ChannelCode>,
    /// The password as presented. Its bytes are compared as they are: Unicode normalisation is the client's matter.
    pub password: &'a Secret,
    /// The client that asks.
    pub client_id: &'a ClientId,
    /// Whether that client has proved itself; a public one has not. Only then is an attempt on an unknown user
    /// worth an audit row (DECISIONS 3.6).
    pub client_proved: bool,
    /// The request, for the audit log.
    pub origin: &'a Origin,
}

/// What the attempt came to, with what must be written before it is told.
#[derive(Debug)]
pub enum Conclusion {
    /// The user has proved themselves.
    Proven {
        /// What may be said of it.
        evidence: Evidence,
        /// To be written first.
        writes: WriteBatch,
    },
    /// They have not.
    Failed {
        /// Why.
        reason: FailureReason,
        /// To be written first.
        writes: WriteBatch,
    },
}

/// The hash to compare the password with. `None`: do the same work against a dummy, because the outcome is settled
/// (no user, no usable authenticator, a wrong channel, an impossible length).
pub fn hash_to_check(attempt: &Attempt<'_>, env: &Env<'_>) -> Option<PasswordHash> {
    standing(attempt, env.now).ok().map(|ready| ready.authenticator.password.hash.clone())
}

/// Judges the attempt after the slow work. `rehash` is the same password under today's parameters, made when
/// `verified` says outdated.
///
/// A wrong password, and one whose length cannot fit, count as failures; at the policy's threshold they lock the
/// authenticator (DECISIONS 5.6). Correct log-ins in parallel do not disturb each other, unless a limit of uses
/// rests on their number.
///
/// # Errors
/// [`Fault::Entropy`] when the audit row can have no key.
pub fn conclude(
    attempt: &Attempt<'_>,
    verified: Verified,
    rehash: Option<PasswordHash>,
    env: &Env<'_>,
) -> Result<Conclusion, Fault> {
    let mismatch = match standing(attempt, env.now) {
        Ok(ready) if verified.matches => {
            let mut writes = WriteBatch::new();
            writes.push(success(attempt, ready.authenticator, rehash.filter(|_| verified.outdated), env));
            writes.push(audit(attempt, AuditOutcome::Success, "", env)?);
            return Ok(Conclusion::Proven { evidence: evidence(attempt.policy, env.now), writes });
        }
        Ok(ready) => Obstacle::Counted(FailureReason::PasswordMismatch, ready),
        Err(obstacle) => obstacle,
    };
    let mut writes = WriteBatch::new();
    let reason = match mismatch {
        Obstacle::Settled(reason) => reason,
        Obstacle::Counted(reason, ready) => {
            let failed = ready.failed.saturating_add(1);
            let threshold = attempt.policy.disable_threshold;
            let locks = threshold > 0 && failed >= threshold;
            writes.push(failure(ready.authenticator, failed, locks, env));
            if locks { FailureReason::MaximumFailures } else { reason }
        }
    };
    if attempt.user.is_some() || attempt.client_proved {
        writes.push(audit(attempt, AuditOutcome::Refused, reason.label(), env)?);
    }
    Ok(Conclusion::Failed { reason, writes })
}

fn evidence(policy: &AuthenticationPolicy, now: Timestamp) -> Evidence {
    Evidence {
        acr: policy.protection_level.to_string(),
        amr: vec!["pwd".to_owned()],
        limits: SessionLimits { inactivity: policy.inactivity(), total: policy.total() },
        policy: policy.code.clone(),
        level_of_assurance: policy.level_of_assurance(),
        auth_time: now,
    }
}

/// Names everything the success rests on: the password's version, the lock, and the uses where a limit counts them.
fn success(
    attempt: &Attempt<'_>,
    seen: &Authenticator,
    rehash: Option<PasswordHash>,
    env: &Env<'_>,
) -> Write {
    let policy = attempt.policy;
    let limited = policy.default_expiry_threshold >= 0 || policy.password_maximum_uses >= 0;
    Write::AuthenticatorSucceeded {
        user_id: seen.user_id,
        policy: seen.policy.clone(),
        version: seen.password.version,
        locked_at: seen.locked_at,
        uses: limited.then_some((seen.uses, seen.password.uses)),
        at: env.now,
        rehash,
    }
}

fn failure(seen: &Authenticator, failed: i64, locks: bool, env: &Env<'_>) -> Write {
    Write::AuthenticatorFailed {
        user_id: seen.user_id,
        policy: seen.policy.clone(),
        version: seen.password.version,
        seen_failed: seen.statistics.consecutive_failed,
        seen_locked_at: seen.locked_at,
        failed,
        locked_at: locks.then_some(env.now),
        at: env.now,
    }
}

fn audit(
    attempt: &Attempt<'_>,
    outcome: AuditOutcome,
    reason: &'static str,
    env: &Env<'_>,
) -> Result<Write, Fault> {
    let event = AuditEvent::new(env, attempt.origin, AuditKind::UserAuthentication, outcome, reason)?
        .client(attempt.client_id.as_str())
        .user(attempt.user_name)
        .detail(attempt.policy.code.as_str());
    Ok(Write::Audit(Box::new(event)))
}

#[cfg(test)]
mod tests;
