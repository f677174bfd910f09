use std::time::Duration;

use super::*;

#[expect(clippy::disallowed_methods, reason = "a test names a tenant")]
fn tenant(id: i64) -> TenantId {
    TenantId::assume(id)
}

fn queue(takes: u64, patience: Duration) -> Queue<i32> {
    let queue = Queue::new(HashBounds { threads: 1, queue: 32, patience });
    queue.takes.store(takes, Ordering::Relaxed);
    queue
}

#[test]
fn tenants_take_turns() {
    let queue = queue(0, Duration::from_mins(1));
    for number in 1..=4 {
        assert!(queue.push(tenant(1), number));
    }
    assert!(queue.push(tenant(2), 10));
    assert!(queue.push(tenant(2), 11));
    let order: Vec<i32> = (0..6).map(|_| queue.pop().unwrap().0).collect();
    assert_eq!(order, [1, 10, 2, 11, 3, 4]);
}

#[test]
fn who_would_wait_for_too_long_is_refused_and_others_are_not() {
    let queue = queue(25_000, Duration::from_millis(100));
    let taken = (0..20).take_while(|_| queue.push(tenant(1), 1)).count();
    assert_eq!(taken, 5);
    assert!(!queue.has_room(tenant(1)));
    // Another tenant waits for one turn of each of the others per hash of its own.
    let taken = (0..20).take_while(|_| queue.push(tenant(2), 2)).count();
    assert_eq!(taken, 2);
    assert!(queue.has_room(tenant(3)));
}

/// Beside busy workers a nice thread takes long; nobody would be served if nobody could wait for one hash.
#[test]
fn where_a_hash_takes_longer_than_one_may_wait_two_are_waited_for() {
    let queue = queue(300_000, Duration::from_millis(100));
    let taken = (0..20).take_while(|_| queue.push(tenant(1), 1)).count();
    assert_eq!(taken, 3);
    assert!(queue.has_room(tenant(2)));
    queue.takes.store(1_000_001, Ordering::Relaxed);
    assert!(!queue.has_room(tenant(2)), "but not for longer than a second");
}

#[test]
fn a_queue_of_unknown_speed_is_bounded_all_the_same() {
    let queue = queue(0, Duration::from_millis(100));
    assert_eq!((0..100).take_while(|_| queue.push(tenant(1), 1)).count(), 32);
    assert!(queue.has_room(tenant(2)));
}

#[test]
fn what_waited_for_too_long_is_late() {
    let queue = queue(0, Duration::ZERO);
    assert!(queue.push(tenant(1), 1));
    let (_job, _waited, late) = queue.pop().unwrap();
    assert!(late);
}

#[test]
fn a_closed_queue_gives_nothing() {
    let queue = queue(0, Duration::from_mins(1));
    assert!(queue.push(tenant(1), 1));
    queue.close();
    assert!(queue.pop().is_none());
}
