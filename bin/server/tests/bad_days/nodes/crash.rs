//! `kill -9` of one of two nodes under load: what was told at either is true at the other.

use std::collections::BTreeSet;

use super::{ACME, Nodes};
use crate::{
    crash::{BUSY, assert_under_load, chance},
    disk::{is_long, load::Load, promises::Promises},
    support::serve::Node,
};

/// What must not be there: something of which only a half was written.
const HALVES: [(&str, &str); 4] = [
    (
        "sessions without their family",
        "SELECT count(*) FROM sessions s WHERE family IS NOT NULL AND NOT EXISTS (SELECT 1 FROM refresh_families f \
         WHERE f.tenant_id = s.tenant_id AND f.locator = s.family)",
    ),
    (
        "families without their token",
        "SELECT count(*) FROM refresh_families f WHERE NOT EXISTS (SELECT 1 FROM refresh_tokens t \
         WHERE t.tenant_id = f.tenant_id AND t.locator = f.current AND t.family = f.locator)",
    ),
    (
        "sessions of a family that has ended",
        "SELECT count(*) FROM refresh_families f JOIN sessions s ON s.tenant_id = f.tenant_id \
         AND s.family = f.locator WHERE f.ended IS NOT NULL",
    ),
    (
        "a machine's tokens that are in the audit log alone, or not in it",
        "SELECT (SELECT count(*) FROM audit_log WHERE kind = 'token' AND client_id = 'acme-m2m') \
         - (SELECT count(DISTINCT detail) FROM audit_log WHERE kind = 'revocation' AND client_id = 'acme-m2m' \
            AND detail LIKE 'access_token %') \
         - (SELECT count(*) FROM sessions WHERE client_id = 'acme-m2m')",
    ),
];

impl Nodes {
    fn busy_one(&self) -> Node {
        Node::start_with(self.dir.path(), "c.toml", &BUSY)
    }

    /// What is wrong with the database, a line each, given the requests that were told of a success.
    fn problems(&self, told: &[String]) -> String {
        let logged = self.sql("SELECT request_id FROM audit_log");
        let logged: BTreeSet<&str> = logged.lines().collect();
        let missing = told.iter().filter(|id| !logged.contains(id.as_str()));
        let missing = missing.map(|id| format!("told, but not in the audit log: {id}"));
        let halves = HALVES.iter().map(|(what, sql)| (what, self.sql(sql))).filter(|(_, count)| count != "0");
        let halves = halves.map(|(what, count)| format!("{count} {what}"));
        missing.chain(halves).collect::<Vec<_>>().join("\n")
    }
}

#[test]
fn what_a_node_told_before_kill_9_is_true_at_the_other() {
    let Some(mut nodes) = Nodes::start(0, ACME) else { return };
    nodes.all = vec![nodes.busy_one(), nodes.busy_one()];
    let rounds = if is_long() { 20 } else { 4 };
    let (mut promises, mut in_flight) = (Promises::default(), Vec::new());
    for round in 0..rounds {
        let urls: Vec<String> = nodes.all.iter().map(|node| node.acme("")).collect();
        let load = Load::start_at(&urls);
        load.wait_for(40 + chance(100));
        // Dropped is killed.
        drop(nodes.all.remove(0));
        // The clients of the other one notice nothing.
        load.wait_for(load.told() + 30);
        let mut told = load.end();
        println!("told of machines, users, revocations, and open: {:?}", told.figures());
        in_flight.push(told.unanswered);
        let survivor = nodes.all[0].acme("");
        told.assert_kept_at(&survivor, |told| nodes.problems(told));
        promises.merge_checked(told);
        if round + 1 == rounds {
            promises.assert_kept_at(&survivor, |told| nodes.problems(told));
        }
        nodes.all.push(nodes.busy_one());
    }
    assert_under_load(&in_flight);
}
