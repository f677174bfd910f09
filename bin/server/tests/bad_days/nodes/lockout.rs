//! Guesses and right passwords spread over all nodes at once (DECISIONS 5.6).

use super::Nodes;
use crate::support::{Ask as _, Said, http, serve::Node};

const BANK: &str = r#"
name = "bank"
profile = "hid"

[[policies]]
code = "AT_SYSLOG"
passwordPolicy = { notBlackListed = false, notSequence = false, notUserAttribute = false }

[[policies]]
code = "AT_CUSTPW"
disableThreshold = 5

[[clients]]
client_id = "portal"
client_secret = "Portal.Pass-7391"
grant_types = ["client_credentials", "password"]
scopes = ["openid"]
hid_user_authn_policy = "AT_CUSTPW"

[[users]]
user_name = "ann"
[[users.authenticators]]
policy = "AT_CUSTPW"
password = "Wren.Sings-41"
"#;

fn log_in(node: &Node, password: &str) -> Said {
    let form = [("grant_type", "password"), ("username", "ann"), ("password", password)];
    let url = format!("{}/idp/bank/authn/token", node.url);
    // One that lost to others too often may ask again; it has not been counted.
    loop {
        let said = http().post(&url).basic_auth("portal", Some("Portal.Pass-7391")).form(&form).said();
        if said.status != 503 {
            return said;
        }
    }
}

const COUNTED: &str = "SELECT consecutive_failed, total_failed, locked_at IS NOT NULL FROM authenticators";

#[test]
fn guesses_at_all_nodes_at_once_lock_at_exactly_the_threshold() {
    let Some(nodes) = Nodes::start(4, BANK) else { return };
    let said = nodes.at_once(5, |node| log_in(node, "Wrong.Pass-1"));
    let mut reasons: Vec<_> =
        said.iter().map(|said| said.json()["hid_failure"]["reason"].as_i64().unwrap()).collect();
    reasons.sort_unstable();
    let wanted = [vec![1; 15], vec![2], vec![13; 4]].concat();
    assert_eq!(reasons, wanted, "four wrong ones, one that locks, and the rest are locked out");
    assert_eq!(nodes.sql(COUNTED), "5|5|t");
    for node in &nodes.all {
        assert_eq!(log_in(node, "Wren.Sings-41").json()["hid_failure"]["reason"], 1, "locked everywhere");
    }
}

#[test]
fn right_passwords_at_all_nodes_at_once_never_count() {
    let Some(nodes) = Nodes::start(4, BANK) else { return };
    for _ in 0..3 {
        assert_eq!(log_in(&nodes.all[0], "Wrong.Pass-1").status, 400);
    }
    assert_eq!(nodes.sql(COUNTED), "3|3|f");
    let said = nodes.at_once(4, |node| log_in(node, "Wren.Sings-41"));
    assert!(said.iter().all(|said| said.status == 200));
    assert_eq!(nodes.sql(COUNTED), "0|3|f");
    assert_eq!(nodes.sql("SELECT total_success FROM authenticators"), "16");
}

#[test]
fn guesses_at_a_clients_secret_are_counted_by_all_nodes_together() {
    let Some(nodes) = Nodes::start(2, BANK) else { return };
    let ask = |node: &Node, secret: &str| {
        let url = format!("{}/idp/bank/authn/token", node.url);
        let form = [("grant_type", "client_credentials")];
        loop {
            let said = http().post(&url).basic_auth("portal", Some(secret)).form(&form).said();
            if said.status != 503 {
                return said.status;
            }
        }
    };
    let said = nodes.at_once(4, |node| ask(node, "Wrong.Pass-1"));
    assert_eq!(said, [401; 8]);
    // AT_SYSLOG locks a source at five.
    assert_eq!(nodes.sql("SELECT consecutive, locked_until IS NOT NULL FROM source_failures"), "5|t");
    for node in &nodes.all {
        assert_eq!(ask(node, "Portal.Pass-7391"), 401, "locked for this source, everywhere");
    }
}
