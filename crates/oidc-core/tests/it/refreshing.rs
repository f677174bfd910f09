//! `refresh_token`: rotation, retry, reuse (DECISIONS 3.4).

use domain::{Claims, OAuthErrorCode, ProfileName, Refusal};
use testkit::a_client;

use super::{HOUR, World, bob, proven, text};

fn refresh(world: &World, client: &domain::AuthenticatedClient, token: &str) -> Result<Claims, Refusal> {
    world.token(client, &[("grant_type", "refresh_token"), ("refresh_token", token)])
}

struct Family {
    world: World,
    client: domain::AuthenticatedClient,
    first: String,
    access: String,
}

fn family() -> Family {
    let world = World::new(ProfileName::Openid);
    let client = proven(a_client("app").scopes("openid profile offline_access").build());
    let user = bob(&world);
    let answer = world.sign_in(&client, &user, "openid profile offline_access", HOUR);
    let (first, access) =
        (text(&answer, "refresh_token").to_owned(), text(&answer, "access_token").to_owned());
    Family { world, client, first, access }
}

#[test]
fn each_use_replaces_the_token_and_opens_a_session() {
    let Family { world, client, first, .. } = family();
    let answer = refresh(&world, &client, &first).unwrap();
    assert_ne!(text(&answer, "refresh_token"), first);
    assert_eq!(text(&answer, "scope"), "offline_access openid profile");
    assert!(answer.contains_key("id_token"));
    assert_eq!(world.store.session_count(), 2);
    assert!(refresh(&world, &client, text(&answer, "refresh_token")).is_ok());
}

#[test]
fn a_retry_within_ten_seconds_gets_the_same_answer() {
    let Family { mut world, client, first, .. } = family();
    let answer = refresh(&world, &client, &first).unwrap();
    world.later(9);
    assert_eq!(refresh(&world, &client, &first).unwrap(), answer);
    assert_eq!(world.store.session_count(), 2);
}

#[test]
fn a_spent_token_after_ten_seconds_ends_the_family() {
    let Family { mut world, client, first, access } = family();
    let answer = refresh(&world, &client, &first).unwrap();
    world.later(10);
    assert_eq!(refresh(&world, &client, &first).unwrap_err().reason, "reused");
    assert!(refresh(&world, &client, text(&answer, "refresh_token")).is_err());
    assert_eq!(world.introspect(&client, text(&answer, "access_token"))["active"], false);
    assert_eq!(world.introspect(&client, &access)["active"], false);
    assert_eq!(world.store.audit().last().unwrap().reason, "reused");
}

#[test]
fn a_retry_after_the_successor_was_used_ends_the_family() {
    let Family { world, client, first, .. } = family();
    let second = refresh(&world, &client, &first).unwrap();
    let third = refresh(&world, &client, text(&second, "refresh_token")).unwrap();
    assert_eq!(refresh(&world, &client, &first).unwrap_err().reason, "reused");
    assert!(refresh(&world, &client, text(&third, "refresh_token")).is_err());
}

#[test]
fn a_retry_with_another_scope_is_a_reuse() {
    let Family { world, client, first, .. } = family();
    refresh(&world, &client, &first).unwrap();
    let form = [("grant_type", "refresh_token"), ("refresh_token", first.as_str()), ("scope", "openid")];
    assert_eq!(world.token(&client, &form).unwrap_err().reason, "reused");
}

#[test]
fn another_clients_token_is_refused_and_nothing_happens() {
    let Family { world, client, first, .. } = family();
    let other = proven(a_client("other").scopes("openid").build());
    let refusal = refresh(&world, &other, &first).unwrap_err();
    assert_eq!((refusal.code, refusal.reason), (OAuthErrorCode::InvalidGrant, "foreign"));
    assert!(refresh(&world, &client, &first).is_ok());
}

#[test]
fn a_forged_secret_with_a_known_locator_ends_nothing() {
    let Family { world, client, first, .. } = family();
    let locator = domain::token_text::parse(domain::TokenKind::Refresh, &first).unwrap().locator;
    let forged = forge(locator.as_bytes());
    assert_eq!(refresh(&world, &client, &forged).unwrap_err().reason, "unknown");
    assert!(refresh(&world, &client, &first).is_ok());
}

/// A well-formed refresh token with a given locator and a secret of zeros.
fn forge(locator: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    let mut body = locator.to_vec();
    body.extend([0; 32]);
    let sum = Sha256::new().chain_update("crt_").chain_update(&body).finalize();
    body.extend_from_slice(&sum[..4]);
    format!("crt_{}", domain::encoding::base64url(&body))
}

