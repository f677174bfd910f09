//! Who is disabled loses what they had: users at once, clients on every node within two seconds.

use countersign_server::tenant_file::{self, ApplyOptions};

use reqwest::blocking::RequestBuilder;

use super::support::{Ask as _, acme_legacy, acme_m2m, http, in_process::Server, wait_for};

const ACME: &str = include_str!("../../../../fixtures/demo/acme.toml");

const BOB: [(&str, &str); 4] = [
    ("grant_type", "password"),
    ("username", "bob"),
    ("password", "correct-horse-battery-staple"),
    ("scope", "openid offline_access"),
];

#[test]
fn a_disabled_clients_tokens_are_told_to_be_dead_while_it_is() {
    let server = Server::start(&[ACME]);
    let answer = acme_legacy(http().post(server.tenant("acme", "token"))).form(&BOB).json_ok();
    let seen = |name: &str| {
        let form = [("token", answer[name].as_str().unwrap())];
        acme_m2m(http().post(server.tenant("acme", "introspect"))).form(&form).json_ok()["active"] == true
    };
    assert!(seen("access_token"));
    // Neither the client that asks nor the one that is asked about is read again.
    let reads =
        || server.metric("countersign_sql_statements_per_request_sum{kind=\"read\",route=\"introspect\"}");
    let before = reads();
    assert!(seen("access_token"));
    assert!((reads() - before - 1.0).abs() < 0.1, "{} reads", reads() - before);

    let named = "client_id = \"acme-legacy\"\n";
    let set = |enabled: bool| {
        let text = ACME.replace(named, &format!("{named}enabled = {enabled}\n"));
        let options = ApplyOptions { dry_run: false, prune: false };
        tenant_file::apply(&server.setup, &text, options).unwrap();
        let obeyed = || (seen("access_token") == enabled).then_some(());
        assert!(wait_for(std::time::Duration::from_secs(10), obeyed).is_some());
    };
    set(false);
    assert!(!seen("refresh_token"), "which is for its client alone to ask about");
    let own = acme_legacy(http().post(server.tenant("acme", "introspect")))
        .form(&[("token", answer["refresh_token"].as_str().unwrap())]);
    assert_eq!(own.said().error(), (401, "invalid_client".into()));
    set(true);
}

#[test]
fn a_disabled_user_keeps_no_token() {
    let server = Server::start(&[ACME]);
    let answer = acme_legacy(http().post(server.tenant("acme", "token"))).form(&BOB).json_ok();
    let machine = acme_m2m(http().post(server.tenant("acme", "token")))
        .form(&[("grant_type", "client_credentials")])
        .json_ok();
    let token = |name: &str| answer[name].as_str().unwrap();
    // Each client asks about its own.
    let seen = |who: fn(RequestBuilder) -> RequestBuilder, token: &str| {
        let said = who(http().post(server.tenant("acme", "introspect"))).form(&[("token", token)]).json_ok();
        said["active"] == true
    };
    let active = |token: &str| seen(acme_legacy, token);
    let userinfo = || http().get(server.tenant("acme", "userinfo")).bearer_auth(token("access_token")).said();
    assert!(active(token("access_token")) && active(token("refresh_token")));
    assert_eq!(userinfo().status, 200);

    let disabled = ACME.replace("user_name = \"bob\"\n", "user_name = \"bob\"\nstatus = \"disabled\"\n");
    assert_ne!(disabled, ACME);
    let report =
        tenant_file::apply(&server.setup, &disabled, ApplyOptions { dry_run: false, prune: false }).unwrap();
    assert_eq!(report.lines, ["~ user bob: status"]);

    assert!(!active(token("access_token")) && !active(token("refresh_token")));
    assert_eq!(userinfo().error(), (401, "invalid_token".into()));
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", token("refresh_token"))];
    let said = acme_legacy(http().post(server.tenant("acme", "token"))).form(&refresh).said();
    assert_eq!(said.error(), (400, "invalid_grant".into()));
    assert!(seen(acme_m2m, machine["access_token"].as_str().unwrap()), "machines keep theirs");
}
