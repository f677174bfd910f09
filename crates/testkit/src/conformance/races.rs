//! Each precondition raced by two handles: what one thread has seen, another may change at any moment.

use std::sync::Barrier;
use std::thread;

use domain::{
    AdminWrite, Applied, FamilyEnd, PasswordCredential, Remembered, RememberedFor, RememberedKey,
    SourceFailures, Write,
};

use super::TestStore;
use super::fixture::{
    CLIENT, address, administer, apply, authenticator, bob, bobs, commit, conflict, failed, hash, insert,
    later, locator, open_family, policy, rotate, seed, session, session_of, stored_refresh, stored_session,
    succeeded,
};
use crate::client_id;

const ROUNDS: u32 = 50;

/// Runs both at once, each with a handle of its own, and tells what became of them.
pub(super) fn race(
    store: &dyn TestStore,
    one: impl FnOnce(&mut dyn TestStore) -> Applied + Send,
    two: impl FnOnce(&mut dyn TestStore) -> Applied + Send,
) -> [Applied; 2] {
    let start = Barrier::new(2);
    let (mut first, mut second) = (store.another(), store.another());
    thread::scope(|scope| {
        let one = scope.spawn(|| {
            start.wait();
            one(&mut *first)
        });
        start.wait();
        let two = two(&mut *second);
        [one.join().expect("the first thread ends"), two]
    })
}

/// Races two batches, of which exactly one must win.
#[track_caller]
fn one_wins(store: &dyn TestStore, one: Vec<Write>, two: Vec<Write>) {
    let ends = race(store, |store| apply(store, one), |store| apply(store, two));
    assert_eq!(ends.iter().filter(|end| **end == Applied::Committed).count(), 1, "{ends:?}");
}

/// Puts a fresh authenticator in the place of bob's.
fn renew(store: &mut dyn TestStore) {
    let old = AdminWrite::RemoveAuthenticator(bob().id, policy());
    administer(store, vec![old, AdminWrite::InsertAuthenticator(Box::new(authenticator()))]);
}

/// One identifier, used by two.
pub fn of_two_uses_of_an_identifier_one_wins(store: &mut dyn TestStore) {
    seed(store);
    for round in 0..ROUNDS {
        let key = RememberedKey::of(&[&round.to_be_bytes()]);
        let id = Remembered { purpose: RememberedFor::DpopProof, key, expires_at: later(60) };
        let [a, b] = [round * 10, round * 10 + 1];
        let batch = |n| vec![Write::UseOnce(id), insert(session(n))];
        one_wins(store, batch(a), batch(b));
        let opened = [a, b].into_iter().filter(|n| stored_session(store, *n).is_some()).count();
        assert_eq!(opened, 1, "the loser opened nothing");
    }
}

/// Two answers to one refresh token.
pub fn of_two_rotations_one_wins(store: &mut dyn TestStore) {
    seed(store);
    for round in 0..ROUNDS {
        let [family, first, a, b, session_a, session_b] = [0, 1, 2, 3, 4, 5].map(|n| round * 10 + n);
        commit(store, vec![open_family(family, first)]);
        one_wins(
            store,
            vec![rotate(family, first, a), insert(session_of(family, session_a))],
            vec![rotate(family, first, b), insert(session_of(family, session_b))],
        );
        let current = stored_refresh(store, first).expect("the family").family.current;
        let winner = [a, b].into_iter().find(|n| stored_refresh(store, *n).is_some()).expect("a successor");
        assert_eq!(current, locator(winner));
        let sessions = [session_a, session_b].map(|n| stored_session(store, n).is_some());
        assert_eq!(sessions, [winner == a, winner == b], "the loser's session was not opened");
    }
}

/// Two wrong passwords at once: the counter may not lose one, nor count to the threshold twice.
pub fn of_two_failures_seen_alike_one_wins(store: &mut dyn TestStore) {
    seed(store);
    for round in 0..i64::from(ROUNDS) {
        one_wins(store, vec![failed(round)], vec![failed(round)]);
        assert_eq!(bobs(store).statistics.consecutive_failed, round + 1);
    }
}

fn source_failed(seen: Option<i64>, now: i64) -> Vec<Write> {
    let counter = |consecutive| SourceFailures { consecutive, locked_until: None, expires_at: later(1) };
    let (client_id, source) = (client_id(CLIENT), address());
    vec![Write::SourceFailed { client_id, source, seen: seen.map(counter), now: counter(now) }]
}

/// The row is there once.
pub fn of_two_first_failures_of_a_source_one_wins(store: &mut dyn TestStore) {
    seed(store);
    for _ in 0..ROUNDS {
        one_wins(store, source_failed(None, 1), source_failed(None, 1));
        let seen =
            store.source_failures(&client_id(CLIENT), address()).expect("the store answers").expect("a row");
        commit(store, vec![Write::SourceSucceeded { client_id: client_id(CLIENT), source: address(), seen }]);
    }
}

/// The counter loses none.
pub fn of_two_failures_of_a_source_seen_alike_one_wins(store: &mut dyn TestStore) {
    seed(store);
    commit(store, source_failed(None, 0));
    for round in 0..i64::from(ROUNDS) {
        one_wins(store, source_failed(Some(round), round + 1), source_failed(Some(round), round + 1));
    }
}

