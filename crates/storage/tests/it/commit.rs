//! The committer: many batches in one transaction, none of which notices.

use std::sync::mpsc;
use std::thread;

use domain::port::{Apply, RefreshLookup, SessionLookup};
use domain::{Applied, FamilyEnd, Fault, Write, WriteBatch};
use storage::TenantStore;

use crate::records::{audit, event, family, fresh, insert, later, locator, rotate, seed};
use crate::support::{Fixture, Raw, answer, both, hold_up, submit};

both!(
    neighbours_in_a_group_do_not_share_a_conflict,
    what_is_told_is_committed,
    a_panicking_callback_harms_nobody,
    a_full_queue_is_told_at_once,
    what_waits_at_shut_down_is_done,
    a_committer_that_hangs_is_left_behind_at_shut_down,
    nobody_waits_for_ever_when_the_database_goes,
    many_threads_share_commits,
    two_nodes_agree,
    every_statement_is_counted,
    racing_ends_and_inserts_in_opposite_orders_do_not_fail,
);

const COMMITTED: Result<Applied, String> = Ok(Applied::Committed);
const CONFLICT: Result<Applied, String> = Ok(Applied::Conflict);

fn is_there(store: &TenantStore, n: u32) -> bool {
    store.clone().session(&locator(n)).expect("an answer").is_some()
}

fn neighbours_in_a_group_do_not_share_a_conflict(fixture: &Fixture) {
    let (_, store) = fixture.tenant("acme");
    seed(&store);
    let [chain, first, next, unknown] = [fresh(), fresh(), fresh(), fresh()];
    assert_eq!(answer(&submit(&store, vec![family(chain, first, later(60))])), COMMITTED);
    let [a, b, c, d, log] = [fresh(), fresh(), fresh(), fresh(), fresh()];
    let before = fixture.database.counters();
    let held = hold_up(fixture, &store);
    let taken = || Write::Audit(Box::new(event(log, later(0))));
    let batches = [
        vec![insert(a), taken()],
        // Fails at its last write, after others.
        vec![insert(b), audit(), insert(b)],
        // Fails at its first.
        vec![insert(a)],
        vec![insert(c), audit()],
        vec![Write::RequireRefresh { family: locator(chain), current: locator(unknown) }, insert(d)],
        vec![insert(d), taken()],
        vec![rotate(chain, first, next), audit()],
    ];
    let told: Vec<_> = batches.into_iter().map(|batch| submit(&store, batch)).collect();
    assert_eq!(fixture.database.counters().queue_length, 7);
    drop(held);
    let told: Vec<_> = told.iter().map(answer).collect();
    assert_eq!(told, [COMMITTED, CONFLICT, CONFLICT, COMMITTED, CONFLICT, CONFLICT, COMMITTED]);
    assert_eq!([a, b, c, d].map(|n| is_there(&store, n)), [true, false, true, false]);
    let mut store = store;
    let stored = store.refresh(&locator(first)).expect("an answer").expect("the token");
    assert_eq!(stored.family.current, locator(next));
    assert_eq!(
        fixture.raw().count("audit_log"),
        fixture.committers() + 3,
        "held up, and three that committed"
    );
    if !fixture.is_server {
        let after = fixture.database.counters();
        assert_eq!(after.commits - before.commits, 2, "one that was held up, and one for all seven");
        assert_eq!(after.commit_size_sum - before.commit_size_sum, 8);
        assert_eq!(after.batches - before.batches, 4);
        assert_eq!(after.conflicts - before.conflicts, 4);
    }
}

fn what_is_told_is_committed(fixture: &Fixture) {
    let (_, store) = fixture.tenant("acme");
    seed(&store);
    let mut raw = fixture.raw();
    let (tell, told) = mpsc::channel();
    let batch = WriteBatch { writes: vec![insert(fresh()), audit()] };
    // Another connection looks while the committer waits.
    let look = move |outcome: Result<Applied, Fault>| {
        tell.send((outcome.expect("an answer"), raw.count("sessions"))).expect("the test waits");
    };
    store.submit(batch, Box::new(look));
    assert_eq!(told.recv().expect("an answer"), (Applied::Committed, 1));
}

