//! The power goes under load: what was told had been synced.

use std::time::Instant;

use reqwest::blocking::RequestBuilder;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    crash::{BUSY, SHIPPED, chance},
    disk::{
        DATABASE, SOON,
        faultfs::{FaultFs, HANG, LIE, NO_FAULT},
        is_long,
        load::Load,
        log::Moment,
        promises::Promises,
        sql,
    },
    support::{Ask as _, Demo, acme_legacy, acme_m2m, http, wait_for},
};

/// A data directory whose server has ended in peace.
fn prepared() -> TempDir {
    let mut demo = Demo::start();
    demo.acme_machine();
    assert_eq!(demo.terminate(), Some(0));
    demo.kill()
}

fn start(data: TempDir, disk: &FaultFs, more: &[(&str, &str)]) -> Demo {
    let variables = disk.variables();
    let mut variables: Vec<(&str, &str)> =
        variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    variables.extend(more);
    Demo::start_in(data, &variables)
}

/// Serves under load until the power goes: what was told, and the data directory, which is not what is left.
fn until_the_power_goes(demo: Demo, moment: Moment) -> (Promises, TempDir) {
    let load = Load::start(&demo);
    load.wait_for_moment(moment, &demo);
    let data = demo.kill();
    (load.end(), data)
}

#[test]
fn what_was_told_survives_the_loss_of_all_that_was_not_synced() {
    let rounds = if is_long() { 20 } else { 3 };
    let mut promises = Promises::default();
    let mut data = prepared();
    for round in 0..rounds {
        let disk = FaultFs::over(data.path());
        let moment = Moment::of(round);
        let time_outs: &[_] = if round == 0 { &SHIPPED } else { &BUSY };
        let (mut told, dead) = until_the_power_goes(start(data, &disk, time_outs), moment);
        println!("{moment:?}; told: {:?}", told.figures());
        let demo = Demo::start_in(disk.only_what_was_synced(), &BUSY);
        told.clone().assert_kept(&demo, demo.data.path());
        drop(demo);
        // Of what was not synced anything may have arrived, in any order.
        let mut demo = Demo::start_in(disk.torn(|| chance(2) == 0), &BUSY);
        drop(dead);
        told.assert_kept(&demo, demo.data.path());
        promises.merge_checked(told);
        if round % 5 == 4 || round + 1 == rounds {
            promises.assert_kept(&demo, demo.data.path());
        }
        // The next round begins with a log that is folded into its file.
        assert_eq!(demo.terminate(), Some(0));
        data = demo.kill();
    }
}

#[test]
fn a_disk_that_lies_about_its_syncs_breaks_promises_and_these_tests_see_it() {
    let data = prepared();
    let disk = FaultFs::over(data.path());
    disk.syncs(LIE);
    let (mut told, _dead) = until_the_power_goes(start(data, &disk, &BUSY), Moment::Early);
    let demo = Demo::start_in(disk.only_what_was_synced(), &BUSY);
    let broken = told.broken(&demo, demo.data.path());
    println!("{} broken of {:?}", broken.len(), told.figures());
    assert!(broken.len() > 20, "{broken:?}");
}

#[test]
fn a_disk_that_lies_as_the_log_is_moved_loses_what_the_log_held_and_these_tests_see_it() {
    if !is_long() {
        println!("skipped: scripts/test --long runs it");
        return;
    }
    let data = prepared();
    let disk = FaultFs::over(data.path());
    disk.spares_the_log(true);
    disk.syncs(LIE);
    let (told, _dead) = until_the_power_goes(start(data, &disk, &BUSY), Moment::LogBegins);
    assert!(disk.moves() > 20, "{}", disk.moves());
    // What is left may be no database at all.
    let left = disk.only_what_was_synced();
    let found = std::panic::catch_unwind(|| sql::problems(&left.path().join(DATABASE), &told.requests));
    assert!(found.as_ref().map_or(true, |problems| !problems.is_empty()), "{:?}", told.figures());
}

