//! Sessions.

use domain::Write;

use super::TestStore;
use super::fixture::{
    NOW, Whole, commit, conflict, insert, later, locator, seed, session, session_of, stored_session,
};

/// A taken locator is a conflict, and the row that has it stays as it was.
pub fn a_session_locator_is_taken_once(store: &mut dyn TestStore) {
    seed(store);
    commit(store, vec![insert(session(1))]);
    conflict(store, vec![insert(session_of(10, 1))]);
    assert_eq!(stored_session(store, 1).whole(), Some(session(1)).whole());
}

/// Removing twice is one removal, and removes nothing else.
pub fn a_removed_session_is_gone(store: &mut dyn TestStore) {
    seed(store);
    commit(store, vec![insert(session(1)), insert(session(2))]);
    commit(store, vec![Write::RemoveSession(locator(1))]);
    commit(store, vec![Write::RemoveSession(locator(1)), Write::RemoveSession(locator(77))]);
    assert!(stored_session(store, 1).is_none());
    assert!(stored_session(store, 2).is_some());
    commit(store, vec![insert(session(1))]);
}

/// A touch moves the activity forward only, touches nothing else, and does not bring a session back.
pub fn activity_never_goes_backwards_and_never_resurrects(store: &mut dyn TestStore) {
    seed(store);
    commit(store, vec![insert(session(1)), insert(session(2))]);
    let touch = |seconds| vec![Write::TouchSession { locator: locator(1), at: later(seconds) }];
    for (at, expected) in [(40, 40), (10, 40), (40, 40), (41, 41), (-100, 41)] {
        commit(store, touch(at));
        let read = stored_session(store, 1).expect("the session");
        assert_eq!(read.touched_at, later(expected));
    }
    let mut expected = session(1);
    expected.touched_at = later(41);
    assert_eq!(stored_session(store, 1).whole(), Some(expected).whole());
    assert_eq!(stored_session(store, 2).map(|other| other.touched_at), Some(NOW));
    commit(store, vec![Write::RemoveSession(locator(1))]);
    commit(store, touch(50));
    assert!(stored_session(store, 1).is_none());
}
