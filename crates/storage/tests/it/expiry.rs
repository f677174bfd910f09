//! Expiry, in small batches.

use std::collections::BTreeSet;

use domain::port::{Apply, RefreshLookup};
use domain::{
    AdminWrite, Applied, Fault, RegistrationToken, Remembered, RememberedFor, RememberedKey, Scopes,
    SecretDigest, SourceFailures, Timestamp, Write, WriteBatch,
};
use storage::{Expired, TenantStore};
use testkit::{client_id, source};

use crate::records::{CLIENT, NOW, audit, family, fresh, insert, later, locator, seed, session, token};
use crate::support::{Fixture, answer, both, hold_up, submit};

both!(
    sessions_go_in_batches_when_they_have_expired,
    what_lives_stays_whatever_goes_beside_it,
    families_go_after_their_tokens,
    failures_of_sources_go,
    remembered_identifiers_go,
    registration_tokens_go,
    two_nodes_may_expire_at_once,
    what_cannot_be_removed_harms_nobody,
);

fn commit(store: &TenantStore, writes: Vec<Write>) {
    assert_eq!(store.clone().apply(&WriteBatch { writes }).expect("an answer"), Applied::Committed);
}

fn expire(fixture: &Fixture, now: Timestamp, batch: i64) -> Expired {
    fixture.database.system().expire(now, batch).expect("an answer")
}

fn sessions_go_in_batches_when_they_have_expired(fixture: &Fixture) {
    for name in ["one", "two"] {
        let (_, store) = fixture.tenant(name);
        seed(&store);
        for _ in 0..12 {
            commit(&store, vec![insert(fresh())]);
        }
        let mut lives = session(fresh());
        lives.expires_at = later(3601);
        commit(&store, vec![Write::InsertSession(Box::new(lives))]);
    }
    assert_eq!(expire(fixture, later(3599), 10), Expired::default());
    for left in [16, 6] {
        let removed = expire(fixture, later(3600), 10);
        assert_eq!(removed, Expired { sessions: 10, more: true, ..Expired::default() });
        assert_eq!(fixture.raw().count("sessions"), left);
    }
    assert_eq!(expire(fixture, later(3600), 10), Expired { sessions: 4, ..Expired::default() });
    assert_eq!(fixture.raw().count("sessions"), 2);
}

/// Sessions go by stretches of time. Many expire at the same moment here, some at any other, and some live on.
fn what_lives_stays_whatever_goes_beside_it(fixture: &Fixture) {
    let moments = (0..60_i64).map(|n| n * n % 17).chain([9; 40]).chain([30; 5]);
    let stores = ["one", "two"].map(|name| fixture.tenant(name).1);
    stores.iter().for_each(seed);
    let mut all = Vec::new();
    for (moment, store) in moments.zip(stores.iter().cycle()) {
        let mut one = session(fresh());
        one.expires_at = Timestamp::from_millis(later(3600).millis() + moment);
        commit(store, vec![Write::InsertSession(Box::new(one))]);
        all.push(moment);
    }
    for (by, batch) in [(3, 7), (9, 13), (9, 500), (16, 20), (29, 500)] {
        let now = Timestamp::from_millis(later(3600).millis() + by);
        let mut removed = 0;
        loop {
            let some = expire(fixture, now, batch);
            assert!(some.sessions <= u64::try_from(batch).expect("a batch"), "{some:?} of {batch}");
            removed += usize::try_from(some.sessions).expect("a number");
            if !some.more {
                break;
            }
        }
        let before = all.len();
        all.retain(|moment| *moment > by);
        assert_eq!(removed, before - all.len(), "by {by}");
        assert_eq!(fixture.raw().count("sessions"), all.len(), "by {by}");
    }
}

