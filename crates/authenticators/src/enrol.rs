//! The records that a new or a changed password leads to.

use domain::port::PasswordHash;
use domain::{
    AuthenticationPolicy, Authenticator, AuthenticatorStatus, PasswordCredential, Statistics, Timestamp, Ttl,
    UserId,
};

/// How many earlier passwords are remembered.
const HISTORY: usize = 8;

/// The end of validity where the policy sets none: 9999-12-31T23:59:59Z, the last instant that every date form holds.
const NEVER: Timestamp = Timestamp::from_secs(253_402_300_799);

/// What a change of password writes.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The new credential.
    pub credential: PasswordCredential,
    /// The authenticator's new end of validity.
    pub valid_until: Timestamp,
}

/// A new authenticator with its first password, enabled. `dates` are when it begins and ends to be valid; without
/// them it is valid from `now` for the policy's `defaultValidDaysAdd`.
pub fn new_password(
    policy: &AuthenticationPolicy,
    user_id: UserId,
    hash: PasswordHash,
    now: Timestamp,
    dates: Option<(Timestamp, Timestamp)>,
) -> Authenticator {
    let (valid_from, valid_until) = dates.unwrap_or_else(|| (now, until(now, policy.default_valid_days_add)));
    Authenticator {
        user_id,
        policy: policy.code.clone(),
        status: AuthenticatorStatus::Enabled,
        valid_from,
        valid_until,
        locked_at: None,
        uses: 0,
        statistics: Statistics::default(),
        password: PasswordCredential { hash, version: 1, uses: 0, history: Vec::new() },
    }
}

/// Replaces the password: the next version, no uses yet, the old hash at the head of the history, valid for the
/// policy's `defaultValidDaysEdit` from `now`.
pub fn changed(
    old: &Authenticator,
    hash: PasswordHash,
    policy: &AuthenticationPolicy,
    now: Timestamp,
) -> Changed {
    let old = &old.password;
    let history = std::iter::once(&old.hash).chain(&old.history).take(HISTORY).cloned().collect();
    Changed {
        credential: PasswordCredential { hash, version: old.version.saturating_add(1), uses: 0, history },
        valid_until: until(now, policy.default_valid_days_edit),
    }
}

/// The end of a validity of so many days; a negative number sets none.
fn until(now: Timestamp, days: i64) -> Timestamp {
    if days < 0 { NEVER } else { now.plus(Ttl::from_days(days)).min(NEVER) }
}

#[cfg(test)]
mod tests {
    use testkit::a_policy;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn hash(text: &str) -> PasswordHash {
        PasswordHash::from_phc(text.to_owned())
    }

    #[test]
    fn a_new_password_is_valid_for_the_policys_days() {
        let policy = a_policy("AT_STDPWD").with(|policy| policy.default_valid_days_add = 10).build();
        let made = new_password(&policy, UserId::new(7), hash("a"), NOW, None);
        assert_eq!((made.valid_from, made.valid_until), (NOW, NOW.plus(Ttl::from_days(10))));
        assert_eq!((made.password.version, made.password.uses, made.uses), (1, 0, 0));
        assert_eq!(
            (made.policy, made.status, made.locked_at),
            (policy.code, AuthenticatorStatus::Enabled, None)
        );
    }

    #[test]
    fn dates_that_are_given_win_and_no_limit_ends_with_the_calendar() {
        let dates = (NOW.minus(Ttl::from_days(1)), NOW.plus(Ttl::from_days(1)));
        let policy = a_policy("AT_STDPWD").with(|policy| policy.default_valid_days_add = -1).build();
        let made = new_password(&policy, UserId::new(7), hash("a"), NOW, Some(dates));
        assert_eq!((made.valid_from, made.valid_until), dates);
        assert_eq!(new_password(&policy, UserId::new(7), hash("a"), NOW, None).valid_until, NEVER);
        let endless = a_policy("AT_STDPWD").with(|policy| policy.default_valid_days_add = i64::MAX).build();
        assert_eq!(new_password(&endless, UserId::new(7), hash("a"), NOW, None).valid_until, NEVER);
    }

    #[test]
    fn a_change_starts_a_version_and_remembers_eight_passwords_newest_first() {
        let policy = a_policy("AT_STDPWD").with(|policy| policy.default_valid_days_edit = 30).build();
        let mut held = new_password(&policy, UserId::new(7), hash("0"), NOW, None);
        held.password.uses = 4;
        for round in 1..=10 {
            let change = changed(&held, hash(&round.to_string()), &policy, NOW);
            assert_eq!((change.credential.version, change.credential.uses), (round + 1, 0));
            assert_eq!(change.valid_until, NOW.plus(Ttl::from_days(30)));
            held.password = change.credential;
        }
        let history: Vec<_> = held.password.history.iter().map(PasswordHash::as_phc).collect();
        assert_eq!(history, ["9", "8", "7", "6", "5", "4", "3", "2"]);
    }
}
