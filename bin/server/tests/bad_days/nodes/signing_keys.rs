//! Keys are made once, and known everywhere before they sign.

use std::{
    collections::BTreeSet,
    process::Command,
    time::{Duration, Instant},
};

use super::{ACME, Nodes, OBEYED};
use crate::support::{Ask as _, acme_legacy, http, jwt_part, serve::Node, wait_for};

const OFTEN: &str = "[jobs]\nkey_interval = 1\nrevision_interval_ms = 1000\n";

fn published(node: &Node) -> BTreeSet<String> {
    let set = http().get(node.acme("jwks")).json_ok();
    set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// What signs an id_token at this node now.
fn signs(node: &Node) -> String {
    let form = [
        ("grant_type", "password"),
        ("username", "bob"),
        ("password", "correct-horse-battery-staple"),
        ("scope", "openid"),
    ];
    let token = acme_legacy(http().post(node.acme("token"))).form(&form).json_ok();
    jwt_part(token["id_token"].as_str().unwrap(), 0)["kid"].as_str().unwrap().to_owned()
}

const COUNT: &str = "SELECT count(*) FROM signing_keys k JOIN tenants t ON t.id = k.tenant_id \
                     WHERE t.name = 'acme' AND alg = 'RS256'";

#[test]
fn all_nodes_see_that_a_successor_is_due_and_one_makes_it() {
    let Some(nodes) = Nodes::start_with(4, ACME, OFTEN) else { return };
    let mut wanted = 1;
    for _ in 0..3 {
        assert_eq!(nodes.sql(COUNT), wanted.to_string());
        // The key that signs has signed for a year.
        nodes.sql("UPDATE signing_keys SET active_from = active_from - 31536000000 WHERE alg = 'RS256' AND verify_from IS NULL");
        wanted += 1;
        let made = || (nodes.sql(COUNT) == wanted.to_string()).then_some(());
        wait_for(Duration::from_secs(20), made).expect("a successor");
        // Each node looks once a second: by then all have looked.
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(2500) {
            assert_eq!(nodes.sql(COUNT), wanted.to_string(), "one successor");
        }
    }
    assert!(nodes.all.iter().all(|node| !node.stderr().contains("keys could not be looked after")));
}

#[test]
fn rotations_on_demand_at_once_make_one_key() {
    let Some(nodes) = Nodes::start(2, ACME) else { return };
    let rotate = || {
        Command::new(env!("CARGO_BIN_EXE_countersign"))
            .args(["keys", "rotate", "--tenant", "acme", "--alg", "RS256", "--config", "c.toml"])
            .current_dir(nodes.dir.path())
            .output()
            .unwrap()
    };
    nodes.changes_now();
    let done: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(rotate)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(done.iter().filter(|output| output.status.success()).count(), 1, "{done:?}");
    assert_eq!(nodes.sql(COUNT), "2");
    let all: BTreeSet<String> = nodes
        .sql("SELECT kid FROM signing_keys k JOIN tenants t ON t.id = k.tenant_id WHERE t.name = 'acme'")
        .lines()
        .map(str::to_owned)
        .collect();
    nodes.all_obey("the new key is published", |node| published(node) == all);
}

#[test]
fn a_new_key_signs_nowhere_before_every_node_publishes_it() {
    let Some(nodes) = Nodes::start(2, ACME) else { return };
    let old = signs(&nodes.all[0]);
    let checked = |one: &Node, other: &Node| {
        let kid = signs(one);
        assert!(published(other).contains(&kid), "a token of one node verifies with the keys of the other");
        kid
    };
    nodes.run(&["keys", "rotate", "--tenant", "acme", "--alg", "RS256", "--config", "c.toml"]);
    let begun = Instant::now();
    while begun.elapsed() < OBEYED {
        assert_eq!(checked(&nodes.all[0], &nodes.all[1]), old);
        assert_eq!(checked(&nodes.all[1], &nodes.all[0]), old);
    }
    // By now both publish it. Let its hour be over in three seconds.
    nodes.sql(
        "UPDATE signing_keys SET active_from = (extract(epoch FROM now()) * 1000)::bigint + 3000 \
         WHERE alg = 'RS256' AND active_from > (extract(epoch FROM now()) * 1000)::bigint; \
         UPDATE signing_keys SET verify_from = (extract(epoch FROM now()) * 1000)::bigint + 3000 \
         WHERE alg = 'RS256' AND verify_from IS NOT NULL; \
         UPDATE tenants SET revision = revision + 1",
    );
    let both_new = || {
        let new =
            [checked(&nodes.all[0], &nodes.all[1]) != old, checked(&nodes.all[1], &nodes.all[0]) != old];
        (new == [true, true]).then_some(())
    };
    wait_for(Duration::from_secs(10), both_new).expect("the new key signs at both nodes");
    assert!(nodes.all.iter().all(|node| published(node).contains(&old)), "what it signed can be verified");
}
