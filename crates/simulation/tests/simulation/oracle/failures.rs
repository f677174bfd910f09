//! Counters of failures: exact (DECISIONS 5.6).

use domain::{AuthenticationPolicy, SourceFailures, Timestamp, Ttl, Write};

use super::{Failures, Oracle, Password, Purpose, Verdict, require};

impl Oracle {
    pub(super) fn tried_password(&mut self, purpose: &Purpose<'_>, write: &Write) -> Verdict {
        let Purpose::Login { user, right, policy, now, .. } = purpose else {
            return Err("a password was counted, and nobody tried one".to_owned());
        };
        let enabled = self.users.get(user) == Some(&true);
        let password = self.passwords.get_mut(user).ok_or("a password that is not there")?;
        let row = row(password, policy, *now).ok_or("a locked password was tried")?;
        match write {
            Write::AuthenticatorSucceeded { user_id, version, .. } => {
                require(user_id == user && *right, "a wrong password was right")?;
                require(*version == password.version, "an old password was right")?;
                require(enabled && password.enabled, "a disabled password was right")?;
                require(password.valid_until > *now, "a password was right after its time")?;
                password.failed = 0;
                password.total_success += 1;
            }
            Write::AuthenticatorFailed { user_id, failed, locked_at, .. } => {
                self.done.failures += 1;
                require(user_id == user && !*right, "a right password was wrong")?;
                require(*failed == row + 1, "a failure was lost or counted twice")?;
                let locks = policy.disable_threshold > 0 && *failed >= policy.disable_threshold;
                require(locked_at.is_some() == locks, "a lock at the wrong failure")?;
                password.failed = *failed;
                password.total_failed += 1;
                password.locked_at = locks.then_some(*now);
                return Ok(());
            }
            _ => return Ok(()),
        }
        password.locked_at = None;
        Ok(())
    }

    pub(super) fn tried_secret(&mut self, purpose: &Purpose<'_>, write: &Write) -> Verdict {
        let Purpose::Secret { client, right, policy, now } = purpose else {
            return Err("a client's secret was counted, and nobody tried one".to_owned());
        };
        let before = self.failures.get(client).copied();
        let locked = before.and_then(|failures| failures.locked_until).is_some_and(|until| until > *now);
        require(!locked, "a locked source was tried")?;
        match write {
            Write::SourceFailed { seen, now: counted, .. } => {
                require(!*right, "a right secret was wrong")?;
                require(same(*seen, before), "a failure of a source was counted from something else")?;
                let after = after(before, policy, *now);
                require(
                    same(Some(*counted), Some(after)),
                    "a failure of a source was lost or counted twice",
                )?;
                self.done.failures += 1;
                self.failures.insert((*client).clone(), after);
            }
            Write::SourceSucceeded { .. } => {
                require(*right, "a wrong secret was right")?;
                self.failures.remove(client);
            }
            _ => {}
        }
        Ok(())
    }
}

/// Failures in a row that still count; `None` while it is locked.
fn row(password: &Password, policy: &AuthenticationPolicy, now: Timestamp) -> Option<i64> {
    let unlock = Ttl::from_secs(policy.auto_unlock_seconds);
    match password.locked_at {
        None => Some(password.failed),
        Some(at) if policy.auto_unlock_seconds > 0 && at.plus(unlock) <= now => Some(0),
        Some(_) => None,
    }
}

fn same(told: Option<SourceFailures>, model: Option<Failures>) -> bool {
    let told = told.map(|told| (told.consecutive, told.locked_until, told.expires_at));
    told == model.map(|model| (model.row, model.locked_until, model.expires_at))
}

fn after(before: Option<Failures>, policy: &AuthenticationPolicy, now: Timestamp) -> Failures {
    let counts = |seen: &Failures| seen.expires_at > now && seen.locked_until.is_none_or(|until| until > now);
    let row = before.filter(counts).map_or(1, |seen| seen.row + 1);
    let seconds = if policy.auto_unlock_seconds > 0 { policy.auto_unlock_seconds } else { 300 };
    let locks = policy.disable_threshold > 0 && row >= policy.disable_threshold;
    let locked_until = locks.then(|| now.plus(Ttl::from_secs(seconds)));
    let remembered = now.plus(Ttl::from_secs(3600));
    Failures { row, locked_until, expires_at: locked_until.map_or(remembered, |until| until.max(remembered)) }
}
