//! The file system is read-only.

use super::{
    DATABASE, assert_active, assert_refused, assert_unavailable,
    faultfs::{FaultFs, NO_FAULT, READ_ONLY},
    machine, serve_fails, wait_until_not_ready, wait_until_well,
};
use crate::support::Demo;

#[test]
fn a_file_system_that_turns_read_only_is_503_and_passes() {
    let mut demo = Demo::start();
    assert_eq!(demo.terminate(), Some(0));
    let data = demo.kill();
    let disk = FaultFs::over(data.path());
    let variables = disk.variables();
    let variables: Vec<(&str, &str)> =
        variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let demo = Demo::start_in(data, &variables);
    let token = demo.acme_machine()["access_token"].as_str().unwrap().to_owned();
    disk.writes(READ_ONLY);
    assert_unavailable(&machine(&demo, "read-only"));
    wait_until_not_ready(&demo, &["attempt to write a readonly database", DATABASE]);
    assert_active(&demo, &token);
    disk.writes(NO_FAULT);
    wait_until_well(&demo);
    assert_active(&demo, &token);
}

#[test]
fn serve_refuses_to_start_on_a_read_only_file_system() {
    let mut demo = Demo::start();
    assert_eq!(demo.terminate(), Some(0));
    let data = demo.kill();
    let disk = FaultFs::over(data.path());
    disk.writes(READ_ONLY);
    let variables = disk.variables();
    let variables: Vec<(&str, &str)> =
        variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let words = ["unable to open database file", DATABASE, "its directory must exist and be writable"];
    assert_refused(&serve_fails(data.path(), &variables), &words);
}
