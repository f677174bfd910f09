//! The disk is full, fails, or hangs.

use std::time::{Duration, Instant};

use super::{
    BUSY_MACHINE, SOON, WELL_AGAIN, assert_active, assert_unavailable,
    faultfs::{FULL, FULL_FOR_ALL, FaultFs, HANG, IO_ERROR, NO_FAULT},
    load::Load,
    machine, ready, wait_until_not_ready, wait_until_well,
};
use crate::{
    crash::BUSY,
    support::{Ask as _, Demo, acme_legacy, acme_m2m, http, serve::Node, wait_for, wait_until},
};

/// How long an answer waits for a note of activity that is under way.
const HALF_A_SECOND: Duration = Duration::from_millis(500);

/// A server over a disk that works so far.
pub(super) fn start() -> (Demo, FaultFs) {
    let mut demo = Demo::start();
    assert_eq!(demo.terminate(), Some(0));
    let data = demo.kill();
    let disk = FaultFs::over(data.path());
    (start_over(data, &disk, &BUSY), disk)
}

fn start_over(data: tempfile::TempDir, disk: &FaultFs, more: &[(&str, &str)]) -> Demo {
    let variables = disk.variables();
    let mut variables: Vec<(&str, &str)> =
        variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    variables.extend(more);
    Demo::start_in(data, &variables)
}

/// What every failing disk has in common: `begin` makes it fail, and readiness then says `words`.
fn refuses_and_recovers(begin: impl Fn(&FaultFs), words: &[&str]) {
    let (demo, disk) = start();
    let user = demo.bob("openid offline_access");
    let token = demo.acme_machine()["access_token"].as_str().unwrap().to_owned();
    begin(&disk);
    let refused = wait_for(SOON, || Some(machine(&demo, "a-full-disk")).filter(|said| said.status != 200));
    assert_unavailable(&refused.expect("a refusal"));
    for (endpoint, form) in [
        (
            "token",
            vec![("grant_type", "refresh_token"), ("refresh_token", user["refresh_token"].as_str().unwrap())],
        ),
        (
            "token",
            vec![
                ("grant_type", "password"),
                ("username", "bob"),
                ("password", "correct-horse-battery-staple"),
            ],
        ),
        ("revoke", vec![("token", user["access_token"].as_str().unwrap())]),
    ] {
        let begun = Instant::now();
        assert_unavailable(&acme_legacy(http().post(demo.acme(endpoint))).form(&form).said());
        assert!(begun.elapsed() < Duration::from_secs(3), "{endpoint}: {:?}", begun.elapsed());
    }
    wait_until_not_ready(&demo, words);
    assert_eq!(http().get(format!("{}/healthz", demo.management)).said().status, 200);
    assert_active(&demo, &token);
    assert_active(&demo, user["access_token"].as_str().unwrap());
    assert_eq!(http().get(demo.acme("jwks")).said().status, 200);
    let said = demo.stderr();
    assert!(words.iter().all(|word| said.contains(word)) && !said.contains("panicked"), "{said}");
    disk.writes(NO_FAULT);
    disk.syncs(NO_FAULT);
    wait_until_well(&demo);
    assert!(disk.faults() > 0);
    // What was refused was not done, or done wholly: the old refresh token works, and so does its successor.
    let mut token_before = user["refresh_token"].as_str().unwrap().to_owned();
    for _ in 0..2 {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token_before.as_str())];
        let said = acme_legacy(http().post(demo.acme("token"))).form(&form).json_ok();
        said["refresh_token"].as_str().unwrap().clone_into(&mut token_before);
    }
    let demo = Demo::start_in(demo.kill(), &BUSY);
    assert_active(&demo, &token);
}

#[test]
fn a_full_disk_is_503_and_writing_goes_on_when_there_is_room() {
    refuses_and_recovers(|disk| disk.writes(FULL), &["disk is full", "make room", super::DATABASE]);
}

#[test]
fn a_full_disk_that_takes_not_even_what_is_there_is_the_same() {
    refuses_and_recovers(|disk| disk.writes(FULL_FOR_ALL), &["disk is full", "make room", super::DATABASE]);
}

#[test]
fn a_disk_that_cannot_write_is_503_and_writing_goes_on_when_it_can() {
    refuses_and_recovers(
        |disk| disk.writes(IO_ERROR),
        &["disk I/O error", "the disk fails", super::DATABASE],
    );
}

#[test]
fn a_disk_that_cannot_sync_is_503_and_writing_goes_on_when_it_can() {
    refuses_and_recovers(|disk| disk.syncs(IO_ERROR), &["disk I/O error", "the disk fails", super::DATABASE]);
}

