//! Userinfo over HTTP.

use super::support::{Ask as _, Demo, http, jwt_part};

#[test]
fn hid_answers_a_signed_jwt_and_openid_json() {
    let demo = Demo::start();
    let alice = demo.alice("openid profile");
    let said = http().get(demo.bank("userinfo")).bearer_auth(alice["access_token"].as_str().unwrap()).said();
    assert_eq!(said.header("content-type"), "application/jwt; charset=UTF-8");
    let claims = jwt_part(&said.text, 1);
    assert_eq!((&claims["sub"], &claims["preferred_username"]), (&"alice".into(), &"alice".into()));
    assert!(claims["groupids"].is_array() && claims["roles"].is_array());
    let jwks = http().get(demo.bank("jwks")).said().text;
    assert!(jose::JoseVerifier::from_jwks(&jwks).unwrap().verify(&said.text).is_ok());

    let bob = demo.bob("openid profile");
    let said = http().get(demo.acme("userinfo")).bearer_auth(bob["access_token"].as_str().unwrap()).said();
    assert!(said.header("content-type").starts_with("application/json"));
    assert_eq!(said.header("cache-control"), "no-store");
    assert_eq!(said.json()["preferred_username"], "bob");
}

#[test]
fn takes_the_token_by_header_or_body_but_not_both() {
    let demo = Demo::start();
    let bob = demo.bob("openid");
    let token = bob["access_token"].as_str().unwrap();
    let url = demo.acme("userinfo");
    assert_eq!(http().post(&url).form(&[("access_token", token)]).said().status, 200);
    assert_eq!(http().post(&url).bearer_auth(token).said().status, 200);
    let said = http().post(&url).bearer_auth(token).form(&[("access_token", token)]).said();
    assert_eq!(said.error(), (400, "invalid_request".into()));
}

#[test]
fn refuses_with_the_challenges_of_rfc_6750() {
    let demo = Demo::start();
    let machine = demo.acme_machine();
    let url = demo.acme("userinfo");
    for bearer in ["IA==", "cat_nonsense", ""] {
        let said = http().get(&url).bearer_auth(bearer).said();
        assert_eq!(said.error(), (401, "invalid_token".into()));
        assert!(said.header("www-authenticate").contains("error=\"invalid_token\""));
    }
    assert_eq!(http().get(&url).said().status, 401);
    let said = http().get(&url).bearer_auth(machine["access_token"].as_str().unwrap()).said();
    assert_eq!(said.error(), (403, "insufficient_scope".into()));
}
