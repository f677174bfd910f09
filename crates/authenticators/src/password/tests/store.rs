//! The host's loop: facts, decision, apply; again on a conflict.

use domain::port::{Apply, AuthenticatorLookup};
use domain::{Applied, FailureReason, Ttl};
use proptest::prelude::*;
use testkit::{MemoryStore, policy_code};

use super::*;

/// A world whose authenticator lives in a store.
fn stored(world: &World) -> MemoryStore {
    let store = MemoryStore::new();
    store.user_insert(world.user.clone().unwrap());
    store.authenticator_insert(world.authenticator.clone().unwrap());
    store
}

fn look(world: &mut World, store: &mut MemoryStore) {
    let id = world.user.as_ref().unwrap().id;
    world.authenticator = store.authenticator(id, &policy_code("AT_CUSTPW")).unwrap();
}

/// Decides on what `world` holds, and on fresh facts after each conflict; the conclusion and the conflicts.
fn until_written(
    world: &mut World,
    store: &mut MemoryStore,
    password: &str,
) -> (Option<FailureReason>, usize) {
    for conflicts in 0..3 {
        let (reason, writes) = match world.tries(password) {
            Conclusion::Proven { writes, .. } => (None, writes),
            Conclusion::Failed { reason, writes } => (Some(reason), writes),
        };
        if store.apply(&writes).unwrap() == Applied::Committed {
            return (reason, conflicts);
        }
        look(world, store);
    }
    panic!("conflicts without end")
}

#[test]
fn parallel_failures_are_all_counted_and_the_last_one_locks() {
    let mut world = World::new();
    let mut store = stored(&world);
    let stale = world.authenticator.clone();
    let mut reasons = Vec::new();
    for _ in 0..4 {
        world.authenticator.clone_from(&stale);
        reasons.push(until_written(&mut world, &mut store, "wrong-password"));
    }
    assert_eq!(
        reasons,
        [
            (Some(FailureReason::PasswordMismatch), 0),
            (Some(FailureReason::PasswordMismatch), 1),
            (Some(FailureReason::MaximumFailures), 1),
            (Some(FailureReason::AuthenticatorDisabled), 1),
        ]
    );
    look(&mut world, &mut store);
    let statistics = world.held().statistics;
    assert_eq!((statistics.consecutive_failed, statistics.total_failed), (3, 3));
    assert_eq!(store.audit().len(), 4);
}

#[test]
fn parallel_correct_log_ins_do_not_conflict() {
    let mut world = World::new();
    let mut store = stored(&world);
    let stale = world.authenticator.clone();
    for _ in 0..3 {
        world.authenticator.clone_from(&stale);
        assert_eq!(until_written(&mut world, &mut store, "opensesame"), (None, 0));
    }
    look(&mut world, &mut store);
    assert_eq!((world.held().uses, world.held().statistics.total_success), (3, 3));
}

#[test]
fn a_one_time_password_is_used_once_by_parallel_log_ins() {
    let mut world = World::new().with(|w| w.policy.password_maximum_uses = 1);
    let mut store = stored(&world);
    let stale = world.authenticator.clone();
    assert_eq!(until_written(&mut world, &mut store, "opensesame"), (None, 0));
    world.authenticator = stale;
    let second = until_written(&mut world, &mut store, "opensesame");
    assert_eq!(second, (Some(FailureReason::PasswordMaximumUses), 1));
}

#[test]
fn a_password_that_was_changed_meanwhile_is_compared_anew() {
    let mut world = World::new();
    let mut store = stored(&world);
    let stale = world.authenticator.clone();
    let held = stale.as_ref().unwrap();
    let changed = crate::enrol::changed(held, hash("new-password"), &world.policy, world.now());
    let set = domain::AdminWrite::SetPassword {
        user_id: held.user_id,
        policy: policy_code("AT_CUSTPW"),
        credential: changed.credential,
        valid_until: changed.valid_until,
    };
    assert_eq!(store.admin(&[set]), Applied::Committed);
    world.authenticator = stale;
    let old = until_written(&mut world, &mut store, "opensesame");
    assert_eq!(old, (Some(FailureReason::PasswordMismatch), 1));
    look(&mut world, &mut store);
    assert_eq!(until_written(&mut world, &mut store, "new-password"), (None, 0));
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Right,
    Wrong,
    Short,
    Wait(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        Just(Step::Right),
        Just(Step::Wrong),
        Just(Step::Short),
        (1_i64..90).prop_map(Step::Wait),
    ];
    proptest::collection::vec(step, 1..40)
}

proptest! {
    #[test]
    fn counters_fall_only_by_success_or_unlock(
        steps in steps(),
        threshold in -1_i64..5,
        unlock in prop_oneof![Just(-1_i64), 1_i64..60],
    ) {
        let mut world = World::new().with(|w| {
            w.policy.disable_threshold = threshold;
            w.policy.auto_unlock_seconds = unlock;
        });
        let mut store = stored(&world);
        for step in steps {
            look(&mut world, &mut store);
            let before = world.held().clone();
            let (reason, _) = match step {
                Step::Wait(seconds) => {
                    world.clock.advance(Ttl::from_secs(seconds));
                    continue;
                }
                Step::Right => until_written(&mut world, &mut store, "opensesame"),
                Step::Wrong => until_written(&mut world, &mut store, "wrong-password"),
                Step::Short => until_written(&mut world, &mut store, "x"),
            };
            look(&mut world, &mut store);
            let after = world.held().clone();
            let ran_out = before.locked_at.is_some_and(|at| unlock > 0 && at.plus(Ttl::from_secs(unlock)).has_passed(world.now()));
            let counts = |now: &Authenticator| now.statistics.consecutive_failed;
            prop_assert_eq!(reason.is_none(), matches!(step, Step::Right) && (before.locked_at.is_none() || ran_out));
            match reason {
                None => prop_assert_eq!((counts(&after), after.locked_at), (0, None)),
                Some(FailureReason::AuthenticatorDisabled) => {
                    prop_assert!(before.locked_at.is_some() && !ran_out);
                    prop_assert_eq!((counts(&after), after.locked_at), (counts(&before), before.locked_at));
                }
                Some(reason) => {
                    prop_assert_eq!(counts(&after), if ran_out { 1 } else { counts(&before) + 1 });
                    prop_assert_eq!(after.locked_at.is_some(), reason == FailureReason::MaximumFailures);
                    prop_assert_eq!(after.locked_at.is_some(), threshold > 0 && counts(&after) >= threshold);
                }
            }
            prop_assert!(threshold > 0 || after.locked_at.is_none());
        }
    }
}
