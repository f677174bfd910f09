//! Who is disabled loses at once what they had.

use countersign_server::tenant_file::{self, ApplyOptions};

use reqwest::blocking::RequestBuilder;

use super::support::{Ask as _, acme_legacy, acme_m2m, http, in_process::Server};

const ACME: &str = include_str!("../../../../fixtures/demo/acme.toml");

#[test]
fn a_disabled_user_keeps_no_token() {
    let server = Server::start(&[ACME]);
    let password = [
        ("grant_type", "password"),
        ("username", "bob"),
        ("password", "correct-horse-battery-staple"),
        ("scope", "openid offline_access"),
    ];
    let answer = acme_legacy(http().post(server.tenant("acme", "token"))).form(&password).json_ok();
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