#[test]
fn every_answer_waits_for_a_sync_of_its_own_or_shares_one() {
    let data = prepared();
    let disk = FaultFs::over(data.path());
    let demo = start(data, &disk, &BUSY);
    let client = http();
    let token = || acme_m2m(client.post(demo.acme("token"))).form(&[("grant_type", "client_credentials")]);
    in_turn(&disk, "tokens", || drop(token().json_ok()));
    let login = [
        ("grant_type", "password"),
        ("username", "bob"),
        ("password", "correct-horse-battery-staple"),
        ("scope", "openid offline_access"),
    ];
    let login = || acme_legacy(client.post(demo.acme("token"))).form(&login).json_ok();
    in_turn(&disk, "log-ins", || drop(login()));
    let mut family = login();
    in_turn(&disk, "refreshes", || {
        let form =
            [("grant_type", "refresh_token"), ("refresh_token", family["refresh_token"].as_str().unwrap())];
        family = acme_legacy(client.post(demo.acme("token"))).form(&form).json_ok();
    });
    let mut tokens: Vec<Value> = (0..=IN_TURN).map(|_| token().json_ok()).collect();
    in_turn(&disk, "revocations", || {
        let one = tokens.pop().unwrap();
        let form = [("token", one["access_token"].as_str().unwrap())];
        assert_eq!(acme_m2m(client.post(demo.acme("revoke"))).form(&form).said().status, 200);
    });
    let load = Load::start(&demo);
    load.wait_for(100);
    let (told, synced) = (load.told(), disk.synced());
    load.wait_for(told + 300);
    let (told, synced) = (load.told() - told, disk.synced() - synced);
    load.end();
    println!("{told} answers to six clients at once: {synced} syncs");
}

#[test]
fn nothing_is_told_while_its_sync_hangs() {
    let data = prepared();
    let disk = FaultFs::over(data.path());
    let demo = start(data, &disk, &BUSY);
    let (machine, user, other) =
        (demo.acme_machine(), demo.bob("openid offline_access"), demo.acme_machine());
    let text = |answer: &Value, name: &str| answer[name].as_str().unwrap().to_owned();
    let refresh = text(&user, "refresh_token");
    let token = || acme_m2m(http().post(demo.acme("token"))).form(&[("grant_type", "client_credentials")]);
    while_it_hangs(&disk, &demo, &other, "a token", token());
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
    while_it_hangs(
        &disk,
        &demo,
        &other,
        "a refresh",
        acme_legacy(http().post(demo.acme("token"))).form(&form),
    );
    let form = [("token", text(&machine, "access_token"))];
    while_it_hangs(
        &disk,
        &demo,
        &other,
        "a revocation",
        acme_m2m(http().post(demo.acme("revoke"))).form(&form),
    );
}

/// Asks while syncs hang: there is no answer as long as they do, though others are answered, and success after.
#[track_caller]
fn while_it_hangs(disk: &FaultFs, demo: &Demo, other: &Value, what: &str, request: RequestBuilder) {
    disk.syncs(HANG);
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| (request.said(), Instant::now()));
        assert!(wait_for(SOON, || (disk.hanging() > 0).then_some(())).is_some(), "{what}: a sync hangs");
        for _ in 0..10 {
            let form = [("token", other["access_token"].as_str().unwrap())];
            acme_m2m(http().post(demo.acme("introspect"))).form(&form).json_ok();
        }
        let (told_early, let_go) = (asked.is_finished(), Instant::now());
        disk.syncs(NO_FAULT);
        let (said, told) = asked.join().unwrap();
        assert!(!told_early && told > let_go, "{what} was told while its sync hung: {said:?}");
        // A machine that is very busy may have needed longer than an answer may take.
        assert!([200, 503].contains(&said.status), "{what}: {said:?}");
    });
}

/// How often each kind is asked for, one after the other.
const IN_TURN: usize = 50;

/// Asks while nobody else does: none of it is told without a sync.
#[track_caller]
fn in_turn(disk: &FaultFs, what: &str, mut ask: impl FnMut()) {
    ask();
    let begun = disk.synced();
    for _ in 0..IN_TURN {
        let before = disk.synced();
        ask();
        assert!(disk.synced() > before, "{what}: told without a sync");
    }
    println!("{IN_TURN} {what} in turn: {} syncs", disk.synced() - begun);
}
