//! Chosen secrets that every node has proven and remembers: what is locked or replaced at one is refused by all within 2 s
//! (DECISIONS 5.6, 5.7).

use std::time::Duration;

use super::Nodes;
use crate::support::{Ask as _, http, serve::Node, wait_for};

const BANK: &str = r#"
name = "bank"
profile = "hid"

[[policies]]
code = "AT_SYSLOG"
disableThreshold = 5
passwordPolicy = { notBlackListed = false, notSequence = false, notUserAttribute = false }

[[clients]]
client_id = "portal"
client_secret = "Portal.Pass-7391"
grant_types = ["client_credentials"]
scopes = ["openid"]
"#;

const SECRET: &str = "Portal.Pass-7391";
const WRONG: &str = "Wrong.Pass-1";

fn proves(node: &Node, secret: &str) -> u16 {
    let url = format!("{}/idp/bank/authn/token", node.url);
    let form = [("grant_type", "client_credentials")];
    // Who lost to others too often may ask again; it has not been counted.
    let judged = || {
        let said = http().post(&url).basic_auth("portal", Some(secret)).form(&form).said();
        (said.status != 503).then_some(said.status)
    };
    wait_for(Duration::from_secs(30), judged).expect("an answer")
}

/// How often a node has let a secret pass from memory.
fn from_memory(node: &Node) -> u64 {
    let metrics = http().get(format!("{}/metrics", node.management)).said().text;
    let name = "countersign_cache_total{cache=\"proven_secrets\",outcome=\"hit\"} ";
    metrics.lines().find_map(|line| line.strip_prefix(name)).map_or(0, |value| value.parse().unwrap())
}

/// Every node remembers that the secret is right.
#[track_caller]
fn warm(nodes: &Nodes, secret: &str) {
    for node in &nodes.all {
        let before = from_memory(node);
        assert_eq!([proves(node, secret), proves(node, secret)], [200; 2]);
        assert!(from_memory(node) > before, "proven, and remembered");
    }
}

/// Whoever has obeyed goes on to: several at once, several times.
#[track_caller]
fn and_so_it_stays(nodes: &Nodes, secret: &str, wanted: u16) {
    for _ in 0..5 {
        assert_eq!(nodes.at_once(2, |node| proves(node, secret)), vec![wanted; 2 * nodes.all.len()]);
    }
}

#[test]
fn a_lock_set_at_one_node_stops_a_secret_that_all_remember() {
    for count in [2, 4] {
        let Some(nodes) = Nodes::start(count, BANK) else { return };
        warm(&nodes, SECRET);
        let first = &nodes.all[0];
        for _ in 0..4 {
            assert_eq!(proves(first, WRONG), 401);
        }
        nodes.changes_now();
        assert_eq!(proves(first, WRONG), 401);
        assert_eq!(nodes.sql("SELECT consecutive, locked_until IS NOT NULL FROM source_failures"), "5|t");
        assert_eq!(proves(first, SECRET), 401, "where it was set, at once");
        nodes.all_obey("locked", |node| proves(node, SECRET) == 401);
        and_so_it_stays(&nodes, SECRET, 401);
    }
}

/// A chosen secret is given where a client is made, and there only (docs/tenant-file.md).
#[test]
fn a_client_made_anew_with_another_secret_is_let_in_by_that_one_alone() {
    for count in [2, 4] {
        // Who is asked for the old secret again and again must not be locked out.
        let bank = BANK.replace("disableThreshold = 5", "disableThreshold = -1");
        let Some(nodes) = Nodes::start(count, &bank) else { return };
        warm(&nodes, SECRET);
        let new = "Gateway.Pass-2846";
        nodes.apply(bank.split("[[clients]]").next().unwrap());
        nodes.apply(&bank.replace(SECRET, new));
        // Nobody shows the new one before: a node would look the client up for that.
        nodes.all_obey("the old one is refused", |node| proves(node, SECRET) == 401);
        and_so_it_stays(&nodes, SECRET, 401);
        and_so_it_stays(&nodes, new, 200);
        and_so_it_stays(&nodes, SECRET, 401);
    }
}
