//! What an administrator changes is obeyed by every node within 2 s (DECISIONS 5.7).

use serde_json::{Value, json};

use super::{ACME, Nodes};
use crate::support::{Ask as _, Said, http, serve::Node};

const SECRET: &str = "acme-m2m-secret-0b7c41d2f98e4a63";

fn ask(node: &Node, secret: &str) -> Said {
    let request = http().post(node.acme("token")).basic_auth("acme-m2m", Some(secret));
    request.form(&[("grant_type", "client_credentials")]).said()
}

/// All nodes know the client, its secret, its policy: that is what they must forget.
fn warm(nodes: &Nodes) {
    for node in &nodes.all {
        for _ in 0..2 {
            assert_eq!(ask(node, SECRET).status, 200);
        }
    }
}

#[test]
fn a_disabled_client_is_refused_and_an_enabled_one_let_in() {
    let Some(nodes) = Nodes::start(4, ACME) else { return };
    warm(&nodes);
    let name = "client_id = \"acme-m2m\"";
    nodes.apply(&ACME.replace(name, &format!("{name}\nenabled = false")));
    nodes.all_obey("refused", |node| ask(node, SECRET).error() == (401, "invalid_client".into()));
    nodes.apply(&ACME.replace(name, &format!("{name}\nenabled = true")));
    nodes.all_obey("let in", |node| ask(node, SECRET).status == 200);
}

/// A tenant whose administrator registers clients, and resets their secrets (docs/decisions/0033-registration.md).
const BANK: &str = "name = 'bank'\nprofile = 'hid'\n[settings]\nsigning_algs = ['ES256']\n\
    [[clients]]\nclient_id = 'admin'\nclient_secret = 'Quite-long-Word-71'\nroles = ['RL_ORGADMIN']\n\
    scopes = ['openid', 'profile']\n";

fn proves(node: &Node, client: &Value, secret: &str) -> u16 {
    let request = http().post(format!("{}/idp/bank/authn/token", node.url));
    let request = request.basic_auth(client["client_id"].as_str().unwrap(), Some(secret));
    request.form(&[("grant_type", "client_credentials")]).said().status
}

#[test]
fn a_replaced_secret_is_the_only_one_that_works() {
    let Some(nodes) = Nodes::start(4, BANK) else { return };
    let first_node = &nodes.all[0].url;
    let token = http().post(format!("{first_node}/idp/bank/authn/token"));
    let token =
        token.basic_auth("admin", Some("Quite-long-Word-71")).form(&[("grant_type", "client_credentials")]);
    let bearer = token.json_ok()["access_token"].as_str().unwrap().to_owned();
    let mut members = json!({ "redirect_uris": ["https://client.example/cb"] });
    let made = http().post(format!("{first_node}/idp/bank/authn/register")).bearer_auth(&bearer);
    let made = made.json(&members).said();
    assert!([200, 201].contains(&made.status), "{}", made.text);
    let client = made.json();
    let old = client["client_secret"].as_str().unwrap();
    for node in nodes.all.iter().flat_map(|node| [node; 2]) {
        assert_eq!(proves(node, &client, old), 200, "known everywhere, and remembered");
    }
    members["client_id"] = client["client_id"].clone();
    members["client_secret"] = json!("another one");
    let path =
        client["registration_client_uri"].as_str().unwrap().strip_prefix("https://id.example").unwrap();
    nodes.changes_now();
    let given = http().put(format!("{first_node}{path}")).bearer_auth(&bearer).json(&members).json_ok();
    let new = given["client_secret"].as_str().unwrap();
    assert_ne!(new, old);
    // Nobody shows the new one before: a node would look it up for that.
    nodes.all_obey("the old one is refused", |node| proves(node, &client, old) == 401);
    // And so it stays.
    let seen = nodes.at_once(2, |node| (proves(node, &client, new), proves(node, &client, old)));
    assert_eq!(seen, [(200, 401); 8]);
}

#[test]
fn a_changed_policy_holds_for_every_new_token() {
    let Some(nodes) = Nodes::start(4, ACME) else { return };
    warm(&nodes);
    let lasts = |node: &Node| ask(node, SECRET).json()["expires_in"].as_i64().unwrap();
    assert_eq!(lasts(&nodes.all[0]), 3600);
    nodes.apply(&ACME.replace("code = \"AT_SYSLOG\"", "code = \"AT_SYSLOG\"\ntotalSeconds = 120"));
    nodes.all_obey("two minutes", |node| lasts(node) == 120);
}

#[test]
fn a_disabled_user_is_refused_and_his_tokens_are_dead_at_once() {
    let Some(nodes) = Nodes::start(2, ACME) else { return };
    let log_in = |node: &Node| {
        let form = [
            ("grant_type", "password"),
            ("username", "bob"),
            ("password", "correct-horse-battery-staple"),
            ("scope", "openid offline_access"),
        ];
        crate::support::acme_legacy(http().post(node.acme("token"))).form(&form).said()
    };
    let token = log_in(&nodes.all[0]).json();
    let name = "user_name = \"bob\"";
    nodes.apply(&ACME.replace(name, &format!("{name}\nstatus = \"disabled\"")));
    for node in &nodes.all {
        assert_eq!(log_in(node).error(), (400, "invalid_grant".into()));
        let form =
            [("grant_type", "refresh_token"), ("refresh_token", token["refresh_token"].as_str().unwrap())];
        let said = crate::support::acme_legacy(http().post(node.acme("token"))).form(&form).said();
        assert_eq!(said.error(), (400, "invalid_grant".into()));
        let form = [("token", token["access_token"].as_str().unwrap())];
        let active = crate::support::acme_m2m(http().post(node.acme("introspect"))).form(&form).json_ok();
        assert_eq!(active["active"], false);
    }
}
