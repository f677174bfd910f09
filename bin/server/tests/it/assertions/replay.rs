//! An assertion is good once: in parallel, after a crash, on two nodes, and at whatever endpoint.

use std::path::Path;

use serde_json::json;

use super::super::support::{Ask as _, http, postgresql};
use super::{
    ISSUER, Key, TYPE, World, claims, configure, countersign, endpoint, key_client, refused, set_of, token,
};
use crate::support::serve::Node;

/// How many of `count` requests at once were answered with a token, at these nodes in turn.
fn winners(nodes: &[&Node], count: usize, assertion: &str) -> usize {
    std::thread::scope(|scope| {
        let asked = nodes.iter().cycle().take(count);
        let threads: Vec<_> =
            asked.map(|node| scope.spawn(move || token(node, "acme", assertion).status)).collect();
        let statuses: Vec<u16> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert!(statuses.iter().all(|status| matches!(status, 200 | 401)), "{statuses:?}");
        statuses.iter().filter(|status| **status == 200).count()
    })
}

#[test]
fn a_replay_is_refused_in_parallel_and_one_wins() {
    let world = World::start();
    for _ in 0..5 {
        assert_eq!(winners(&[&world.node], 16, &world.good()), 1);
    }
}

#[test]
fn a_replay_is_refused_whatever_the_first_request_came_to() {
    let world = World::start();
    let post = |to: &str, assertion: &str, more: (&str, &str)| {
        let form = [("client_assertion_type", TYPE), ("client_assertion", assertion), more];
        http().post(endpoint(&world.node, "acme", to)).form(&form).said()
    };
    for (to, more, status) in [
        ("introspect", ("token", "x"), 200),
        ("revoke", ("token", "x"), 200),
        ("token", ("grant_type", "client_credentials"), 200),
        ("token", ("grant_type", "nonsense"), 400),
    ] {
        let assertion = world.good();
        assert_eq!(post(to, &assertion, more).status, status, "{to} {more:?}");
        refused(&post(to, &assertion, more));
        refused(&token(&world.node, "acme", &assertion));
    }
    // The same jti in another assertion is a replay too.
    let one = claims("robot", ISSUER);
    assert_eq!(world.ask(&world.ec.jwt("ES256", &json!({}), &one)).status, 200);
    refused(&world.ask(&world.rsa.jwt("RS256", &json!({}), &one)));
    // And another client's same jti is none.
    let mut other = one;
    (other["iss"], other["sub"]) = (json!("narrow"), json!("narrow"));
    assert_eq!(world.ask(&world.ec.jwt("ES256", &json!({}), &other)).status, 200);
}

#[test]
fn a_replay_is_refused_after_a_crash() {
    let key = Key::ec();
    let dir = tempfile::tempdir().unwrap();
    configure(dir.path(), &[("acme", "openid", &key_client("robot", &set_of(&key)))]);
    let assertion = key.jwt("ES256", &json!({}), &claims("robot", ISSUER));
    let node = Node::start(dir.path(), "c.toml");
    assert_eq!(token(&node, "acme", &assertion).status, 200);
    drop(node); // Killed.
    let node = Node::start(dir.path(), "c.toml");
    refused(&token(&node, "acme", &assertion));
    assert_eq!(token(&node, "acme", &key.jwt("ES256", &json!({}), &claims("robot", ISSUER))).status, 200);
}

fn configured(dir: &Path) -> bool {
    let Some(url) = postgresql(dir) else { return false };
    let config = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\npublic_url = \"https://id.example\"\n\
         [management]\nlisten = \"127.0.0.1:0\"\n\
         [database]\nurl = \"{url}\"\nmax_connections = 4\n\
         [security]\nmaster_key = \"{}\"\n",
        "ab".repeat(32)
    );
    std::fs::write(dir.join("c.toml"), config).unwrap();
    true
}

#[test]
fn a_replay_on_two_nodes_has_one_winner() {
    let dir = tempfile::tempdir().unwrap();
    if !configured(dir.path()) {
        return;
    }
    let key = Key::ec();
    countersign(dir.path(), &["init", "--config", "c.toml", "--tenant", "main"]);
    let client = key_client("robot", &set_of(&key));
    super::apply(dir.path(), &format!("name = 'acme'\nprofile = 'openid'\n{client}"));
    let (one, two) = (Node::start(dir.path(), "c.toml"), Node::start(dir.path(), "c.toml"));
    for _ in 0..10 {
        let assertion = key.jwt("ES256", &json!({}), &claims("robot", ISSUER));
        assert_eq!(winners(&[&one, &two], 8, &assertion), 1);
    }
}
