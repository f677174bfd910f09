//! Chosen client secrets, their failures by source, and the audit log.

use domain::{AuditKind, AuditOutcome, ClientId, ClientSecrets, RequestId, SourceFailures, Write};

use super::TestStore;
use super::fixture::{
    CLIENT, Whole, address, client, commit, conflict, event, hash, insert, later, locator, seed, session,
    stored_session,
};
use crate::{client_id, source};

fn counter(consecutive: i64) -> SourceFailures {
    SourceFailures { consecutive, locked_until: None, expires_at: later(300) }
}

fn failed(seen: Option<SourceFailures>, now: SourceFailures) -> Vec<Write> {
    vec![Write::SourceFailed { client_id: client_id(CLIENT), source: address(), seen, now }]
}

fn succeeded(seen: SourceFailures) -> Vec<Write> {
    vec![Write::SourceSucceeded { client_id: client_id(CLIENT), source: address(), seen }]
}

fn stored(store: &mut dyn TestStore) -> Option<SourceFailures> {
    store.source_failures(&client_id(CLIENT), address()).expect("the store answers")
}

/// The counter moves only from what was seen, all of its fields counted.
pub fn failures_of_a_source_are_counted_from_what_was_seen(store: &mut dyn TestStore) {
    seed(store);
    conflict(store, failed(Some(counter(1)), counter(2)));
    conflict(store, succeeded(counter(1)));
    commit(store, failed(None, counter(1)));
    conflict(store, failed(None, counter(1)));
    conflict(store, failed(Some(counter(2)), counter(3)));
    let locked = SourceFailures { locked_until: Some(later(60)), ..counter(2) };
    commit(store, failed(Some(counter(1)), locked));
    conflict(store, failed(Some(counter(2)), counter(3)));
    conflict(store, succeeded(counter(2)));
    conflict(store, succeeded(SourceFailures { expires_at: later(301), ..locked }));
    assert_eq!(stored(store), Some(locked));
    let elsewhere = source("192.0.2.2");
    assert_eq!(store.source_failures(&client_id(CLIENT), elsewhere).expect("the store answers"), None);
    commit(store, succeeded(locked));
    assert_eq!(stored(store), None);
    commit(store, failed(None, counter(1)));
}

fn secrets(store: &mut dyn TestStore) -> ClientSecrets {
    store.client(&client_id(CLIENT)).expect("the store answers").expect("the client").secrets
}

/// A hash that is no longer stored is not replaced; that is no conflict.
pub fn a_client_secret_is_rehashed_only_if_it_is_the_one_seen(store: &mut dyn TestStore) {
    seed(store);
    let rehash =
        |client_id: ClientId, seen| Write::RehashClientSecret { client_id, seen, hash: hash("rehashed") };
    let before = client().1.whole();
    commit(store, vec![rehash(client_id(CLIENT), hash("another")), insert(session(1))]);
    commit(store, vec![rehash(client_id("unknown"), hash("client"))]);
    assert_eq!(secrets(store).whole(), before);
    assert!(stored_session(store, 1).is_some(), "the rest of the batch counts");
    commit(store, vec![rehash(client_id(CLIENT), hash("client"))]);
    assert_eq!(secrets(store).chosen, Some(hash("rehashed")));
}

/// An id is taken once, and the log keeps every event.
pub fn an_audit_id_is_taken_once(store: &mut dyn TestStore) {
    let mut full = event(2);
    full.kind = AuditKind::UserAuthentication;
    full.outcome = AuditOutcome::Success;
    full.client_id = Some(CLIENT.to_owned());
    full.user_name = Some("bob".to_owned());
    full.source = Some(source("2001:db8::1"));
    full.detail.push_str("detail");
    commit(store, vec![Write::Audit(Box::new(event(1))), Write::Audit(Box::new(full))]);
    conflict(store, vec![Write::Audit(Box::new(event(3))), Write::Audit(Box::new(event(1)))]);
    let mut ids = store.audit_ids().expect("the store answers");
    ids.sort();
    assert_eq!(ids, [locator(1), locator(2)]);
}

/// Values from outside do not break the log, however long and whatever they hold.
pub fn giant_values_are_cut_in_the_audit_log(store: &mut dyn TestStore) {
    let mut giant = event(1);
    giant.client_id = Some("é".repeat(100_000));
    giant.user_name = Some(format!("{}\u{1F600}\0\n'; DROP TABLE", "a".repeat(254)));
    giant.detail = "\u{1F600}".repeat(10_000);
    giant.request_id = RequestId::parse(&"r".repeat(128)).expect("a request id");
    commit(store, vec![Write::Audit(Box::new(giant))]);
    assert_eq!(store.audit_ids().expect("the store answers"), [locator(1)]);
}
