//! Batches as a whole: all or nothing, in one tenant.

use std::fmt::Write as _;

use domain::{FamilyEnd, SourceFailures, Write};

use super::TestStore;
use super::fixture::{
    CLIENT, Whole, address, apply, bob, bobs, commit, conflict, event, failed, hash, insert, later, locator,
    open_family, policy, rotate, seed, session, session_of, stored_authenticator, stored_refresh,
    stored_session, succeeded,
};
use crate::client_id;

const COUNTER: SourceFailures =
    SourceFailures { consecutive: 1, locked_until: None, expires_at: later_by_a_day() };

const fn later_by_a_day() -> domain::Timestamp {
    super::fixture::NOW.plus(domain::Ttl::from_days(1))
}

/// Nothing to do is done.
pub fn an_empty_batch_commits(store: &mut dyn TestStore) {
    commit(store, Vec::new());
}

/// Writes take effect in order, within the batch too.
pub fn later_writes_of_a_batch_see_the_earlier(store: &mut dyn TestStore) {
    seed(store);
    conflict(store, vec![insert(session(1)), insert(session(1))]);
    commit(
        store,
        vec![open_family(10, 11), insert(session_of(10, 2)), rotate(10, 11, 12), rotate(10, 12, 13)],
    );
    assert_eq!(stored_refresh(store, 11).map(|read| read.family.current), Some(locator(13)));
    conflict(store, vec![end(10), rotate(10, 13, 14)]);
    commit(store, vec![insert(session_of(10, 3)), end(10)]);
    assert!(stored_session(store, 2).is_none() && stored_session(store, 3).is_none());
    commit(store, vec![failed(0), failed(1), succeeded()]);
    assert_eq!(bobs(store).statistics.total_failed, 2);
    assert_eq!(bobs(store).statistics.consecutive_failed, 0);
    let source =
        |seen, now| Write::SourceFailed { client_id: client_id(CLIENT), source: address(), seen, now };
    commit(
        store,
        vec![source(None, COUNTER), source(Some(COUNTER), SourceFailures { consecutive: 2, ..COUNTER })],
    );
}

fn end(family: u32) -> Write {
    Write::EndFamily { family: locator(family), end: FamilyEnd::Reused }
}

fn touch(n: u32) -> Write {
    Write::TouchSession { locator: locator(n), at: later(77) }
}

/// Everything that the batches of these cases could change, as text.
fn snapshot(store: &mut dyn TestStore) -> String {
    let mut text = String::new();
    for n in 0..50 {
        let (session, refresh) = (stored_session(store, n).whole(), stored_refresh(store, n).whole());
        writeln!(text, "{n} {session} {refresh}").expect("text");
    }
    let authenticator = stored_authenticator(store, bob().id).whole();
    let client = store.client(&client_id(CLIENT)).expect("the store answers");
    let counter = store.source_failures(&client_id(CLIENT), address()).expect("the store answers");
    let mut audit = store.audit_ids().expect("the store answers");
    audit.sort();
    let secrets = client.map(|client| client.secrets).whole();
    writeln!(text, "{authenticator} {secrets} {counter:?} {audit:?}").expect("text");
    text
}

/// One of each write, all of which hold after [`prepare`].
fn harmless() -> Vec<Write> {
    vec![
        insert(session(31)),
        open_family(32, 33),
        rotate(10, 11, 34),
        Write::RequireRefresh { family: locator(20), current: locator(21) },
        end(20),
        Write::RemoveSession(locator(1)),
        touch(2),
        succeeded(),
        Write::SourceFailed {
            client_id: client_id(CLIENT),
            source: address(),
            seen: Some(COUNTER),
            now: SourceFailures { consecutive: 2, ..COUNTER },
        },
        Write::RehashClientSecret {
            client_id: client_id(CLIENT),
            seen: hash("client"),
            hash: hash("rehashed"),
        },
        Write::Audit(Box::new(event(35))),
    ]
}

/// One of each write with a precondition that does not hold after [`prepare`].
fn violations() -> Vec<Write> {
    let mut stale_success = succeeded();
    if let Write::AuthenticatorSucceeded { version, .. } = &mut stale_success {
        *version = 9;
    }
    let unseen = Some(SourceFailures { consecutive: 9, ..COUNTER });
    vec![
        insert(session(2)),
        open_family(10, 41),
        open_family(41, 11),
        rotate(10, 40, 41),
        Write::RequireRefresh { family: locator(10), current: locator(40) },
        stale_success,
        failed(9),
        Write::SourceFailed { client_id: client_id(CLIENT), source: address(), seen: unseen, now: COUNTER },
        Write::SourceFailed { client_id: client_id("unseen"), source: address(), seen: unseen, now: COUNTER },
        Write::SourceSucceeded {
            client_id: client_id(CLIENT),
            source: address(),
            seen: SourceFailures { consecutive: 9, ..COUNTER },
        },
        Write::Audit(Box::new(event(5))),
    ]
}

fn prepare(store: &mut dyn TestStore) {
    seed(store);
    let source = address();
    commit(
        store,
        vec![
            insert(session(1)),
            insert(session(2)),
            open_family(10, 11),
            open_family(20, 21),
            insert(session_of(10, 3)),
            insert(session_of(20, 4)),
            Write::SourceFailed { client_id: client_id(CLIENT), source, seen: None, now: COUNTER },
            Write::Audit(Box::new(event(5))),
        ],
    );
}

/// Whatever comes before or after it in the batch, a violated precondition leaves nothing behind.
pub fn a_violated_precondition_undoes_the_whole_batch(store: &mut dyn TestStore) {
    prepare(store);
    let before = snapshot(store);
    for violation in violations() {
        let name = format!("{violation:?}");
        for at in [0, harmless().len() / 2, harmless().len()] {
            let mut writes = harmless();
            writes.insert(at, violation.clone());
            assert_eq!(apply(store, writes), domain::Applied::Conflict, "{name}");
            assert_eq!(snapshot(store), before, "{name}");
        }
    }
    commit(store, harmless());
    assert_ne!(snapshot(store), before, "the harmless writes would have changed something");
}

/// The same ids in another tenant are other things: nothing is seen, changed or taken.
pub fn nothing_crosses_from_tenant_to_tenant(store: &mut dyn TestStore) {
    prepare(store);
    let before = snapshot(store);
    let mut other = store.other_tenant();
    let other = &mut *other;
    assert!(other.client(&client_id(CLIENT)).expect("the store answers").is_none());
    assert!(other.policy(&policy()).expect("the store answers").is_none());
    assert!(other.user_by_name("bob").expect("the store answers").is_none());
    assert!(stored_session(other, 1).is_none() && stored_refresh(other, 11).is_none());
    assert!(stored_authenticator(other, bob().id).is_none());
    assert!(other.source_failures(&client_id(CLIENT), address()).expect("the store answers").is_none());
    assert!(other.audit_ids().expect("the store answers").is_empty());
    for write in [rotate(10, 11, 12), succeeded(), failed(0)] {
        conflict(other, vec![write]);
    }
    conflict(other, vec![Write::RequireRefresh { family: locator(10), current: locator(11) }]);
    commit(other, vec![end(10), Write::RemoveSession(locator(1)), touch(2)]);
    assert_eq!(snapshot(store), before);
    prepare(other);
    commit(other, harmless());
    assert_eq!(snapshot(store), before);
    assert_ne!(snapshot(other), before);
}