/// A locator is one session.
pub fn of_two_sessions_with_one_locator_one_wins(store: &mut dyn TestStore) {
    seed(store);
    for round in 0..ROUNDS {
        one_wins(store, vec![insert(session(round))], vec![insert(session_of(9, round))]);
        assert!(stored_session(store, round).is_some());
    }
}

/// A limited use is used once.
pub fn of_two_last_uses_one_wins(store: &mut dyn TestStore) {
    seed(store);
    let seen = |round| {
        let mut write = succeeded();
        if let Write::AuthenticatorSucceeded { uses, .. } = &mut write {
            *uses = Some((round, round));
        }
        vec![write]
    };
    for round in 0..i64::from(ROUNDS) {
        one_wins(store, seen(round), seen(round));
        assert_eq!(bobs(store).uses, round + 1);
    }
}

/// A hash replaces only the one that was seen.
pub fn of_two_new_hashes_one_wins(store: &mut dyn TestStore) {
    seed(store);
    let rehashed = |text| {
        let mut write = succeeded();
        if let Write::AuthenticatorSucceeded { rehash, .. } = &mut write {
            *rehash = Some(hash(text));
        }
        vec![write]
    };
    for _ in 0..ROUNDS {
        one_wins(store, rehashed("a"), rehashed("b"));
        assert_eq!(bobs(store).password.version, 2);
        renew(store);
    }
}

/// A password replaces only the one that was seen.
pub fn of_two_new_passwords_one_wins(store: &mut dyn TestStore) {
    seed(store);
    let set = |version, text: &str| {
        let credential = PasswordCredential { hash: hash(text), version, uses: 0, history: Vec::new() };
        let policy = policy();
        vec![AdminWrite::SetPassword { user_id: bob().id, policy, credential, valid_until: later(1) }]
    };
    for round in 0..i64::from(ROUNDS) {
        let [a, b] = [set(round + 2, "a"), set(round + 2, "b")];
        let ends = race(
            store,
            |store| store.admin(a).expect("the store answers"),
            |store| store.admin(b).expect("the store answers"),
        );
        assert_eq!(ends.iter().filter(|end| **end == Applied::Committed).count(), 1, "{ends:?}");
        assert_eq!(bobs(store).password.version, round + 2);
    }
}

/// Correct log-ins side by side never hinder each other (DECISIONS 5.6).
pub fn parallel_successes_all_count(store: &mut dyn TestStore) {
    seed(store);
    for round in 1..=i64::from(ROUNDS) {
        let ends =
            race(store, |store| apply(store, vec![succeeded()]), |store| apply(store, vec![succeeded()]));
        assert_eq!(ends, [Applied::Committed; 2]);
        assert_eq!(bobs(store).statistics.total_success, 2 * round);
    }
}

/// Whichever comes first: nothing of the family is alive afterwards, and nothing can be made of it.
pub fn an_end_and_a_rotation_leave_nothing_alive(store: &mut dyn TestStore) {
    seed(store);
    for round in 0..ROUNDS {
        let [family, first, next, old, new] = [0, 1, 2, 3, 4].map(|n| round * 10 + n);
        commit(store, vec![open_family(family, first), insert(session_of(family, old))]);
        let refresh = vec![rotate(family, first, next), insert(session_of(family, new))];
        let end = vec![Write::EndFamily { family: locator(family), end: FamilyEnd::Reused }];
        let [rotated, ended] = race(store, |store| apply(store, refresh), |store| apply(store, end));
        assert_eq!(ended, Applied::Committed);
        assert_eq!(stored_refresh(store, next).is_some(), rotated == Applied::Committed);
        assert!(stored_refresh(store, first).expect("the family").family.ended);
        assert!(stored_session(store, old).is_none() && stored_session(store, new).is_none());
        for spent in [first, next] {
            conflict(store, vec![rotate(family, spent, round * 10 + 5)]);
        }
    }
}

/// The same where tokens do not rotate.
pub fn an_end_and_a_requirement_leave_nothing_alive(store: &mut dyn TestStore) {
    seed(store);
    for round in 0..ROUNDS {
        let [family, current, new] = [0, 1, 2].map(|n| round * 10 + n);
        commit(store, vec![open_family(family, current)]);
        let required = Write::RequireRefresh { family: locator(family), current: locator(current) };
        let refresh = vec![required, insert(session_of(family, new))];
        let end = vec![Write::EndFamily { family: locator(family), end: FamilyEnd::Revoked }];
        let [_, ended] = race(store, |store| apply(store, refresh), |store| apply(store, end));
        assert_eq!(ended, Applied::Committed);
        assert!(stored_session(store, new).is_none());
    }
}

/// Touches arrive in any order.
pub fn racing_touches_leave_the_latest(store: &mut dyn TestStore) {
    seed(store);
    commit(store, vec![insert(session(1))]);
    let touch = |seconds| vec![Write::TouchSession { locator: locator(1), at: later(seconds) }];
    for round in 1..=i64::from(ROUNDS) {
        let (late, early) = (touch(round * 10), touch(round * 10 - 5));
        let ends = race(store, |store| apply(store, late), |store| apply(store, early));
        assert_eq!(ends, [Applied::Committed; 2]);
        let touched = stored_session(store, 1).expect("the session").touched_at;
        assert_eq!(touched, later(round * 10));
    }
}
