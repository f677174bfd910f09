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
    Box::new(move |late| notes.lock().unwrap().push(if late { -number } else { number }))
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
        job(late);
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
    job(late);
    assert_eq!(*notes.lock().unwrap(), [-1]);
}

#[test]
fn a_closed_queue_gives_nothing() {
    let (shared, notes) = (shared(0, Duration::from_mins(1)), Arc::default());
    assert!(shared.push(tenant(1), noting(&notes, 1)));
    shared.close();
    assert!(shared.pop().is_none());
}
