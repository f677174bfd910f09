//! An independent client: openid-client (npm) against tenant `acme`.

use std::process::Command;

use super::support::Demo;

#[test]
fn openid_client_discovers_gets_tokens_refreshes_introspects_revokes_and_verifies() {
    let required = std::env::var_os("COUNTERSIGN_REQUIRE_NODE").is_some();
    let Some(folder) = std::env::var_os("COUNTERSIGN_OPENID_CLIENT_DIR") else {
        assert!(!required, "COUNTERSIGN_OPENID_CLIENT_DIR is not set; scripts/test sets it");
        println!("skipped: scripts/test installs openid-client");
        return;
    };
    let demo = Demo::start();
    let out = Command::new("node").arg("acme.mjs").arg(&demo.url).current_dir(folder).output().unwrap();
    let (said, complained) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{said}\n{complained}");
    assert!(said.lines().filter(|line| line.starts_with("ok ")).count() >= 6, "{said}");
}
