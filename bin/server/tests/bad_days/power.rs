//! The power goes under load: what was told had been synced.

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    crash::{BUSY, chance},
    disk::{
        faultfs::{FaultFs, LIE},
        is_long,
        load::Load,
        promises::Promises,
    },
    support::{Ask as _, Demo, acme_legacy, acme_m2m, http},
};

/// A data directory whose server has ended in peace.
fn prepared() -> TempDir {
    let mut demo = Demo::start();
    demo.acme_machine();
    assert_eq!(demo.terminate(), Some(0));
    demo.kill()
}

fn start(data: TempDir, disk: &FaultFs) -> Demo {
    let mut variables = disk.variables();
    variables.extend(BUSY.map(|(name, value)| (name, value.to_owned())));
    let variables: Vec<(&str, &str)> =
        variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Demo::start_in(data, &variables)
}

/// Serves under load until the power goes: what was told, and the data directory, which is not what is left.
fn until_the_power_goes(data: TempDir, disk: &FaultFs) -> (Promises, TempDir) {
    let demo = start(data, disk);
    let load = Load::start(&demo);
    load.wait_for(40 + chance(150));
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
        let (mut told, dead) = until_the_power_goes(data, &disk);
        let demo = Demo::start_in(disk.only_what_was_synced(), &BUSY);
        told.clone().assert_kept(&demo, demo.data.path());
        drop(demo);
        // Of what was not synced anything may have arrived, in any order.
        let mut demo = Demo::start_in(disk.torn(|| chance(2) == 0), &BUSY);
        drop(dead);
        told.assert_kept(&demo, demo.data.path());
        promises.merge(told);
        if round % 5 == 4 || round + 1 == rounds {
            promises.assert_kept(&demo, demo.data.path());
        }
        // The next round begins with a log that is folded into its file.
        assert_eq!(demo.terminate(), Some(0));
        data = demo.kill();
    }
    println!("{rounds} power cuts; told: {:?}", promises.figures());
}

#[test]
fn a_disk_that_lies_about_its_syncs_breaks_promises_and_these_tests_see_it() {
    let data = prepared();
    let disk = FaultFs::over(data.path());
    disk.syncs(LIE);
    let (mut told, _dead) = until_the_power_goes(data, &disk);
    let demo = Demo::start_in(disk.only_what_was_synced(), &BUSY);
    let broken = told.broken(&demo, demo.data.path());
    println!("{} broken of {:?}", broken.len(), told.figures());
    assert!(broken.len() > 20, "{broken:?}");
}

#[test]
fn every_answer_waits_for_a_sync_of_its_own_or_shares_one() {
    let data = prepared();
    let disk = FaultFs::over(data.path());
    let demo = start(data, &disk);
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
