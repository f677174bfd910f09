//! Uses and failures of authenticators (DECISIONS 5.6).

use domain::{AdminWrite, Authenticator, AuthenticatorStatus, Timestamp, UserId, Write};

use super::TestStore;
use super::fixture::{
    Whole, administer, authenticator, bobs, commit, conflict, failed, hash, later, policy, seed, succeeded,
};

/// Gives bob another authenticator in the place of the first.
fn replace(store: &mut dyn TestStore, change: impl FnOnce(&mut Authenticator)) {
    let mut new = authenticator();
    change(&mut new);
    let old = AdminWrite::RemoveAuthenticator(new.user_id, policy());
    administer(store, vec![old, AdminWrite::InsertAuthenticator(Box::new(new))]);
}

/// A success counts, ends a row of failures, and ends a lock that was seen.
pub fn a_success_counts_and_unlocks(store: &mut dyn TestStore) {
    seed(store);
    replace(store, |new| {
        new.locked_at = Some(later(1));
        new.statistics.consecutive_failed = 8;
        new.statistics.total_failed = 9;
        new.statistics.last_unsuccessful = Some(later(1));
    });
    let mut write = succeeded();
    if let Write::AuthenticatorSucceeded { locked_at, .. } = &mut write {
        *locked_at = Some(later(1));
    }
    commit(store, vec![write]);
    commit(store, vec![succeeded()]);
    let mut expected = authenticator();
    expected.uses = 2;
    expected.password.uses = 2;
    expected.statistics.consecutive_success = 2;
    expected.statistics.total_success = 2;
    expected.statistics.total_failed = 9;
    expected.statistics.last_successful = Some(later(5));
    expected.statistics.last_unsuccessful = Some(later(1));
    assert_eq!(bobs(store).whole(), expected.whole());
}

/// Another version, another lock, a disabled or absent authenticator: a conflict, and nothing changes.
pub fn a_success_needs_what_was_seen(store: &mut dyn TestStore) {
    seed(store);
    let with = |change: fn(&mut i64, &mut Option<Timestamp>, &mut UserId)| {
        let mut write = succeeded();
        if let Write::AuthenticatorSucceeded { version, locked_at, user_id, .. } = &mut write {
            change(version, locked_at, user_id);
        }
        vec![write]
    };
    let before = bobs(store).whole();
    conflict(store, with(|version, _, _| *version = 2));
    conflict(store, with(|version, _, _| *version = 0));
    conflict(store, with(|_, locked_at, _| *locked_at = Some(later(1))));
    conflict(store, with(|_, _, user_id| *user_id = UserId::new(1)));
    assert_eq!(bobs(store).whole(), before);

    replace(store, |new| new.locked_at = Some(later(1)));
    let before = bobs(store).whole();
    conflict(store, vec![succeeded()]);
    conflict(store, with(|_, locked_at, _| *locked_at = Some(later(2))));
    assert_eq!(bobs(store).whole(), before);

    replace(store, |new| new.status = AuthenticatorStatus::Disabled);
    let before = bobs(store).whole();
    conflict(store, vec![succeeded()]);
    assert_eq!(bobs(store).whole(), before);

    replace(store, |new| new.valid_until = later(5));
    conflict(store, vec![succeeded()]);
    replace(store, |new| new.valid_from = later(6));
    conflict(store, vec![succeeded()]);
    replace(store, |new| (new.valid_from, new.valid_until) = (later(5), later(6)));
    commit(store, vec![succeeded()]);
}

/// A new hash of the same password raises the version, so that nobody replaces what they have not seen.
pub fn a_success_may_bring_a_new_hash(store: &mut dyn TestStore) {
    seed(store);
    let mut write = succeeded();
    if let Write::AuthenticatorSucceeded { rehash, .. } = &mut write {
        *rehash = Some(hash("rehashed"));
    }
    commit(store, vec![write.clone()]);
    let read = bobs(store);
    assert_eq!((read.password.hash.as_phc(), read.password.version), (hash("rehashed").as_phc(), 2));
    assert!(read.password.history.is_empty(), "it is the same password");
    conflict(store, vec![write]);
    conflict(store, vec![succeeded()]);
    conflict(store, vec![failed(0)]);
}

/// Where a limit rests on the uses, both counters must be as seen.
pub fn a_use_limit_rests_on_the_uses_seen(store: &mut dyn TestStore) {
    seed(store);
    let seen = |authenticator, password| {
        let mut write = succeeded();
        if let Write::AuthenticatorSucceeded { uses, .. } = &mut write {
            *uses = Some((authenticator, password));
        }
        vec![write]
    };
    commit(store, seen(0, 0));
    for stale in [seen(0, 0), seen(1, 0), seen(0, 1), seen(2, 2)] {
        conflict(store, stale);
    }
    assert_eq!((bobs(store).uses, bobs(store).password.uses), (1, 1));
    commit(store, seen(1, 1));
    commit(store, vec![succeeded()]);
    assert_eq!((bobs(store).uses, bobs(store).password.uses), (3, 3));
}

/// A failure counts; the one that reaches the threshold locks.
pub fn a_failure_counts_and_locks(store: &mut dyn TestStore) {
    seed(store);
    commit(store, vec![succeeded()]);
    commit(store, vec![failed(0)]);
    let mut write = failed(1);
    if let Write::AuthenticatorFailed { locked_at, .. } = &mut write {
        *locked_at = Some(later(5));
    }
    commit(store, vec![write]);
    let mut expected = authenticator();
    expected.uses = 1;
    expected.password.uses = 1;
    expected.locked_at = Some(later(5));
    expected.statistics.consecutive_failed = 2;
    expected.statistics.total_success = 1;
    expected.statistics.total_failed = 2;
    expected.statistics.last_successful = Some(later(5));
    expected.statistics.last_unsuccessful = Some(later(5));
    assert_eq!(bobs(store).whole(), expected.whole());
}

/// Another version, count or lock, or an absent authenticator: a conflict, and nothing changes.
pub fn a_failure_needs_what_was_seen(store: &mut dyn TestStore) {
    seed(store);
    commit(store, vec![failed(0)]);
    let before = bobs(store).whole();
    conflict(store, vec![failed(0)]);
    conflict(store, vec![failed(2)]);
    let mut writes = [failed(1), failed(1), failed(1)];
    for (n, write) in writes.iter_mut().enumerate() {
        if let Write::AuthenticatorFailed { version, seen_locked_at, user_id, .. } = write {
            match n {
                0 => *version = 2,
                1 => *seen_locked_at = Some(later(1)),
                _ => *user_id = UserId::new(1),
            }
        }
    }
    for write in writes {
        conflict(store, vec![write]);
    }
    assert_eq!(bobs(store).whole(), before);
}
