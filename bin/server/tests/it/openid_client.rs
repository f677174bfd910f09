//! An independent client: openid-client (npm) against tenant `acme`.

use std::process::Command;

use super::support::{Demo, installed};

#[test]
fn openid_client_discovers_gets_tokens_refreshes_introspects_revokes_and_verifies() {
    let Some(folder) = installed("COUNTERSIGN_OPENID_CLIENT_DIR", "COUNTERSIGN_REQUIRE_NODE") else { return };
    let demo = Demo::start();
    let out = Command::new("node").arg("acme.mjs").arg(&demo.url).current_dir(folder).output().unwrap();
    let (said, complained) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{said}\n{complained}");
    assert!(said.lines().filter(|line| line.starts_with("ok ")).count() >= 6, "{said}");
}