fn remembered_identifiers_go(fixture: &Fixture) {
    for (name, secs) in [("one", 60), ("two", 61)] {
        let (_, store) = fixture.tenant(name);
        for (n, purpose) in (0_u8..).zip([RememberedFor::DpopProof, RememberedFor::DeniedToken]) {
            let key = RememberedKey::of(&[&[n]]);
            commit(&store, vec![Write::Remember(Remembered { purpose, key, expires_at: later(secs) })]);
        }
    }
    assert_eq!(expire(fixture, later(59), 10), Expired::default());
    for (secs, left) in [(60, 2), (61, 0)] {
        let removed = expire(fixture, later(secs), 10);
        assert_eq!(removed, Expired { remembered_ids: 2, ..Expired::default() });
        assert_eq!(fixture.raw().count("remembered_ids"), left);
    }
}

fn registration_tokens_go(fixture: &Fixture) {
    for (name, secs) in [("one", 60), ("two", 61)] {
        let (_, store) = fixture.tenant(name);
        let new = || {
            let token = RegistrationToken {
                locator: locator(fresh()),
                digest: SecretDigest::of(b"x"),
                label: String::new(),
                max_uses: 1,
                uses: 0,
                created_at: NOW,
                expires_at: later(secs),
                scopes: Scopes::default(),
                auth_methods: BTreeSet::new(),
            };
            AdminWrite::InsertRegistrationToken(Box::new(token))
        };
        assert_eq!(store.change(vec![new(), new()], Vec::new()).expect("an answer"), Applied::Committed);
        assert_eq!(store.registration_tokens(None, 10).expect("an answer").len(), 2);
    }
    assert_eq!(expire(fixture, later(59), 10), Expired::default());
    for (secs, left) in [(60, 2), (61, 0)] {
        let removed = expire(fixture, later(secs), 10);
        assert_eq!(removed, Expired { registration_tokens: 2, ..Expired::default() });
        assert_eq!(fixture.raw().count("registration_tokens"), left);
    }
}

fn families_go_after_their_tokens(fixture: &Fixture) {
    let (_, store) = fixture.tenant("acme");
    seed(&store);
    let [f, g] = [fresh(), fresh()];
    let live = fresh();
    let mut spent = fresh();
    commit(&store, vec![family(f, spent, later(60)), family(g, live, later(61))]);
    for _ in 0..6 {
        let next = fresh();
        let rotation = Write::RotateRefresh {
            spent: locator(spent),
            successor: token(f, next, later(60)),
            rotated_at: NOW,
            sealed_answer: Vec::new(),
        };
        commit(&store, vec![rotation]);
        spent = next;
    }
    let removed = expire(fixture, later(60), 4);
    assert_eq!(removed, Expired { refresh_tokens: 4, more: true, ..Expired::default() });
    let removed = expire(fixture, later(60), 4);
    assert_eq!(removed, Expired { refresh_tokens: 3, refresh_families: 1, ..Expired::default() });
    let mut store = store;
    assert!(store.refresh(&locator(spent)).expect("an answer").is_none());
    assert!(store.refresh(&locator(live)).expect("an answer").is_some());
}

fn failures_of_sources_go(fixture: &Fixture) {
    let (_, store) = fixture.tenant("acme");
    seed(&store);
    for (address, expires_at) in [("192.0.2.1", later(10)), ("192.0.2.2", later(11))] {
        let now = SourceFailures { consecutive: 1, locked_until: None, expires_at };
        let failed =
            Write::SourceFailed { client_id: client_id(CLIENT), source: source(address), seen: None, now };
        commit(&store, vec![failed]);
    }
    assert_eq!(expire(fixture, later(10), 10), Expired { source_failures: 1, ..Expired::default() });
    assert_eq!(fixture.raw().texts("SELECT source AS found FROM source_failures"), ["192.0.2.2"]);
}

