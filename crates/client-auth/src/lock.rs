//! Locks of chosen secrets, per client and source (DECISIONS 5.6). Client ids are public: a lock for all
//! addresses would let anyone shut a client out.

use domain::{AuthenticationPolicy, SourceFailures, Timestamp, Ttl};

/// Failures in a row that lock a source when the client's policy is gone: `AT_SYSLOG`'s (CONTRACT 7.2).
const THRESHOLD: i64 = 5;
/// How long a lock lasts when the policy names no time.
const LOCK: Ttl = Ttl::from_secs(300);
/// How long failures are remembered after the last one.
const MEMORY: Ttl = Ttl::from_secs(3600);

/// Whether the source is locked out at `now`.
pub(crate) fn is_locked(failures: Option<SourceFailures>, now: Timestamp) -> bool {
    failures.and_then(|seen| seen.locked_until).is_some_and(|until| !until.has_passed(now))
}

/// The counter after one more failure. One that expired, or whose lock has run out, counts from zero.
pub(crate) fn after_failure(
    seen: Option<SourceFailures>,
    policy: Option<&AuthenticationPolicy>,
    now: Timestamp,
) -> SourceFailures {
    let over = |seen: &SourceFailures| {
        seen.expires_at.has_passed(now) || seen.locked_until.is_some_and(|until| until.has_passed(now))
    };
    let before = seen.filter(|seen| !over(seen)).map_or(0, |seen| seen.consecutive);
    let consecutive = before.saturating_add(1);
    let threshold = policy.map_or(THRESHOLD, |policy| policy.disable_threshold);
    let locked_until = (threshold > 0 && consecutive >= threshold).then(|| now.plus(duration(policy)));
    let forgotten = now.plus(MEMORY);
    let expires_at = locked_until.map_or(forgotten, |until| until.max(forgotten));
    SourceFailures { consecutive, locked_until, expires_at }
}

fn duration(policy: Option<&AuthenticationPolicy>) -> Ttl {
    let seconds = policy.map_or(-1, |policy| policy.auto_unlock_seconds);
    if seconds > 0 { Ttl::from_secs(seconds) } else { LOCK }
}
