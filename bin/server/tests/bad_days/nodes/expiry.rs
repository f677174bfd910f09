//! Every node removes what has expired, all the time; they are in nobody's way, nor in each other's.

use std::time::Duration;

use super::{ACME, Nodes};
use crate::support::{Ask as _, acme_legacy, acme_m2m, http, wait_for};

const EAGER: &str = "[jobs]\nexpiry_interval_ms = 50\nexpiry_lag = 0\nexpiry_batch = 20\n";

#[test]
fn expiry_at_all_nodes_at_once_disturbs_nobody() {
    // Tokens and families live for a second.
    let acme = ACME.replace("code = \"AT_SYSLOG\"", "code = \"AT_SYSLOG\"\ntotalSeconds = 1").replace(
        "[settings]",
        "[[policies]]\ncode = \"AT_STDPWD\"\ntotalSeconds = 1\n[settings]\nrefresh_token_validity = 1",
    );
    let Some(nodes) = Nodes::start_with(4, &acme, EAGER) else { return };
    let statuses = nodes.at_once(2, |node| {
        let ask = http();
        let mut statuses = Vec::new();
        for _ in 0..25 {
            let machine =
                acme_m2m(ask.post(node.acme("token"))).form(&[("grant_type", "client_credentials")]);
            statuses.push(machine.said().status);
            let form = [
                ("grant_type", "password"),
                ("username", "bob"),
                ("password", "correct-horse-battery-staple"),
                ("scope", "openid offline_access"),
            ];
            let user = acme_legacy(ask.post(node.acme("token"))).form(&form).said();
            statuses.push(user.status);
            if user.status == 200 {
                let token = user.json();
                let form = [
                    ("grant_type", "refresh_token"),
                    ("refresh_token", token["refresh_token"].as_str().unwrap()),
                ];
                // It may have expired on the way.
                let again = acme_legacy(ask.post(node.acme("token"))).form(&form).said().status;
                statuses.push(if again == 400 { 200 } else { again });
            }
        }
        statuses
    });
    let refused = statuses.iter().flatten().filter(|status| **status != 200).count();
    assert_eq!(refused, 0, "of {} requests", statuses.iter().flatten().count());
    let gone = || {
        let left = "SELECT (SELECT count(*) FROM sessions) + (SELECT count(*) FROM refresh_tokens) \
                    + (SELECT count(*) FROM refresh_families)";
        (nodes.sql(left) == "0").then_some(())
    };
    wait_for(Duration::from_secs(15), gone).expect("all of it expires");
    for node in &nodes.all {
        assert!(!node.stderr().contains("expiry failed"), "{}", node.stderr());
    }
}
