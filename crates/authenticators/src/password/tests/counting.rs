use domain::{FailureReason, Ttl};

use super::*;

#[track_caller]
fn counted(writes: &[Write]) -> (i64, bool) {
    match writes {
        [Write::AuthenticatorFailed { failed, locked_at, .. }, Write::Audit(_)] => {
            (*failed, locked_at.is_some())
        }
        other => panic!("not counted: {other:?}"),
    }
}

#[test]
fn the_nth_failure_locks_and_says_so() {
    let rows = [
        (0, FailureReason::PasswordMismatch, (1, false)),
        (1, FailureReason::PasswordMismatch, (2, false)),
        (2, FailureReason::MaximumFailures, (3, true)),
        // The threshold was lowered since.
        (7, FailureReason::MaximumFailures, (8, true)),
    ];
    for (before, expected, after) in rows {
        let world = World::new().with(|w| w.held().statistics.consecutive_failed = before);
        for (password, base) in [("wrong-password", None), ("x", Some(FailureReason::LengthMismatch))] {
            let (reason, writes) = failed(world.tries(password));
            let expected = base.filter(|_| !after.1).unwrap_or(expected);
            assert_eq!((reason, counted(&writes)), (expected, after), "{password} after {before}");
        }
    }
}

#[test]
fn a_failure_names_what_was_seen() {
    let world = World::new().with(|w| w.held().statistics.consecutive_failed = 1);
    let (_, writes) = failed(world.tries("wrong-password"));
    let Some(Write::AuthenticatorFailed { version, seen_failed, seen_locked_at, at, .. }) = writes.first()
    else {
        panic!("{writes:?}")
    };
    assert_eq!((*version, *seen_failed, *seen_locked_at, *at), (1, 1, None, world.now()));
}

#[test]
fn a_locked_authenticator_refuses_the_right_password_and_counts_nothing() {
    for unlock in [-1, 0, 60] {
        let world = World::new().with(|w| {
            w.policy.auto_unlock_seconds = unlock;
            w.held().locked_at = Some(w.clock.now());
        });
        world.clock.advance(Ttl::from_millis(59_999));
        let (reason, writes) = failed(world.tries("opensesame"));
        assert_eq!((reason, writes.len()), (FailureReason::AuthenticatorDisabled, 1));
        assert!(!world.asks_for_a_hash("opensesame"));
    }
}

#[test]
fn a_lock_that_has_run_out_is_no_lock_and_no_failures() {
    let world = World::new().with(|w| {
        w.policy.auto_unlock_seconds = 60;
        w.held().locked_at = Some(w.clock.now());
        w.held().statistics.consecutive_failed = 3;
    });
    let locked_at = world.now();
    world.clock.advance(Ttl::from_secs(60));
    let (reason, writes) = failed(world.tries("wrong-password"));
    assert_eq!((reason, counted(&writes)), (FailureReason::PasswordMismatch, (1, false)));
    let Some(Write::AuthenticatorFailed { seen_failed, seen_locked_at, .. }) = writes.first() else {
        panic!()
    };
    assert_eq!((*seen_failed, *seen_locked_at), (3, Some(locked_at)));
    let (_, writes) = proven(world.tries("opensesame"));
    let Some(Write::AuthenticatorSucceeded { locked_at: seen, .. }) = writes.writes.first() else { panic!() };
    assert_eq!(*seen, Some(locked_at));
}

#[test]
fn no_threshold_never_locks() {
    for threshold in [-1, 0] {
        let world = World::new().with(|w| {
            w.policy.disable_threshold = threshold;
            w.held().statistics.consecutive_failed = 1_000;
        });
        let (reason, writes) = failed(world.tries("wrong-password"));
        assert_eq!((reason, counted(&writes)), (FailureReason::PasswordMismatch, (1_001, false)));
    }
}

#[test]
fn a_success_rests_on_the_uses_only_where_a_limit_does() {
    let rows = [(-1, -1, None), (9, -1, Some((5, 2))), (-1, 9, Some((5, 2)))];
    for (authenticator, password, expected) in rows {
        let world = World::new().with(|w| {
            w.policy.default_expiry_threshold = authenticator;
            w.policy.password_maximum_uses = password;
            w.held().uses = 5;
            w.held().password.uses = 2;
        });
        let (_, writes) = proven(world.tries("opensesame"));
        let Some(Write::AuthenticatorSucceeded { uses, rehash: None, .. }) = writes.writes.first() else {
            panic!()
        };
        assert_eq!(*uses, expected);
    }
}

#[test]
fn an_outdated_hash_is_replaced_on_success() {
    let old = PlainHasher { round: 0 }.hash(&Secret::new("opensesame".to_owned())).unwrap();
    let world = World::new().with(|w| w.held().password.hash = old);
    let (_, writes) = proven(world.tries("opensesame"));
    let Some(Write::AuthenticatorSucceeded { rehash, .. }) = writes.writes.first() else { panic!() };
    assert_eq!(*rehash, Some(hash("opensesame")));
    assert_eq!(counted(&failed(world.tries("wrong-password")).1), (1, false));
}
