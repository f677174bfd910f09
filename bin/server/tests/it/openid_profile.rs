//! Tenant `acme`: the standards to the letter.

use serde_json::json;

use super::support::{Ask as _, Demo, acme_legacy, acme_m2m, http, jwt_part};

#[test]
fn client_credentials_tells_the_scope_when_none_was_asked_for() {
    let demo = Demo::start();
    let answer = demo.acme_machine();
    assert_eq!(answer["token_type"], "Bearer");
    assert!(answer.get("context").is_none() && answer.get("refresh_token").is_none());
}

#[test]
fn the_password_grant_is_for_clients_that_list_it() {
    let demo = Demo::start();
    let form = [("grant_type", "password"), ("username", "bob"), ("password", "correct-horse-battery-staple")];
    let said = acme_m2m(http().post(demo.acme("token"))).form(&form).said();
    assert_eq!(said.error(), (400, "unauthorized_client".into()));
    let answer = demo.bob("openid profile offline_access");
    let claims = jwt_part(answer["id_token"].as_str().unwrap(), 1);
    // Opaque, stable, and not the user name.
    let sub = claims["sub"].as_str().unwrap();
    assert_ne!(sub, "bob");
    let again = demo.bob("openid");
    assert_eq!(jwt_part(again["id_token"].as_str().unwrap(), 1)["sub"], sub);
    assert!(answer.get("context").is_none());
}

#[test]
fn failures_have_no_vendor_members_and_one_text() {
    let demo = Demo::start();
    let with = |username: &str, password: &str| {
        let form = [("grant_type", "password"), ("username", username), ("password", password)];
        acme_legacy(http().post(demo.acme("token"))).form(&form).said()
    };
    let (wrong, unknown) = (with("bob", "wrong-password-here"), with("nobody", "wrong-password-here"));
    assert_eq!(wrong.error(), (400, "invalid_grant".into()));
    assert_eq!(wrong.text, unknown.text);
    assert!(wrong.json().get("hid_failure").is_none());
}

#[test]
fn the_clients_own_bearer_does_not_authenticate_it() {
    let demo = Demo::start();
    let machine = demo.acme_machine();
    let request = http().post(demo.acme("introspect")).bearer_auth(machine["access_token"].as_str().unwrap());
    let said = request.form(&[("token", "x")]).said();
    assert_eq!(said.error(), (401, "invalid_client".into()));
    assert!(said.header("www-authenticate").starts_with("Bearer "));
}

#[test]
fn a_token_in_the_query_is_refused() {
    let demo = Demo::start();
    let token = demo.bob("openid");
    let url = format!("{}?access_token={}", demo.acme("userinfo"), token["access_token"].as_str().unwrap());
    assert_eq!(http().get(url).said().error(), (400, "invalid_request".into()));
}

#[test]
fn vendor_parameters_are_unknown_and_ignored() {
    let demo = Demo::start();
    let form = [("grant_type", "client_credentials"), ("noToken", "1"), ("authType", "AT_NOSUCH")];
    let answer = acme_m2m(http().post(demo.acme("token"))).form(&form).json_ok();
    assert_ne!(answer["access_token"], json!("IA=="));
}

#[test]
fn the_correlation_id_is_the_callers_if_well_formed() {
    let demo = Demo::start();
    let with = |id: &str| {
        let said = http().get(demo.acme("jwks")).header("x-correlation-id", id).said();
        said.header("x-correlation-id").to_owned()
    };
    assert_eq!(with("trace-1.2:3_4"), "trace-1.2:3_4");
    for bad in ["two words", "<script>", &"x".repeat(129)] {
        let given = with(bad);
        assert_ne!(given, bad);
        assert!(given.len() >= 20);
    }
}