fn two_nodes_may_expire_at_once(fixture: &Fixture) {
    let (_, store) = fixture.tenant("acme");
    seed(&store);
    for _ in 0..40 {
        commit(&store, vec![insert(fresh())]);
    }
    let node = fixture.node();
    let sweep = |database: &storage::Database| {
        let mut removed = 0;
        loop {
            let some = database.system().expire(later(3600), 5).expect("an answer");
            removed += some.sessions;
            if !some.more {
                return removed;
            }
        }
    };
    let (one, two) = std::thread::scope(|scope| {
        let one = scope.spawn(|| sweep(&node));
        let two = sweep(&fixture.database);
        (one.join().expect("it ends"), two)
    });
    // A node leaves to the other what the other is removing.
    assert_eq!(one + two, 40);
    assert_eq!(fixture.raw().count("sessions"), 0);
}

/// Has `count` sessions, and as many remembered identifiers, that have expired by `later(3600)`.
fn stock(store: &TenantStore, count: u8) {
    for n in 0..count {
        let key = RememberedKey::of(&[&[n]]);
        let id = Remembered { purpose: RememberedFor::DpopProof, key, expires_at: later(3600) };
        commit(store, vec![insert(fresh()), Write::Remember(id)]);
    }
}

/// Submits `batches` while something expires, so that they meet in the committer; what was expired.
fn expire_beside(fixture: &Fixture, store: &TenantStore, batches: u64) -> Expired {
    let held = hold_up(fixture, store);
    let told: Vec<_> = (0..batches).map(|_| submit(store, vec![audit()])).collect();
    std::thread::scope(|scope| {
        let expired = scope.spawn(|| expire(fixture, later(3600), 100));
        // In a file, expiry joins those that wait.
        while !fixture.is_server && fixture.database.counters().queue_length <= batches {
            std::thread::yield_now();
        }
        drop(held);
        assert!(told.iter().all(|told| answer(told) == Ok(Applied::Committed)));
        expired.join().expect("it ends")
    })
}

fn what_cannot_be_removed_harms_nobody(fixture: &Fixture) {
    cannot_be_removed(fixture, "ABORT");
}

/// As SQLite does it when a page cannot be read.
#[test]
fn a_removal_that_ends_its_transaction_fails_nobody_who_was_in_it() {
    cannot_be_removed(&Fixture::sqlite(), "ROLLBACK");
}

fn cannot_be_removed(fixture: &Fixture, how: &str) {
    let (_, store) = fixture.tenant("acme");
    seed(&store);
    stock(&store, 12);
    let (spoil, mend) = if fixture.is_server {
        let refuse = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'no'; END$$;
            CREATE TRIGGER refuse BEFORE DELETE ON sessions FOR EACH ROW EXECUTE FUNCTION refuse()";
        (refuse.to_owned(), "DROP TRIGGER refuse ON sessions")
    } else {
        let refuse =
            format!("CREATE TRIGGER refuse BEFORE DELETE ON sessions BEGIN SELECT RAISE({how}, 'no'); END");
        (refuse, "DROP TRIGGER refuse")
    };
    fixture.raw().run(&spoil).expect("a trigger");
    assert_eq!(expire_beside(fixture, &store, 15), Expired { remembered_ids: 12, ..Expired::default() });
    assert_eq!(fixture.raw().count("sessions"), 12);
    // And by itself, when there is nobody to ride with.
    fixture.database.system().expire(later(3600), 100).expect_err("nothing can be removed");
    fixture.raw().run(mend).expect("the trigger goes");
    assert_eq!(expire(fixture, later(3600), 100), Expired { sessions: 12, ..Expired::default() });
}

