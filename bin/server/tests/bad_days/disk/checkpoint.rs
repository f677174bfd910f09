//! The disk fails while SQLite's log is being moved into its file.

use std::time::Duration;

use super::{
    faultfs::{FULL, FaultFs, IO_ERROR, NO_FAULT},
    full, is_long,
    load::Load,
    log::Moment,
};
use crate::{
    crash::BUSY,
    support::{Demo, wait_for_often},
};

/// What the log says of it.
const WARNING: &str = "the log could not be moved into the database's file";

/// The file fails as `begin` says, and its log does not. Clients notice nothing, whatever happens then.
fn fails_to_move(begin: impl Fn(&FaultFs), is_well_again: bool) {
    let (demo, disk) = full::start();
    disk.spares_the_log(true);
    begin(&disk);
    let load = Load::start(&demo);
    let (pause, patience) = (Duration::from_millis(1), Duration::from_mins(1));
    let met = wait_for_often(pause, patience, || (disk.faults() > 0).then_some(()));
    assert!(met.is_some(), "the log was not moved after {} answers", load.told());
    let told = load.told();
    load.wait_for(told + 50);
    assert!(demo.stderr().contains(WARNING), "{}", demo.stderr());
    if is_well_again {
        disk.writes(NO_FAULT);
        disk.syncs(NO_FAULT);
        load.wait_for_moment(Moment::LogBegins, &demo);
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
fn a_sync_that_fails_as_the_log_is_moved_costs_no_promise_when_the_power_goes() {
    fails_to_move(|disk| disk.syncs(IO_ERROR), false);
}

#[test]
fn a_disk_that_fills_as_the_log_is_moved_costs_no_promise_when_the_power_goes() {
    if !is_long() {
        println!("skipped: scripts/test --long runs it");
        return;
    }
    fails_to_move(|disk| disk.writes(FULL), false);
}

#[test]
fn a_log_for_which_there_was_no_room_is_moved_later_and_begun_anew() {
    if !is_long() {
        println!("skipped: scripts/test --long runs it");
        return;
    }
    fails_to_move(|disk| disk.writes(FULL), true);
}
