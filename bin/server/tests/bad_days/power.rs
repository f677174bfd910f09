//! The power goes under load: what was told had been synced.

use tempfile::TempDir;

use crate::{
    crash::{BUSY, chance},
    disk::{
        faultfs::{FaultFs, LIE},
        is_long,
        load::Load,
        promises::Promises,
    },
    support::{Ask as _, Demo, acme_m2m, http},
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
    let ask = || {
        let request = acme_m2m(client.post(demo.acme("token")));
        request.form(&[("grant_type", "client_credentials")]).json_ok()
    };
    ask();
    let begun = disk.synced();
    for _ in 0..50 {
        let before = disk.synced();
        ask();
        assert!(disk.synced() > before, "told without a sync");
    }
    let alone = disk.synced() - begun;
    let load = Load::start(&demo);
    load.wait_for(100);
    let (told, synced) = (load.told(), disk.synced());
    load.wait_for(told + 300);
    let (told, synced) = (load.told() - told, disk.synced() - synced);
    load.end();
    println!("50 tokens in turn: {alone} syncs; {told} answers to six clients at once: {synced} syncs");
}
