//! The disk hangs in reading.

use std::time::Duration;

use reqwest::blocking::Client;

use super::{
    SOON, assert_active,
    faultfs::{FaultFs, HANG, NO_FAULT},
};
use crate::{
    crash::BUSY,
    support::{Ask as _, Demo, acme_m2m, http, wait_for},
};

/// What is answered within the server's own bound, on a machine that does other things too.
const BOUND: Duration = Duration::from_secs(6);

/// Four workers, one of which the disk may take.
fn start(disk: &FaultFs, data: tempfile::TempDir) -> Demo {
    let variables = disk.variables();
    let mut variables: Vec<(&str, &str)> =
        variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    variables.extend([BUSY[0], ("COUNTERSIGN__SERVER__WORKERS", "4"), ("COUNTERSIGN__LOG__FILTER", "info")]);
    Demo::start_in(data, &variables)
}

/// What introspection of a token is answered, over a connection of its own; `None`: nothing in time.
fn introspect(demo: &Demo, token: &str) -> Option<u16> {
    let client = Client::builder().timeout(BOUND).no_proxy().build().unwrap();
    let request = acme_m2m(client.post(demo.acme("introspect"))).form(&[("token", token)]);
    request.send().ok().map(|answer| answer.status().as_u16())
}

#[test]
fn while_a_read_hangs_the_other_workers_answer() {
    let mut demo = Demo::start();
    assert_eq!(demo.terminate(), Some(0));
    let data = demo.kill();
    let disk = FaultFs::over(data.path());
    let demo = start(&disk, data);
    let token = demo.acme_machine()["access_token"].as_str().unwrap().to_owned();
    assert_active(&demo, &token);
    // What a connection remembers of the file is out of date now: its next look-up has to read.
    demo.acme_machine();
    disk.reads(HANG);
    std::thread::scope(|scope| {
        let (demo, disk, token) = (&demo, &disk, token.as_str());
        let stuck = scope.spawn(move || introspect(demo, token));
        assert!(wait_for(SOON, || (disk.reading() > 0).then_some(())).is_some(), "a read hangs");
        let told = wait_for(SOON, || demo.stderr().contains("a look-up hangs").then_some(()));
        assert!(told.is_some(), "{}", demo.stderr());
        // The operator's listener has a thread of its own.
        assert_eq!(http().get(format!("{}/healthz", demo.management)).said().status, 200);
        // Each worker has a part of the connections. One worker is lost to the first, and perhaps one more to what came
        // before the watch saw it.
        let asked: Vec<_> = (0..16).map(|_| scope.spawn(move || introspect(demo, token))).collect();
        let answers: Vec<_> = asked.into_iter().map(|thread| thread.join().unwrap()).collect();
        println!("{answers:?}");
        let answered = answers.iter().flatten().count();
        assert!(answered >= 8, "{answers:?}");
        assert!(answers.iter().flatten().all(|status| [200, 503].contains(status)), "{answers:?}");
        disk.reads(NO_FAULT);
        drop(stuck.join());
    });
    let well = wait_for(SOON, || (0..8).all(|_| introspect(&demo, &token) == Some(200)).then_some(()));
    assert!(well.is_some());
    let told = wait_for(SOON, || demo.stderr().contains("no look-up hangs any more").then_some(()));
    assert!(told.is_some(), "{}", demo.stderr());
}
