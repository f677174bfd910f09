//! `kill -9` under load: what was told is true, and nothing is half there.

use std::hash::{BuildHasher as _, RandomState};

use crate::{
    disk::{is_long, load::Load, log::Moment, promises::Promises},
    support::Demo,
};

/// The configuration of a server that is meant to be busy.
pub(crate) const BUSY: [(&str, &str); 1] = [("COUNTERSIGN__SECURITY__GUESS_BURST", "1000000")];

/// The same with the time-outs as they are shipped, which tests lengthen for a busy machine.
pub(crate) const SHIPPED: [(&str, &str); 3] = [
    BUSY[0],
    ("COUNTERSIGN__SERVER__MAX_WAIT_MS", "100"),
    ("COUNTERSIGN__DATABASE__COMMIT_TIMEOUT_MS", "1000"),
];

/// A number below `end`, another one each time.
pub(crate) fn chance(end: u64) -> usize {
    usize::try_from(RandomState::new().hash_one(0) % end).unwrap()
}

#[test]
fn what_was_told_survives_kill_9_under_load() {
    let rounds = if is_long() { 50 } else { 5 };
    let mut promises = Promises::default();
    let mut demo = Demo::start_in(tempfile::tempdir().unwrap(), &SHIPPED);
    let mut in_flight = Vec::new();
    for round in 0..rounds {
        let load = Load::start(&demo);
        let moment = Moment::of(round);
        load.wait_for_moment(moment, &demo);
        let data = demo.kill();
        let mut told = load.end();
        println!("{moment:?}; told of machines, users, revocations, and open: {:?}", told.figures());
        in_flight.push(told.unanswered);
        demo = Demo::start_in(data, &BUSY);
        told.assert_kept(&demo, demo.data.path());
        promises.merge_checked(told);
        // Old promises are kept as well; all of them at the end.
        if round % 10 == 9 || round + 1 == rounds {
            promises.assert_kept(&demo, demo.data.path());
        }
    }
    assert_under_load(&in_flight);
}

/// Given how many requests were in flight at each death: in at least half of them some were.
#[track_caller]
pub(crate) fn assert_under_load(in_flight: &[usize]) {
    let busy = in_flight.iter().filter(|count| **count > 0).count();
    assert!(busy * 2 >= in_flight.len(), "it died under load: {in_flight:?}");
}
