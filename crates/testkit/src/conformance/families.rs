//! Refresh families (DECISIONS 3.4).

use domain::{FamilyEnd, StoredRefresh, Write};

use super::TestStore;
use super::fixture::{
    Whole, commit, conflict, family, insert, later, locator, open_family, rotate, seed, session, session_of,
    stored_refresh, stored_session, token,
};

fn require(family: u32, current: u32) -> Write {
    Write::RequireRefresh { family: locator(family), current: locator(current) }
}

fn end(family: u32) -> Write {
    Write::EndFamily { family: locator(family), end: FamilyEnd::Revoked }
}

/// Both locators of a new family must be free.
pub fn family_and_token_locators_are_taken_once(store: &mut dyn TestStore) {
    seed(store);
    commit(store, vec![open_family(10, 11)]);
    conflict(store, vec![open_family(10, 12)]);
    conflict(store, vec![open_family(20, 11)]);
    assert!(stored_refresh(store, 12).is_none());
    commit(store, vec![open_family(20, 12)]);
    let first = StoredRefresh { token: token(10, 11), family: family(10, 11) };
    assert_eq!(stored_refresh(store, 11).whole(), Some(first).whole());
}

/// A rotation makes the successor current and keeps the spent token with the sealed answer.
pub fn a_rotation_replaces_the_current_token(store: &mut dyn TestStore) {
    seed(store);
    commit(store, vec![open_family(10, 11), open_family(20, 21)]);
    commit(store, vec![rotate(10, 11, 12), insert(session_of(10, 1))]);
    let mut rotated = family(10, 11);
    rotated.current = locator(12);
    rotated.previous = Some(locator(11));
    rotated.rotated_at = Some(later(1));
    rotated.sealed_answer = Some(b"sealed".to_vec());
    for n in [11, 12] {
        let expected = StoredRefresh { token: token(10, n), family: rotated.clone() };
        assert_eq!(stored_refresh(store, n).whole(), Some(expected).whole());
    }
    let untouched = StoredRefresh { token: token(20, 21), family: family(20, 21) };
    assert_eq!(stored_refresh(store, 21).whole(), Some(untouched).whole());
    commit(store, vec![rotate(10, 12, 13)]);
    let previous = stored_refresh(store, 13).and_then(|read| read.family.previous);
    assert_eq!(previous, Some(locator(12)));
}

/// A spent token, one of another family, an unknown family and a taken successor are conflicts.
pub fn only_the_current_token_of_a_family_rotates(store: &mut dyn TestStore) {
    seed(store);
    commit(store, vec![open_family(10, 11), open_family(20, 21)]);
    commit(store, vec![rotate(10, 11, 12)]);
    let before = stored_refresh(store, 12).whole();
    conflict(store, vec![rotate(10, 11, 13)]);
    conflict(store, vec![rotate(10, 21, 13)]);
    conflict(store, vec![rotate(20, 12, 13)]);
    conflict(store, vec![rotate(30, 12, 13)]);
    conflict(store, vec![rotate(10, 12, 21)]);
    conflict(store, vec![rotate(10, 12, 11)]);
    assert!(stored_refresh(store, 13).is_none());
    assert_eq!(stored_refresh(store, 12).whole(), before);
}

/// Requiring the current token of a family holds and changes nothing.
pub fn a_family_can_be_required_without_a_change(store: &mut dyn TestStore) {
    seed(store);
    commit(store, vec![open_family(10, 11), open_family(20, 21)]);
    let before = stored_refresh(store, 11).whole();
    commit(store, vec![require(10, 11), insert(session_of(10, 1))]);
    assert_eq!(stored_refresh(store, 11).whole(), before);
    commit(store, vec![rotate(10, 11, 12)]);
    for (family, current) in [(10, 11), (10, 21), (20, 12), (30, 12)] {
        conflict(store, vec![require(family, current), insert(session_of(10, 2))]);
        assert!(stored_session(store, 2).is_none());
    }
}

/// An end takes the family's sessions and no others, for good.
pub fn an_ended_family_is_of_no_use_and_loses_its_sessions(store: &mut dyn TestStore) {
    seed(store);
    commit(store, vec![open_family(10, 11), open_family(20, 21), insert(session(1))]);
    commit(store, vec![insert(session_of(10, 2)), insert(session_of(10, 3)), insert(session_of(20, 4))]);
    commit(store, vec![end(10)]);
    commit(store, vec![end(10), end(77)]);
    let present: Vec<u32> = (1..5).filter(|n| stored_session(store, *n).is_some()).collect();
    assert_eq!(present, [1, 4]);
    assert_eq!(stored_refresh(store, 11).map(|read| read.family.ended), Some(true));
    assert_eq!(stored_refresh(store, 21).map(|read| read.family.ended), Some(false));
    conflict(store, vec![rotate(10, 11, 12)]);
    conflict(store, vec![require(10, 11)]);
    commit(store, vec![rotate(20, 21, 22)]);
    commit(store, vec![Write::EndFamily { family: locator(20), end: FamilyEnd::Reused }]);
    assert_eq!(stored_refresh(store, 22).map(|read| read.family.ended), Some(true));
}
