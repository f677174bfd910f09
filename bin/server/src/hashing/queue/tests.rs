use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use super::*;

#[expect(clippy::disallowed_methods, reason = "a test names a tenant")]
fn tenant(id: i64) -> TenantId {
    TenantId::assume(id)
}

fn shared(takes: u64, patience: Duration) -> Shared {
    let wait = prometheus::Histogram::with_opts(prometheus::HistogramOpts::new("wait", "wait")).unwrap();
    let shared = Shared::new(HashBounds { threads: 1, queue: 32, patience }, wait);
    shared.takes.store(takes, Ordering::Relaxed);
    shared
}

/// A job that notes its number, or its lateness as a negative one.
fn noting(notes: &Arc<Mutex<Vec<i32>>>, number: i32) -> Job {
    let notes = Arc::clone(notes);
    Box::new(move |_shared, late| notes.lock().unwrap().push(if late { -number } else { number }))
}

#[test]
fn tenants_take_turns() {
    let (shared, notes) = (shared(0, Duration::from_mins(1)), Arc::default());
    for number in 1..=4 {
        assert!(shared.push(tenant(1), noting(&notes, number)));
    }
    assert!(shared.push(tenant(2), noting(&notes, 10)));
    assert!(shared.push(tenant(2), noting(&notes, 11)));
    for _ in 0..6 {
        let (job, late) = shared.pop().unwrap();
        job(&shared, late);
    }
    assert_eq!(*notes.lock().unwrap(), [1, 10, 2, 11, 3, 4]);
}

#[test]
fn who_would_wait_for_too_long_is_refused_and_others_are_not() {
    let (shared, notes) = (shared(25_000, Duration::from_millis(100)), Arc::default());
    let taken = (0..20).take_while(|_| shared.push(tenant(1), noting(&notes, 1))).count();
    assert_eq!(taken, 5);
    assert!(!shared.has_room(tenant(1)));
    // Another tenant waits for one turn of each of the others per hash of its own.
    let taken = (0..20).take_while(|_| shared.push(tenant(2), noting(&notes, 2))).count();
    assert_eq!(taken, 2);
    assert!(shared.has_room(tenant(3)));
}

/// Beside busy workers a nice thread takes long; nobody would be served if nobody could wait for one hash.
#[test]
fn where_a_hash_takes_longer_than_one_may_wait_two_are_waited_for() {
    let (shared, notes) = (shared(300_000, Duration::from_millis(100)), Arc::default());
    let taken = (0..20).take_while(|_| shared.push(tenant(1), noting(&notes, 1))).count();
    assert_eq!(taken, 3);
    assert!(shared.has_room(tenant(2)));
    shared.takes.store(1_000_001, Ordering::Relaxed);
    assert!(!shared.has_room(tenant(2)), "but not for longer than a second");
}

#[test]
fn a_queue_of_unknown_speed_is_bounded_all_the_same() {
    let (shared, notes) = (shared(0, Duration::from_millis(100)), Arc::default());
    assert_eq!((0..100).take_while(|_| shared.push(tenant(1), noting(&notes, 1))).count(), 32);
    assert!(shared.has_room(tenant(2)));
}

#[test]
fn what_waited_for_too_long_is_not_hashed_any_more() {
    let (shared, notes) = (shared(0, Duration::ZERO), Arc::default());
    assert!(shared.push(tenant(1), noting(&notes, 1)));
    let (job, late) = shared.pop().unwrap();
    job(&shared, late);
    assert_eq!(*notes.lock().unwrap(), [-1]);
}

#[test]
fn a_closed_queue_gives_nothing() {
    let (shared, notes) = (shared(0, Duration::from_mins(1)), Arc::default());
    assert!(shared.push(tenant(1), noting(&notes, 1)));
    shared.close();
    assert!(shared.pop().is_none());
}

#[test]
fn who_owes_too_much_is_served_while_nobody_else_wants_the_room() {
    let (shared, notes) = (shared(25_000, Duration::from_millis(100)), Arc::default());
    for _ in 0..1000 {
        shared.failed(tenant(1), Duration::from_millis(25));
    }
    assert!(shared.has_room(tenant(1)), "the threads are idle");
    assert!(shared.push(tenant(1), noting(&notes, 1)));
    assert!(shared.has_room(tenant(1)), "what waits is its own");
    assert!(shared.push(tenant(2), noting(&notes, 2)));
    assert!(!shared.has_room(tenant(1)), "another one waits");
    assert!(shared.has_room(tenant(2)));
}

#[test]
fn who_owes_too_much_makes_way_for_whoever_wants_the_processor() {
    let shared = shared(25_000, Duration::from_millis(100));
    for _ in 0..1000 {
        shared.failed(tenant(1), Duration::from_millis(25));
    }
    let (hash, now) = (Duration::from_millis(25), instant());
    shared.learn(hash * 6 / 5, hash, now);
    assert!(shared.has_room(tenant(1)), "a little more is nobody");
    shared.learn(hash * 3 / 2, hash, now);
    assert!(!shared.has_room(tenant(1)));
    assert!(shared.has_room(tenant(2)));
    assert!(!shared.is_pressed(now + REMEMBERED));
}

#[test]
fn what_a_hash_took_is_what_it_ran() {
    let shared = shared(0, Duration::from_millis(100));
    let ((), ran) = shared.timed(|| {
        // Whoever waits does not run.
        let (_sender, receiver) = std::sync::mpsc::channel::<()>();
        assert!(receiver.recv_timeout(Duration::from_millis(50)).is_err());
    });
    assert!(ran < Duration::from_millis(25), "{ran:?}");
    assert!(shared.is_pressed(instant()));
}
