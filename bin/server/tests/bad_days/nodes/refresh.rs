//! One refresh token, presented to all nodes at once.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{ACME, Nodes};
use crate::support::{Ask as _, acme_legacy, acme_m2m, http};

fn family(nodes: &Nodes) -> Value {
    let form = [
        ("grant_type", "password"),
        ("username", "bob"),
        ("password", "correct-horse-battery-staple"),
        ("scope", "openid offline_access"),
    ];
    acme_legacy(http().post(nodes.all[0].acme("token"))).form(&form).json_ok()
}

fn refresh(url: String, token: &Value) -> crate::support::Said {
    let form = [("grant_type", "refresh_token"), ("refresh_token", token["refresh_token"].as_str().unwrap())];
    acme_legacy(http().post(url)).form(&form).said()
}

#[test]
fn a_rotation_has_one_winner_and_everyone_hears_its_answer() {
    let Some(nodes) = Nodes::start(4, ACME) else { return };
    let mut token = family(&nodes);
    let begun = token.clone();
    for round in 0..5 {
        let said = nodes.at_once(2, |node| refresh(node.acme("token"), &token));
        let answers: BTreeSet<&str> = said.iter().map(|said| said.text.as_str()).collect();
        assert_eq!(answers.len(), 1, "round {round}: {answers:?}");
        assert_eq!(said[0].status, 200, "round {round}: {}", said[0].text);
        token = said[0].json();
    }
    // One family, and in it one token that is current.
    assert_eq!(nodes.sql("SELECT count(*), count(ended) FROM refresh_families"), "1|0");
    let current = "SELECT count(*) FROM refresh_families f JOIN refresh_tokens t ON t.family = f.locator \
                   AND t.locator = f.current";
    assert_eq!(nodes.sql(current), "1");
    // A token that was replaced long ago ends the family, whichever node hears of it.
    assert_eq!(refresh(nodes.all[3].acme("token"), &begun).error(), (400, "invalid_grant".into()));
    for node in &nodes.all {
        assert_eq!(refresh(node.acme("token"), &token).error(), (400, "invalid_grant".into()));
        let form = [("token", token["access_token"].as_str().unwrap())];
        assert_eq!(acme_m2m(http().post(node.acme("introspect"))).form(&form).json_ok()["active"], false);
    }
}

#[test]
fn a_refresh_and_a_revocation_at_once_leave_nothing_alive_behind_the_revocation() {
    let Some(nodes) = Nodes::start(2, ACME) else { return };
    for _ in 0..6 {
        let token = family(&nodes);
        let (one, two) = (&nodes.all[0], &nodes.all[1]);
        let (refreshed, revoked) = std::thread::scope(|scope| {
            let refreshed = scope.spawn(|| refresh(one.acme("token"), &token));
            let revoked = scope.spawn(|| {
                let form = [("token", token["refresh_token"].as_str().unwrap())];
                acme_legacy(http().post(two.acme("revoke"))).form(&form).said()
            });
            (refreshed.join().unwrap(), revoked.join().unwrap())
        });
        assert_eq!(revoked.status, 200, "{}", revoked.text);
        let mut all = vec![token];
        if refreshed.status == 200 {
            all.push(refreshed.json());
        }
        for (token, node) in all.iter().zip(nodes.all.iter().cycle()) {
            let form = [("token", token["access_token"].as_str().unwrap())];
            assert_eq!(acme_m2m(http().post(node.acme("introspect"))).form(&form).json_ok()["active"], false);
            assert_eq!(refresh(node.acme("token"), token).error(), (400, "invalid_grant".into()));
        }
    }
}