fn a_panicking_callback_harms_nobody(fixture: &Fixture) {
    let (_, store) = fixture.tenant("acme");
    seed(&store);
    let held = hold_up(fixture, &store);
    let [a, b, c] = [fresh(), fresh(), fresh()];
    let first = submit(&store, vec![insert(a)]);
    let writes = vec![insert(b)];
    store.submit(WriteBatch { writes }, Box::new(|_| panic!("a callback of this test panics")));
    let last = submit(&store, vec![insert(c)]);
    drop(held);
    assert_eq!([answer(&first), answer(&last)], [COMMITTED, COMMITTED]);
    assert_eq!(answer(&submit(&store, vec![insert(fresh())])), COMMITTED, "the committer goes on");
    assert_eq!([a, b, c].map(|n| is_there(&store, n)), [true; 3]);
}

fn a_full_queue_is_told_at_once(fixture: &Fixture) {
    let fixture = fixture.like(|config| config.commit_queue = 2);
    let (_, store) = fixture.tenant("acme");
    seed(&store);
    let held = hold_up(&fixture, &store);
    let waiting = [submit(&store, vec![insert(fresh())]), submit(&store, vec![insert(fresh())])];
    let third = fresh();
    let refused = submit(&store, vec![insert(third)]);
    assert_eq!(answer(&refused), Err("the commit queue is busy".to_owned()));
    assert_eq!(answer(&submit(&store, Vec::new())), COMMITTED, "nothing to do needs no room");
    drop(held);
    assert_eq!(waiting.map(|told| answer(&told)), [COMMITTED, COMMITTED]);
    assert!(!is_there(&store, third));
}

fn a_committer_that_hangs_is_left_behind_at_shut_down(fixture: &Fixture) {
    let (_, store) = fixture.tenant("acme");
    seed(&store);
    let held = hold_up(fixture, &store);
    assert!(!fixture.database.shut_down_within(std::time::Duration::from_millis(50)));
    // Whoever drops it does not wait for it either.
    fixture.database.shut_down();
    drop(held);
    assert!(fixture.database.shut_down_within(std::time::Duration::from_secs(30)), "it has come to its end");
}

fn what_waits_at_shut_down_is_done(fixture: &Fixture) {
    let (_, store) = fixture.tenant("acme");
    seed(&store);
    let held = hold_up(fixture, &store);
    let numbers: Vec<u32> = (0..20).map(|_| fresh()).collect();
    let told: Vec<_> = numbers.iter().map(|n| submit(&store, vec![insert(*n)])).collect();
    let database = fixture.database.clone();
    let shutting = thread::spawn(move || database.shut_down());
    drop(held);
    shutting.join().expect("it ends");
    assert!(told.iter().all(|told| answer(told) == COMMITTED));
    let late = answer(&submit(&store, vec![insert(fresh())]));
    assert_eq!(late, Err("the commit queue is busy".to_owned()));
    fixture.database.shut_down();
    let again = fixture.node().tenant(store.tenant_id());
    assert!(numbers.iter().all(|n| is_there(&again, *n)));
    if !fixture.is_server {
        // The log was moved into the file, which holds all of it alone.
        let alone = fixture.file().with_file_name("alone");
        std::fs::copy(fixture.file(), &alone).expect("a copy");
        let mut alone = Raw::open(&format!("sqlite:{}", alone.display()));
        assert_eq!(alone.count("sessions"), numbers.len());
    }
}

fn nobody_waits_for_ever_when_the_database_goes(fixture: &Fixture) {
    let node = fixture.node();
    let (tenant, _) = fixture.tenant("acme");
    seed(&node.tenant(tenant.id));
    let (tell, told) = mpsc::channel();
    let store = node.tenant(tenant.id);
    // The last handle of this node goes in a committer's thread.
    let writes = vec![insert(fresh())];
    let last = store.clone();
    let callback = move |outcome| {
        drop(last);
        tell.send(outcome).expect("the test waits");
    };
    store.submit(WriteBatch { writes }, Box::new(callback));
    drop((node, store));
    assert_eq!(answer(&told), COMMITTED);
}

