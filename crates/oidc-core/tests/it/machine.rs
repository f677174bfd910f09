//! `client_credentials`.

use domain::{AuthMethod, GrantType, OAuthErrorCode, ProfileName};
use testkit::a_client;

use super::{World, proven, public, text};

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

#[test]
fn answers_with_token_type_and_the_sessions_total_limit() {
    let world = World::new(ProfileName::Hid);
    let answer = world.token(&proven(a_client("m2m").scopes("openid a").build()), &[GRANT]).unwrap();
    let names: Vec<&String> = answer.keys().collect();
    assert_eq!(names, ["access_token", "token_type", "expires_in"]);
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["expires_in"], 3600);
    assert_eq!(world.store.session_count(), 1);
}

#[test]
fn writes_two_rows_in_one_batch() {
    let world = World::new(ProfileName::Hid);
    world.token(&proven(a_client("m2m").build()), &[GRANT]).unwrap();
    assert_eq!((world.store.session_count(), world.store.audit().len()), (1, 1));
}

#[test]
fn never_yields_id_token_or_refresh_token_even_with_their_scopes() {
    for profile in [ProfileName::Hid, ProfileName::Openid] {
        let world = World::new(profile);
        let client = proven(a_client("m2m").scopes("openid offline_access").build());
        let answer = world.token(&client, &[GRANT, ("scope", "openid offline_access")]).unwrap();
        assert!(!answer.contains_key("id_token") && !answer.contains_key("refresh_token"));
        assert_eq!(world.store.family_count(), 0);
    }
}

#[test]
fn no_token_answers_a_placeholder_and_opens_no_session() {
    let world = World::new(ProfileName::Hid);
    let answer = world.token(&proven(a_client("m2m").build()), &[GRANT, ("noToken", "1")]).unwrap();
    assert_eq!(
        serde_json::to_string(&answer).unwrap(),
        r#"{"access_token":"IA==","token_type":"Bearer","expires_in":0}"#
    );
    assert_eq!(world.store.session_count(), 0);
    assert_eq!(world.store.audit().len(), 1);
}

#[test]
fn scope_is_told_in_openid_when_it_differs_from_the_request() {
    let world = World::new(ProfileName::Openid);
    let client = proven(a_client("m2m").scopes("a b").build());
    assert_eq!(text(&world.token(&client, &[GRANT]).unwrap(), "scope"), "a b");
    assert!(!world.token(&client, &[GRANT, ("scope", "b a")]).unwrap().contains_key("scope"));
}

#[test]
fn refuses_what_the_client_may_not() {
    let world = World::new(ProfileName::Openid);
    let client = proven(a_client("m2m").scopes("a").build());
    let refusal = world.token(&client, &[GRANT, ("scope", "a b")]).unwrap_err();
    assert_eq!(refusal.code, OAuthErrorCode::InvalidScope);
    let other = proven(a_client("x").grants([GrantType::RefreshToken]).build());
    assert_eq!(world.token(&other, &[GRANT]).unwrap_err().code, OAuthErrorCode::UnauthorizedClient);
    let spa = public(a_client("spa").methods([AuthMethod::None]).build());
    assert_eq!(world.token(&spa, &[GRANT]).unwrap_err().reason, "public_client");
    assert_eq!(world.store.session_count(), 0);
}

#[test]
fn hid_overrides_must_fit_a_machine() {
    let world = World::new(ProfileName::Hid);
    let client = proven(a_client("m2m").build());
    assert!(world.token(&client, &[GRANT, ("authType", "AT_SYSLOG"), ("channel", "CH_DIRECT")]).is_ok());
    for pair in [("authType", "AT_CUSTPW"), ("channel", "CH_NONE"), ("device_id", "1"), ("mode", "SIGNING")] {
        assert_eq!(
            world.token(&client, &[GRANT, pair]).unwrap_err().code,
            OAuthErrorCode::HidError,
            "{pair:?}"
        );
    }
}

#[test]
fn machine_sessions_idle_out_in_hid_and_not_in_openid() {
    for (profile, alive) in [(ProfileName::Hid, false), (ProfileName::Openid, true)] {
        let mut world = World::new(profile);
        let client = proven(a_client("m2m").build());
        let token = text(&world.token(&client, &[GRANT]).unwrap(), "access_token").to_owned();
        // AuthenticationPolicy::new has 600 s of inactivity; 30 s more for activity that is not written.
        world.later(629);
        assert_eq!(world.introspect(&client, &token)["active"], true);
        world.later(631);
        assert_eq!(world.introspect(&client, &token)["active"], alive);
    }
}
