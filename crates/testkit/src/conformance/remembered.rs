//! What is remembered for a while.

use domain::{Remembered, RememberedFor, RememberedKey, Write};

use super::TestStore;
use super::fixture::{commit, conflict, insert, later, seed, session, stored_session};

fn id(text: &str) -> Remembered {
    let key = RememberedKey::of(&[text.as_bytes()]);
    Remembered { purpose: RememberedFor::DpopProof, key, expires_at: later(60) }
}

fn known(store: &mut dyn TestStore, id: &Remembered) -> bool {
    store.remembered(id.purpose, &id.key).expect("the store answers")
}

/// What is used up is not used again, and a batch that tries does nothing else either.
pub fn an_identifier_is_used_once(store: &mut dyn TestStore) {
    seed(store);
    assert!(!known(store, &id("a")));
    commit(store, vec![Write::UseOnce(id("a")), insert(session(1))]);
    assert!(known(store, &id("a")) && !known(store, &id("b")));
    conflict(store, vec![Write::UseOnce(id("a"))]);
    conflict(store, vec![insert(session(2)), Write::UseOnce(id("a"))]);
    assert!(stored_session(store, 2).is_none());
    commit(store, vec![Write::UseOnce(id("b"))]);
}

/// One purpose does not answer for another, nor one tenant.
pub fn an_identifier_is_remembered_for_one_purpose(store: &mut dyn TestStore) {
    commit(store, vec![Write::UseOnce(id("a"))]);
    let denied = Remembered { purpose: RememberedFor::DeniedToken, ..id("a") };
    assert!(!known(store, &denied));
    commit(store, vec![Write::UseOnce(denied)]);
    assert!(!known(&mut *store.other_tenant(), &denied));
}

/// Remembering twice is no conflict.
pub fn remembering_twice_is_remembering_once(store: &mut dyn TestStore) {
    let longer = Remembered { expires_at: later(90), ..id("a") };
    commit(store, vec![Write::Remember(id("a"))]);
    commit(store, vec![Write::Remember(longer), Write::Remember(id("a"))]);
    assert!(known(store, &id("a")));
    conflict(store, vec![Write::UseOnce(id("a"))]);
}