fn many_threads_share_commits(fixture: &Fixture) {
    const THREADS: u32 = 16;
    const EACH: u32 = 25;
    let (_, store) = fixture.tenant("acme");
    seed(&store);
    let before = fixture.database.counters();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            let mut store = store.clone();
            scope.spawn(move || {
                for _ in 0..EACH {
                    let batch = WriteBatch { writes: vec![insert(fresh()), audit()] };
                    assert_eq!(store.apply(&batch).expect("an answer"), Applied::Committed);
                }
            });
        }
    });
    let after = fixture.database.counters();
    assert_eq!(after.batches - before.batches, u64::from(THREADS * EACH));
    assert!(after.commits - before.commits < u64::from(THREADS * EACH), "{after:?}");
    let sessions = usize::try_from(THREADS * EACH).expect("a number");
    assert_eq!(fixture.raw().count("sessions"), sessions);
    assert_eq!(fixture.raw().count("audit_log"), sessions);
}

fn two_nodes_agree(fixture: &Fixture) {
    let (tenant, store) = fixture.tenant("acme");
    seed(&store);
    let node = fixture.node();
    for _ in 0..30 {
        let [chain, first, x, y] = [fresh(), fresh(), fresh(), fresh()];
        assert_eq!(answer(&submit(&store, vec![family(chain, first, later(60))])), COMMITTED);
        let other = node.tenant(tenant.id);
        let one = submit(&store, vec![rotate(chain, first, fresh()), insert(x), audit()]);
        let two = submit(&other, vec![rotate(chain, first, fresh()), insert(y), audit()]);
        let (one, two) = (answer(&one), answer(&two));
        assert!((one == COMMITTED) != (two == COMMITTED), "{one:?} {two:?}");
        assert_eq!(is_there(&other, x), one == COMMITTED);
        assert_eq!(is_there(&store, y), two == COMMITTED);
    }
}

fn every_statement_is_counted(fixture: &Fixture) {
    let (_, store) = fixture.tenant("acme");
    seed(&store);
    let n = fresh();
    let before = fixture.database.counters();
    assert_eq!(answer(&submit(&store, vec![insert(n), audit()])), COMMITTED);
    assert!(is_there(&store, n));
    let after = fixture.database.counters();
    assert_eq!(after.writes - before.writes, 2);
    assert_eq!(after.reads - before.reads, 1);
    assert_eq!(after.queue_length, 0);
}

fn racing_ends_and_inserts_in_opposite_orders_do_not_fail(fixture: &Fixture) {
    let (tenant, store) = fixture.tenant("acme");
    seed(&store);
    let node = fixture.node();
    let end = |n| Write::EndFamily { family: locator(n), end: FamilyEnd::Revoked };
    for _ in 0..30 {
        let [f, g, t, u] = [fresh(), fresh(), fresh(), fresh()];
        assert_eq!(
            answer(&submit(&store, vec![family(f, t, later(60)), family(g, u, later(60))])),
            COMMITTED
        );
        let one = submit(&store, vec![end(f), end(g)]);
        let two = submit(&node.tenant(tenant.id), vec![end(g), end(f)]);
        assert_eq!([answer(&one), answer(&two)], [COMMITTED, COMMITTED]);
    }
}

/// SQLite counts in the head of its log how often it was begun anew (file format, section 4.1: bytes 12 to 15).
/// Nobody but the checkpointer moves it.
#[test]
fn the_log_is_begun_anew_while_commits_go_on() {
    let fixture = Fixture::sqlite();
    let (_, store) = fixture.tenant("acme");
    seed(&store);
    let begun = || {
        let head = std::fs::read(format!("{}-wal", fixture.file().display())).expect("the log");
        head.get(12..16).map(<[u8]>::to_vec).expect("a head")
    };
    let at_first = begun();
    for _ in 0..400 {
        let told: Vec<_> = (0..64).map(|_| submit(&store, vec![insert(fresh())])).collect();
        assert!(told.iter().all(|told| answer(told) == COMMITTED));
        if begun() != at_first {
            return;
        }
    }
    panic!("the log only grows");
}
