//! `kill -9` under load: what was told is true, and nothing is half there.

use std::hash::{BuildHasher as _, RandomState};

use crate::{
    disk::{is_long, load::Load, promises::Promises},
    support::Demo,
};

/// The configuration of a server that is meant to be busy.
pub(crate) const BUSY: [(&str, &str); 1] = [("COUNTERSIGN__SECURITY__GUESS_BURST", "1000000")];

/// A number below `end`, another one each time.
pub(crate) fn chance(end: u64) -> usize {
    usize::try_from(RandomState::new().hash_one(0) % end).unwrap()
}

#[test]
fn what_was_told_survives_kill_9_under_load() {
    let rounds = if is_long() { 50 } else { 5 };
    let mut promises = Promises::default();
    let mut demo = Demo::start_in(tempfile::tempdir().unwrap(), &BUSY);
    let mut in_flight = 0;
    for round in 0..rounds {
        let load = Load::start(&demo);
        load.wait_for(40 + chance(100));
        let data = demo.kill();
        let mut told = load.end();
        in_flight += told.figures()[3];
        demo = Demo::start_in(data, &BUSY);
        told.assert_kept(&demo, demo.data.path());
        promises.merge(told);
        // Old promises are kept as well; all of them at the end.
        if round % 10 == 9 || round + 1 == rounds {
            promises.assert_kept(&demo, demo.data.path());
        }
    }
    println!(
        "{rounds} deaths; machines' tokens, users' tokens, revocations told: {:?}; {in_flight} requests were in flight",
        &promises.figures()[..3]
    );
    assert!(in_flight > 0, "it died under load");
}
