//! An independent client: openid-client (npm) makes the proofs.

use std::{path::Path, process::Command, time::Duration};

use crate::support::{Demo, installed, serve::countersign, wait_for};

#[test]
fn openid_client_gets_bound_tokens_uses_and_refreshes_them_with_and_without_nonces() {
    let Some(folder) = installed("COUNTERSIGN_OPENID_CLIENT_DIR", "COUNTERSIGN_REQUIRE_NODE") else { return };
    let demo = Demo::start();
    let run = |mode: &[&str]| {
        let out = Command::new("node")
            .args([&["dpop.mjs", &demo.url], mode].concat())
            .current_dir(Path::new(&folder))
            .output()
            .unwrap();
        let (said, complained) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert!(out.status.success(), "{said}\n{complained}");
        assert!(said.lines().filter(|line| line.starts_with("ok ")).count() >= 12, "{said}");
    };
    run(&[]);
    let acme = include_str!("../../../../../fixtures/demo/acme.toml");
    let demanding = acme.replace("[settings]", "[settings]\ndpop_nonce_required = true");
    std::fs::write(demo.data.path().join("acme.toml"), demanding).unwrap();
    countersign(demo.data.path(), &["tenant", "apply", "acme.toml", "--config", "countersign.toml"]);
    let key = super::key::Key::es256();
    let demanded = || {
        let proof = key.proof("POST", &demo.acme("token")).text();
        let said = crate::support::Ask::said(
            crate::support::acme_m2m(crate::support::http().post(demo.acme("token")))
                .header("DPoP", proof)
                .form(super::MACHINE),
        );
        (said.error().1 == "use_dpop_nonce").then_some(())
    };
    assert!(wait_for(Duration::from_secs(5), demanded).is_some(), "the running server obeys within 2 s");
    run(&["nonce"]);
}
