//! An independent client: openid-client (npm) against tenant `acme`.

use std::process::Command;

use super::support::{Demo, installed, serve::countersign};

#[test]
fn openid_client_discovers_gets_tokens_refreshes_introspects_revokes_and_verifies() {
    let Some(folder) = installed("COUNTERSIGN_OPENID_CLIENT_DIR", "COUNTERSIGN_REQUIRE_NODE") else { return };
    let demo = Demo::start();
    let out = Command::new("node").arg("acme.mjs").arg(&demo.url).current_dir(folder).output().unwrap();
    let (said, complained) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{said}\n{complained}");
    assert!(said.lines().filter(|line| line.starts_with("ok ")).count() >= 6, "{said}");
}

/// Open to anyone twice a day, and under both layouts of paths.
const PARTNERS: &str = "name = 'partners'\nprofile = 'openid'\n[settings]\nsigning_algs = ['ES256']\n\
    realms_layout = true\nopen_registrations_per_day = 2\n";

#[test]
fn openid_client_registers_clients_and_uses_them_under_both_layouts() {
    let Some(folder) = installed("COUNTERSIGN_OPENID_CLIENT_DIR", "COUNTERSIGN_REQUIRE_NODE") else { return };
    let demo = Demo::start();
    let run =
        |args: &[&str]| countersign(demo.data.path(), &[args, &["--config", "countersign.toml"]].concat());
    std::fs::write(demo.data.path().join("partners.toml"), PARTNERS).unwrap();
    run(&["tenant", "apply", "partners.toml"]);
    let made =
        run(&["registration-token", "create", "--tenant", "partners", "--uses", "2", "--scope", "api"]);
    let token = made.trim().rsplit_once("shown once: ").unwrap().1;
    let out = Command::new("node")
        .args(["registration.mjs", &demo.url, "partners", token])
        .current_dir(folder)
        .output()
        .unwrap();
    let (said, complained) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{said}\n{complained}");
    assert!(said.lines().filter(|line| line.starts_with("ok ")).count() >= 10, "{said}");
}
