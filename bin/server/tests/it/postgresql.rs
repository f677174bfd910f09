//! Two nodes over one PostgreSQL: what one does, the other knows.

use std::{path::Path, time::Duration};

use serde_json::Value;

use super::support::{
    Ask as _, acme_legacy, acme_m2m, http, postgresql,
    serve::{Node, countersign},
    wait_for,
};

/// A configuration over a schema of its own, or nothing where there is no PostgreSQL.
pub(crate) fn configured(dir: &Path) -> Option<&'static str> {
    let url = postgresql(dir)?;
    let config = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\npublic_url = \"https://id.example\"\n\
         [management]\nlisten = \"127.0.0.1:0\"\n\
         [database]\nurl = \"{url}\"\nmax_connections = 4\n\
         [security]\nmaster_key = \"{}\"\n[security.argon2]\nmemory_kib = 512\niterations = 1\n",
        "ab".repeat(32)
    );
    std::fs::write(dir.join("c.toml"), config).unwrap();
    std::fs::write(dir.join("acme.toml"), include_str!("../../../../fixtures/demo/acme.toml")).unwrap();
    Some("c.toml")
}

fn active(node: &Node, token: &Value) -> bool {
    let form = [("token", token["access_token"].as_str().unwrap())];
    acme_m2m(http().post(node.acme("introspect"))).form(&form).json_ok()["active"] == true
}

fn bob(node: &Node) -> Value {
    let form = [
        ("grant_type", "password"),
        ("username", "bob"),
        ("password", "correct-horse-battery-staple"),
        ("scope", "openid offline_access"),
    ];
    acme_legacy(http().post(node.acme("token"))).form(&form).json_ok()
}

#[test]
fn two_nodes_share_tokens_revocations_refresh_races_and_changes() {
    let dir = tempfile::tempdir().unwrap();
    let Some(config) = configured(dir.path()) else { return };
    countersign(dir.path(), &["init", "--config", config, "--tenant", "main"]);
    countersign(dir.path(), &["tenant", "apply", "acme.toml", "--config", config]);
    let (one, two) = (Node::start(dir.path(), config), Node::start(dir.path(), config));

    let token = bob(&one);
    assert!(active(&two, &token));
    let form = [("token", token["access_token"].as_str().unwrap())];
    assert_eq!(acme_legacy(http().post(two.acme("revoke"))).form(&form).said().status, 200);
    assert!(!active(&one, &token), "a revocation is never served stale");

    // One token, both nodes at once: one successor, and everyone hears of the same one.
    let token = bob(&one);
    let form = [("grant_type", "refresh_token"), ("refresh_token", token["refresh_token"].as_str().unwrap())];
    let answers: Vec<String> = std::thread::scope(|scope| {
        let ask = |node: &Node| acme_legacy(http().post(node.acme("token"))).form(&form).said();
        let threads: Vec<_> =
            [&one, &two, &one, &two].into_iter().map(|node| scope.spawn(move || ask(node))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap().text).collect()
    });
    assert!(answers.iter().all(|answer| *answer == answers[0] && answer.contains("crt_")), "{answers:?}");

    // A client that is taken away is refused by both within 2 s.
    let without = include_str!("../../../../fixtures/demo/acme.toml")
        .replace("client_id = \"acme-m2m\"", "client_id = \"acme-m2m\"\nenabled = false");
    std::fs::write(dir.path().join("changed.toml"), without).unwrap();
    countersign(dir.path(), &["tenant", "apply", "changed.toml", "--config", config]);
    for node in [&one, &two] {
        let refused = || {
            let request =
                acme_m2m(http().post(node.acme("token"))).form(&[("grant_type", "client_credentials")]);
            (request.said().status == 401).then_some(())
        };
        assert!(wait_for(Duration::from_secs(3), refused).is_some());
    }
}
