//! What was revoked at one node lives at no other, at once.

use super::{ACME, Nodes};
use crate::support::{Ask as _, acme_legacy, acme_m2m, http};

#[test]
fn a_revocation_is_seen_by_every_node_as_soon_as_it_is_told() {
    let Some(nodes) = Nodes::start(4, ACME) else { return };
    let form = [
        ("grant_type", "password"),
        ("username", "bob"),
        ("password", "correct-horse-battery-staple"),
        ("scope", "openid offline_access"),
    ];
    for round in 0..8 {
        let token = acme_legacy(http().post(nodes.all[round % 4].acme("token"))).form(&form).json_ok();
        let access = token["access_token"].as_str().unwrap();
        let bearer = format!("Bearer {access}");
        let alive = nodes.at_once(1, |node| {
            let said = http().get(node.acme("userinfo")).header("authorization", &bearer).said();
            let form = [("token", access)];
            let active = acme_m2m(http().post(node.acme("introspect"))).form(&form).json_ok();
            (said.status, active["active"] == true)
        });
        assert_eq!(alive, [(200, true); 4], "round {round}");
        let revoked = acme_legacy(http().post(nodes.all[(round + 1) % 4].acme("revoke")));
        assert_eq!(revoked.form(&[("token", access)]).said().status, 200);
        let dead = nodes.at_once(1, |node| {
            let said = http().get(node.acme("userinfo")).header("authorization", &bearer).said();
            let form = [("token", access)];
            let active = acme_m2m(http().post(node.acme("introspect"))).form(&form).json_ok();
            (said.status, active["active"] == true)
        });
        assert_eq!(dead, [(401, false); 4], "round {round}");
    }
}