/// As where there is room for what others write, but not for all that is removed beside it.
#[test]
fn a_commit_that_fails_with_what_rides_costs_one_group() {
    let fixture = Fixture::bare_sqlite(|config| config.commit_batch = 20);
    fixture.database.migrate().expect("migrations");
    let (_, store) = fixture.tenant("acme");
    seed(&store);
    for _ in 0..12 {
        commit(&store, vec![insert(fresh())]);
    }
    // It fails at COMMIT only.
    let spoil = "CREATE TABLE orphans (parent TEXT REFERENCES numbers (name) DEFERRABLE INITIALLY DEFERRED);
        CREATE TRIGGER spoil BEFORE DELETE ON sessions BEGIN INSERT INTO orphans VALUES ('none'); END";
    fixture.raw().run(spoil).expect("a trigger");
    let held = hold_up(&fixture, &store);
    let first = submit(&store, vec![audit()]);
    std::thread::scope(|scope| {
        let expired = scope.spawn(|| fixture.database.system().expire(later(3600), 100));
        while fixture.database.counters().queue_length < 2 {
            std::thread::yield_now();
        }
        let others: Vec<_> = (0..60).map(|_| submit(&store, vec![audit()])).collect();
        drop(held);
        let told: Vec<_> = std::iter::once(&first).chain(&others).map(answer).collect();
        let failed = told.iter().filter(|told| told.is_err()).count();
        assert!((1..=20).contains(&failed), "{failed} of {}", told.len());
        expired.join().expect("it ends").expect_err("nothing could be removed");
    });
    assert_eq!(fixture.raw().count("sessions"), 12);
}

/// How many transactions SQLite's log holds: frames with a size of the database in them end one (file format, 4.2).
fn transactions(fixture: &Fixture) -> usize {
    let log = std::fs::read(format!("{}-wal", fixture.file().display())).expect("the log");
    let number = |at: usize| {
        let bytes = log.get(at..at + 4).expect("a field").try_into().expect("four bytes");
        u32::from_be_bytes(bytes)
    };
    let frame = 24 + usize::try_from(number(8)).expect("a page's size");
    (32..log.len()).step_by(frame).filter(|at| number(at + 4) > 0).count()
}

#[test]
fn in_a_file_rows_go_in_the_transactions_of_others() {
    let fixture = Fixture::sqlite();
    let (_, store) = fixture.tenant("acme");
    seed(&store);
    for _ in 0..20 {
        commit(&store, vec![insert(fresh())]);
    }
    let before = transactions(&fixture);
    assert_eq!(expire_beside(&fixture, &store, 20), Expired { sessions: 20, ..Expired::default() });
    // That of who held the committer up, and that of the twenty.
    assert_eq!(transactions(&fixture), before + 2);
    assert_eq!(fixture.raw().count("sessions"), 0);
}

/// How often the log was begun anew: so says its head (file format, 4.1).
fn beginnings(fixture: &Fixture) -> Option<u32> {
    let log = std::fs::read(format!("{}-wal", fixture.file().display())).ok()?;
    Some(u32::from_be_bytes(log.get(12..16)?.try_into().ok()?))
}

/// Nobody else may commit for long.
#[test]
fn what_administrators_write_is_moved_out_of_the_log_as_well() {
    let fixture = Fixture::sqlite();
    let (_, store) = fixture.tenant("acme");
    let before = beginnings(&fixture);
    for _ in 0..400 {
        store.reserve_user_ids(1).expect("a number");
        if beginnings(&fixture) > before {
            return;
        }
    }
    panic!("the log was never begun anew");
}

#[test]
fn what_waits_to_be_removed_is_told_when_the_committer_ends() {
    let fixture = Fixture::sqlite();
    let (_, store) = fixture.tenant("acme");
    seed(&store);
    for _ in 0..600 {
        commit(&store, vec![insert(fresh())]);
    }
    let held = hold_up(&fixture, &store);
    std::thread::scope(|scope| {
        let expired = scope.spawn(|| fixture.database.system().expire(later(3600), 600));
        while fixture.database.counters().queue_length == 0 {
            std::thread::yield_now();
        }
        let ending = scope.spawn(|| fixture.database.shut_down());
        drop(held);
        ending.join().expect("it ends");
        // All of it, or that it was not.
        match expired.join().expect("it ends") {
            Ok(expired) => assert_eq!(expired.sessions, 600),
            Err(fault) => assert!(matches!(fault, Fault::Busy(_)), "{fault}"),
        }
    });
}
