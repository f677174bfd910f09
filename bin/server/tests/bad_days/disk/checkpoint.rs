//! The disk fails while SQLite's log is being moved into its file.

use std::time::Duration;

use super::{
    faultfs::{FULL, FaultFs, IO_ERROR, NO_FAULT},
    full, is_long,
    load::Load,
    log::{Moment, generation},
};
use crate::{
    crash::BUSY,
    support::{Demo, wait_for_often},
};

/// What the log says of it.
const WARNING: &str = "the log could not be moved into the database's file";

/// What it says when that may have cost what was moved before.
const LEFT: &str = "the log is left as it is";

/// What becomes of the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    /// It fails on.
    FailsOn,
    /// It is well again, and the log is moved and begun anew.
    BeginsAnew,
    /// It is well again, but the log is left as it is: only that holds what a failed sync may have lost.
    IsLeft,
}

/// The file fails as `begin` says, and its log does not. Clients notice nothing, whatever happens then.
fn fails_to_move(begin: impl Fn(&FaultFs), then: Then) {
    let (demo, disk) = full::start();
    disk.spares_the_log(true);
    begin(&disk);
    let load = Load::start(&demo);
    let (pause, patience) = (Duration::from_millis(1), Duration::from_mins(1));
    let met = wait_for_often(pause, patience, || (disk.faults() > 0).then_some(()));
    assert!(met.is_some(), "the log was not moved after {} answers", load.told());
    load.wait_for(load.told() + 50);
    let log = generation(demo.data.path());
    if then != Then::FailsOn {
        disk.writes(NO_FAULT);
        disk.syncs(NO_FAULT);
    }
    match then {
        Then::FailsOn => assert!(demo.stderr().contains(WARNING), "{}", demo.stderr()),
        Then::BeginsAnew => load.wait_for_moment(Moment::LogBegins, &demo),
        Then::IsLeft => {
            // More than what is worth moving.
            load.wait_for(load.told() + 5000);
            assert!(demo.stderr().contains(LEFT), "{}", demo.stderr());
            assert_eq!(generation(demo.data.path()), log, "the log was begun anew");
        }
    }
    let dead = demo.kill();
    let mut told = load.end();
    println!("{} faults; told: {:?}", disk.faults(), told.figures());
    assert_eq!(told.refused, 0, "commits do not need the file");
    let demo = Demo::start_in(disk.only_what_was_synced(), &BUSY);
    drop(dead);
    told.assert_kept(&demo, demo.data.path());
}

#[test]
fn a_sync_that_failed_as_the_log_was_moved_costs_no_promise_when_the_power_goes() {
    fails_to_move(|disk| disk.syncs(IO_ERROR), Then::IsLeft);
}

#[test]
fn a_disk_that_fills_as_the_log_is_moved_costs_no_promise_when_the_power_goes() {
    if !is_long() {
        println!("skipped: scripts/test --long runs it");
        return;
    }
    fails_to_move(|disk| disk.writes(FULL), Then::FailsOn);
}

#[test]
fn a_log_for_which_there_was_no_room_is_moved_later_and_begun_anew() {
    if !is_long() {
        println!("skipped: scripts/test --long runs it");
        return;
    }
    fails_to_move(|disk| disk.writes(FULL), Then::BeginsAnew);
}

/// It ends without moving the log, and so does whatever closes the last connection; the next start goes on from it.
#[test]
fn a_server_that_left_its_log_as_it_was_ends_and_starts_again_without_loss() {
    let (mut demo, disk) = full::start();
    disk.spares_the_log(true);
    disk.syncs(IO_ERROR);
    let load = Load::start(&demo);
    let left = wait_for_often(Duration::from_millis(5), Duration::from_mins(1), || {
        demo.stderr().contains(LEFT).then_some(())
    });
    assert!(left.is_some(), "{}", demo.stderr());
    let mut told = load.end();
    disk.syncs(NO_FAULT);
    let log = generation(demo.data.path());
    assert_eq!(demo.terminate(), Some(0));
    let directory = demo.kill();
    assert_eq!(generation(directory.path()), log, "the log was moved");
    let demo = Demo::start_in(directory, &BUSY);
    told.assert_kept(&demo, demo.data.path());
}
