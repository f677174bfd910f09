//! Introspection and revocation over HTTP.

use serde_json::json;
use storage::AuditFilter;

use super::support::{Ask as _, Demo, SPL_API, acme_legacy, acme_m2m, http, in_process::Server, jwt_part};

#[test]
fn a_privileged_client_sees_every_token_of_its_tenant() {
    let demo = Demo::start();
    let token = demo.bob("openid");
    let form = [("token", token["access_token"].as_str().unwrap())];
    let seen = acme_m2m(http().post(demo.acme("introspect"))).form(&form).json_ok();
    assert_eq!(
        (&seen["active"], &seen["client_id"], &seen["username"]),
        (&json!(true), &json!("acme-legacy"), &json!("bob"))
    );
    assert_eq!(seen["iss"], demo.acme("").trim_end_matches('/'));
    assert!(seen["exp"].as_i64() > seen["iat"].as_i64());
}

#[test]
fn the_signed_answer_is_given_to_who_accepts_it() {
    let demo = Demo::start();
    let token = demo.bob("openid");
    let form = [("token", token["access_token"].as_str().unwrap())];
    let request = acme_m2m(http().post(demo.acme("introspect"))).form(&form);
    let said = request.header("accept", "application/token-introspection+jwt").said();
    assert_eq!(said.header("content-type"), "application/token-introspection+jwt");
    let (header, claims) = (jwt_part(&said.text, 0), jwt_part(&said.text, 1));
    assert_eq!(header["typ"], "token-introspection+jwt");
    assert_eq!(claims["aud"], "acme-m2m");
    assert_eq!(claims["token_introspection"]["username"], "bob");
    let jwks = http().get(demo.acme("jwks")).said().text;
    assert!(jose::JoseVerifier::from_jwks(&jwks).unwrap().verify(&said.text).is_ok());
}

#[test]
fn a_missing_token_is_an_invalid_request() {
    let demo = Demo::start();
    for endpoint in ["introspect", "revoke"] {
        let said =
            acme_m2m(http().post(demo.acme(endpoint))).form(&[("token_type_hint", "access_token")]).said();
        assert_eq!(said.error(), (400, "invalid_request".into()));
    }
}

#[test]
fn revocation_ends_the_whole_grant_with_an_empty_200() {
    let demo = Demo::start();
    for kind in ["access_token", "refresh_token"] {
        let token = demo.bob("openid offline_access");
        let form = [("token", token[kind].as_str().unwrap()), ("token_type_hint", "nonsense")];
        let said = acme_legacy(http().post(demo.acme("revoke"))).form(&form).said();
        assert_eq!((said.status, said.text.as_str()), (200, ""));
        for kind in ["access_token", "refresh_token"] {
            let form = [("token", token[kind].as_str().unwrap())];
            let seen = acme_legacy(http().post(demo.acme("introspect"))).form(&form).said();
            assert_eq!(seen.text, r#"{"active":false}"#);
        }
    }
}

#[test]
fn a_revocation_is_told_with_the_user_and_the_public_half_of_the_token() {
    let server = Server::start(&[include_str!("../../../../fixtures/demo/acme.toml")]);
    let form = [
        ("grant_type", "password"),
        ("username", "bob"),
        ("password", "correct-horse-battery-staple"),
        ("scope", "openid offline_access"),
    ];
    for kind in ["access_token", "refresh_token"] {
        let answer = acme_legacy(http().post(server.tenant("acme", "token"))).form(&form).json_ok();
        let token = answer[kind].as_str().unwrap();
        let said = acme_legacy(http().post(server.tenant("acme", "revoke"))).form(&[("token", token)]).said();
        assert_eq!(said.status, 200);
        let newest = AuditFilter { since: None, until: None, after: None, newest: true, limit: 100 };
        let rows = server.store("acme").audit(&newest).unwrap();
        let told: Vec<_> =
            rows.iter().filter(|row| row.kind == "revocation" && row.detail.starts_with(kind)).collect();
        let [row] = told.as_slice() else { panic!("{rows:?}") };
        assert_eq!(row.user_name.as_deref(), Some("bob"));
        let (_, locator) = row.detail.split_once(' ').unwrap();
        assert_eq!(locator.len(), 16);
        let secret = token.get(token.len() - 32..).unwrap();
        assert!(!row.detail.contains(secret));
        if kind == "access_token" {
            let body = token.split_once('_').unwrap().1;
            assert!(body.starts_with(locator), "{locator} begins {body}");
        }
    }
}

#[test]
fn a_revoked_client_token_authenticates_nobody_any_more() {
    let demo = Demo::start();
    let bearer = demo.spl_api_bearer();
    let form = [("token", bearer.trim_start_matches("Bearer ")), ("client_id", "spl-api")];
    assert_eq!(
        http().post(demo.bank("revoke")).header("authorization", &bearer).form(&form).said().status,
        200
    );
    let said = http().post(demo.bank("introspect")).header("authorization", &bearer).form(&form).said();
    assert_eq!(said.error(), (401, "invalid_client".into()));
    let seen = http().post(demo.bank("introspect")).header("authorization", SPL_API).form(&form).json_ok();
    assert_eq!(seen, json!({ "active": false }));
}
