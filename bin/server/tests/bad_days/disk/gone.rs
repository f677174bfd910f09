//! The file that is in use is deleted, replaced, or put back.

use std::fs;

use super::{DATABASE, assert_active, assert_unavailable, machine, wait_until_not_ready, wait_until_well};
use crate::support::Demo;

#[test]
fn a_database_that_is_moved_away_is_not_written_to_and_may_be_put_back() {
    let demo = Demo::start();
    let token = demo.acme_machine()["access_token"].as_str().unwrap().to_owned();
    let (file, elsewhere) = (demo.data.path().join(DATABASE), demo.data.path().join("elsewhere"));
    fs::rename(&file, &elsewhere).unwrap();
    // Nothing was told of what went into the void: the very first answer is a refusal.
    assert_unavailable(&machine(&demo, "into-the-void"));
    wait_until_not_ready(&demo, &[DATABASE, "was deleted or moved", "put it back"]);
    assert_unavailable(&machine(&demo, "into-the-void-again"));
    assert_active(&demo, &token);
    fs::rename(&elsewhere, &file).unwrap();
    wait_until_well(&demo);
    let again = machine(&demo, "again").json()["access_token"].as_str().unwrap().to_owned();
    let demo = Demo::start_in(demo.kill(), &[]);
    assert_active(&demo, &token);
    assert_active(&demo, &again);
}

#[test]
fn readiness_notices_a_deleted_database_when_nobody_writes() {
    let demo = Demo::start();
    fs::remove_file(demo.data.path().join(DATABASE)).unwrap();
    wait_until_not_ready(&demo, &[DATABASE, "was deleted or moved"]);
    assert_unavailable(&machine(&demo, "into-the-void"));
    let said = demo.stderr();
    assert!(said.contains("was deleted or moved") && !said.contains("panicked"), "{said}");
}

#[test]
fn a_database_that_is_replaced_is_neither_written_to_nor_read_from() {
    let demo = Demo::start();
    let token = demo.acme_machine()["access_token"].as_str().unwrap().to_owned();
    let (file, other) = (demo.data.path().join(DATABASE), demo.data.path().join("other"));
    fs::copy(&file, &other).unwrap();
    let before = fs::read(&other).unwrap();
    fs::rename(&other, &file).unwrap();
    assert_unavailable(&machine(&demo, "into-the-void"));
    wait_until_not_ready(&demo, &[DATABASE, "was replaced", "restart"]);
    // The token is in the old file, or its log.
    assert_active(&demo, &token);
    assert!(fs::read(&file).unwrap() == before, "the new file is as it was put there");
}

#[test]
fn a_deleted_log_is_noticed_and_an_orderly_end_saves_what_it_held() {
    let mut demo = Demo::start();
    let token = demo.acme_machine()["access_token"].as_str().unwrap().to_owned();
    fs::remove_file(demo.data.path().join(format!("{DATABASE}-wal"))).unwrap();
    assert_unavailable(&machine(&demo, "into-the-void"));
    wait_until_not_ready(&demo, &["-wal was deleted or replaced", "SIGTERM"]);
    assert_active(&demo, &token);
    assert_eq!(demo.terminate(), Some(0));
    let demo = Demo::start_in(demo.kill(), &[]);
    assert_active(&demo, &token);
    assert_eq!(machine(&demo, "again").status, 200);
}
