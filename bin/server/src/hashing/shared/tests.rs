use std::sync::mpsc;

use super::*;

const HASH: Duration = Duration::from_millis(25);

#[expect(clippy::disallowed_methods, reason = "a test names a tenant")]
fn tenant(id: i64) -> TenantId {
    TenantId::assume(id)
}

fn shared() -> Shared {
    let wait = prometheus::Histogram::with_opts(prometheus::HistogramOpts::new("wait", "wait")).unwrap();
    let bounds = HashBounds { threads: 1, queue: 32, patience: Duration::from_mins(1) };
    Shared::new(bounds, bounds, wait)
}

/// A job that tells where it was run, and when.
fn telling(sender: &mpsc::Sender<(Lane, bool)>) -> Job {
    let sender = sender.clone();
    Box::new(move |_shared, turn| sender.send((turn.lane, turn.late)).unwrap())
}

#[test]
fn who_owes_too_much_has_what_nobody_else_wants_until_that_is_paid() {
    let (shared, (sender, told)) = (shared(), mpsc::channel());
    for _ in 0..1000 {
        shared.failed(tenant(1), HASH);
    }
    assert!(shared.has_room(tenant(1)));
    for id in [1, 2] {
        assert!(shared.push(tenant(id), telling(&sender)));
    }
    for lane in [Lane::Fair, Lane::Leftover] {
        let (job, turn) = shared.pop(lane).unwrap();
        job(&shared, turn);
        assert_eq!(told.recv().unwrap(), (lane, false));
    }
    assert_eq!(shared.lane(tenant(1)), Lane::Leftover);
    assert_eq!(shared.lane(tenant(2)), Lane::Fair);
}

#[test]
fn what_a_lane_learns_is_its_own() {
    let (shared, (sender, _told)) = (shared(), mpsc::channel());
    shared.leftover.learn(Duration::from_mins(10));
    for _ in 0..1000 {
        shared.failed(tenant(1), HASH);
    }
    assert!(shared.push(tenant(1), telling(&sender)), "one may always try");
    assert!(!shared.push(tenant(1), telling(&sender)), "nobody waits for ten minutes");
    assert!(!shared.has_room(tenant(1)));
    for _ in 0..32 {
        assert!(shared.push(tenant(2), telling(&sender)));
    }
}

#[test]
fn what_a_hash_took_is_what_it_ran() {
    let ((), ran) = shared().timed(Lane::Fair, || {
        // Whoever waits does not run.
        let (_sender, receiver) = mpsc::channel::<()>();
        assert!(receiver.recv_timeout(Duration::from_millis(50)).is_err());
    });
    assert!(ran < Duration::from_millis(25), "{ran:?}");
}

#[test]
fn who_owes_too_much_makes_way_for_whoever_wants_the_processor() {
    let (shared, now) = (shared(), instant());
    for _ in 0..1000 {
        shared.failed(tenant(1), HASH);
    }
    shared.learn(Lane::Leftover, (HASH * 6 / 5, HASH), now);
    assert!(shared.has_room(tenant(1)), "a little more is nobody");
    shared.learn(Lane::Fair, (HASH * 9, HASH), now);
    assert!(shared.has_room(tenant(1)), "the others always wait for somebody");
    shared.learn(Lane::Leftover, (HASH * 3 / 2, HASH), now);
    assert!(!shared.has_room(tenant(1)));
    assert!(shared.has_room(tenant(2)));
    assert!(!shared.is_pressed(now + REMEMBERED));
}

#[test]
fn closed_lanes_give_nothing() {
    let (shared, (sender, _told)) = (shared(), mpsc::channel());
    assert!(shared.push(tenant(1), telling(&sender)));
    shared.close();
    assert!(shared.pop(Lane::Fair).is_none() && shared.pop(Lane::Leftover).is_none());
}