#[test]
fn a_narrower_scope_is_granted_and_a_wider_one_refused() {
    let Family { world, client, first, .. } = family();
    let form =
        [("grant_type", "refresh_token"), ("refresh_token", first.as_str()), ("scope", "openid email")];
    assert_eq!(world.token(&client, &form).unwrap_err().code, OAuthErrorCode::InvalidScope);
    let form = [("grant_type", "refresh_token"), ("refresh_token", first.as_str()), ("scope", "profile")];
    let answer = world.token(&client, &form).unwrap();
    assert_eq!(text(&answer, "scope"), "profile");
    assert!(!answer.contains_key("id_token"));
    // What was granted stays granted (RFC 6749 §6).
    let wide = refresh(&world, &client, text(&answer, "refresh_token")).unwrap();
    assert_eq!(text(&wide, "scope"), "offline_access openid profile");
}

#[test]
fn a_family_ends_when_its_time_is_over_and_when_its_user_is_disabled() {
    let Family { mut world, client, first, .. } = family();
    world.store.user_insert(testkit::a_user("bob").disabled().build());
    assert_eq!(refresh(&world, &client, &first).unwrap_err().reason, "user_disabled");
    bob(&world);
    world.later(1000);
    assert_eq!(refresh(&world, &client, &first).unwrap_err().reason, "family_expired");
}

#[test]
fn no_token_proves_the_refresh_token_and_spends_nothing() {
    let world = World::new(ProfileName::Hid);
    let client = proven(a_client("app").scopes("openid offline_access").build());
    let first = world.sign_in(&client, &bob(&world), "openid offline_access", HOUR);
    let first = text(&first, "refresh_token");
    let form = [("grant_type", "refresh_token"), ("refresh_token", first), ("noToken", "1")];
    let answer = world.token(&client, &form).unwrap();
    assert_eq!(
        serde_json::Value::Object(answer),
        serde_json::json!({ "access_token": "IA==", "token_type": "Bearer", "expires_in": 0 })
    );
    assert_eq!(world.store.session_count(), 1);
    // Still the current one.
    assert!(refresh(&world, &client, first).is_ok());
}

#[test]
fn no_token_never_gets_the_tokens_of_a_rotation() {
    let world = World::new(ProfileName::Hid);
    let client = proven(a_client("app").scopes("openid offline_access").build());
    let first = world.sign_in(&client, &bob(&world), "openid offline_access", HOUR);
    let first = text(&first, "refresh_token");
    refresh(&world, &client, first).unwrap();
    let form = [("grant_type", "refresh_token"), ("refresh_token", first), ("noToken", "1")];
    assert_eq!(world.token(&client, &form).unwrap_err().reason, "reused");
}

#[test]
fn a_refresh_cannot_be_made_into_another_log_in() {
    let world = World::new(ProfileName::Hid);
    let client = proven(a_client("app").scopes("openid").build());
    let first = world.sign_in(&client, &bob(&world), "openid", HOUR);
    for pair in [("authType", "AT_OTHER"), ("channel", "CH_DIRECT"), ("device_id", "1"), ("mode", "SIGNING")]
    {
        let form = [("grant_type", "refresh_token"), ("refresh_token", text(&first, "refresh_token")), pair];
        assert_eq!(world.token(&client, &form).unwrap_err().code, OAuthErrorCode::HidError, "{pair:?}");
    }
    assert!(refresh(&world, &client, text(&first, "refresh_token")).is_ok());
}

#[test]
fn scopes_that_the_client_lost_are_not_refreshed() {
    let Family { world, first, .. } = family();
    let client = proven(a_client("app").scopes("openid offline_access").build());
    let form =
        [("grant_type", "refresh_token"), ("refresh_token", first.as_str()), ("scope", "openid profile")];
    assert_eq!(world.token(&client, &form).unwrap_err().code, OAuthErrorCode::InvalidScope);
    let answer = refresh(&world, &client, &first).unwrap();
    assert_eq!(text(&answer, "scope"), "offline_access openid");
}

#[test]
fn the_limits_of_the_policy_in_force_hold_for_the_new_session() {
    let world = World::new(ProfileName::Openid);
    let client = proven(a_client("app").scopes("openid").build());
    let first = world.sign_in_under("AT_STDPWD", &client, &bob(&world));
    world.store.policy_insert(testkit::a_policy("AT_STDPWD").timeouts(30, 60).build());
    let answer = refresh(&world, &client, text(&first, "refresh_token")).unwrap();
    assert_eq!(answer["expires_in"], 60);
}