#[test]
fn a_disk_that_fills_again_and_again_under_load_breaks_no_promise_even_when_the_power_goes() {
    let (demo, disk) = start();
    let load = Load::start(&demo);
    for round in 0..6 {
        let told = load.told();
        load.wait_for(told + 30);
        let faults = disk.faults();
        match round % 3 {
            0 => disk.writes(FULL),
            1 => disk.syncs(IO_ERROR),
            _ => disk.writes(IO_ERROR),
        }
        assert!(wait_for(SOON, || (disk.faults() > faults + 3).then_some(())).is_some());
        disk.writes(NO_FAULT);
        disk.syncs(NO_FAULT);
    }
    let told = load.told();
    load.wait_for(told + 30);
    let dead = demo.kill();
    let mut promises = load.end();
    println!("{} faults; told: {:?}", disk.faults(), promises.figures());
    let image = disk.only_what_was_synced();
    drop(dead);
    let demo = Demo::start_in(image, &BUSY);
    promises.assert_kept(&demo, demo.data.path());
}

#[test]
fn while_a_sync_hangs_those_who_wait_behind_it_are_refused_soon_and_nothing_of_theirs_is_done() {
    let mut demo = Demo::start();
    assert_eq!(demo.terminate(), Some(0));
    let data = demo.kill();
    let disk = FaultFs::over(data.path());
    let demo = start_over(data, &disk, &[BUSY[0], ("COUNTERSIGN__DATABASE__COMMIT_TIMEOUT_MS", "500")]);
    let token = demo.acme_machine()["access_token"].as_str().unwrap().to_owned();
    disk.syncs(HANG);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| (machine(&demo, "it-hangs"), Instant::now()));
        assert!(wait_for(SOON, || (disk.hanging() > 0).then_some(())).is_some(), "a sync hangs");
        let waiting: Vec<_> = (0..8)
            .map(|number| {
                let demo = &demo;
                scope.spawn(move || {
                    (Instant::now(), machine(demo, &format!("it-waits-{number}")), Instant::now())
                })
            })
            .collect();
        for thread in waiting {
            let (begun, said, ended) = thread.join().unwrap();
            assert_unavailable(&said);
            assert!(ended - begun < Duration::from_secs(3), "{:?}", ended - begun);
        }
        // Who writes nothing waits for nobody; half a second is the most that an answer waits to note activity.
        let client = http();
        for _ in 0..3 {
            let begun = Instant::now();
            let said = acme_m2m(client.post(demo.acme("introspect"))).form(&[("token", &token)]).said();
            assert_eq!(said.json()["active"], true);
            assert!(begun.elapsed() < HALF_A_SECOND + BUSY_MACHINE, "{:?}", begun.elapsed());
        }
        assert!(disk.hanging() > 0, "it has hung all the while");
        let let_go = Instant::now();
        disk.syncs(NO_FAULT);
        let (said, told) = first.join().unwrap();
        // Nobody was told of a success while it hung: not even the one whose sync it is.
        assert!(said.status == 503 || (said.status == 200 && told > let_go), "{said:?}");
    });
    wait_until_well(&demo);
    assert_eq!(ready(&demo).status, 200);
    let logged = super::sql::problems(&demo.data.path().join(super::DATABASE), &["it-waits-0".to_owned()]);
    assert!(logged.contains("not in the audit log: 1"), "withdrawn, and done all the same: {logged}");
}

#[test]
fn serve_starts_on_a_full_disk_and_refuses_what_writes_until_there_is_room() {
    let mut demo = Demo::start();
    let token = demo.acme_machine()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(demo.terminate(), Some(0));
    let data = demo.kill();
    let disk = FaultFs::over(data.path());
    disk.writes(FULL_FOR_ALL);
    let variables = disk.variables();
    let mut variables: Vec<(&str, &str)> =
        variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    variables.extend([
        ("COUNTERSIGN__SERVER__LISTEN", "127.0.0.1:0"),
        ("COUNTERSIGN__SERVER__PUBLIC_URL", "https://id.example"),
        ("COUNTERSIGN__MANAGEMENT__LISTEN", "127.0.0.1:0"),
        // The demo's own cost: a secret whose hash has another one is hashed anew, which writes.
        ("COUNTERSIGN__SECURITY__ARGON2__MEMORY_KIB", "512"),
        ("COUNTERSIGN__SECURITY__ARGON2__ITERATIONS", "1"),
    ]);
    let node = Node::start_with(data.path(), "countersign.toml", &variables);
    let ask = || acme_m2m(http().post(node.acme("token"))).form(&[("grant_type", "client_credentials")]);
    assert_unavailable(&ask().said());
    let said = acme_m2m(http().post(node.acme("introspect"))).form(&[("token", &token)]).json_ok();
    assert_eq!(said["active"], true, "what only reads is answered");
    let ready = http().get(format!("{}/readyz", node.management)).said();
    assert_eq!(ready.status, 503);
    for word in ["disk is full", "make room", super::DATABASE] {
        assert!(ready.text.contains(word), "{word} in {}", ready.text);
    }
    disk.writes(NO_FAULT);
    let well = wait_until(Instant::now() + WELL_AGAIN + BUSY_MACHINE, |left| {
        ask().said_within(left).filter(|said| said.status == 200)
    });
    assert!(well.is_some(), "{}", node.stderr());
}
