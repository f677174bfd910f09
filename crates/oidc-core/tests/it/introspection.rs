//! Introspection and revocation: who sees and ends what (DECISIONS 5.2, 5.3).

use domain::{
    AuthenticatedClient, ProfileName, SessionLimits, TokenKind, Ttl, WriteBatch,
    port::{RefreshLookup as _, SessionLookup as _},
    token_text,
};
use oidc_core::revoke;
use testkit::a_client;

use super::{HOUR, World, bob, proven, public, text};

fn revoke(world: &World, caller: &AuthenticatedClient, token: &str) -> usize {
    let mut store = world.store.clone();
    let writes = if let Some(token) = token_text::parse(TokenKind::Access, token) {
        revoke::access(caller, &token, store.session(&token.locator).unwrap().as_ref())
    } else {
        let token = token_text::parse(TokenKind::Refresh, token).unwrap();
        revoke::refresh(caller, &token, store.refresh(&token.locator).unwrap().as_ref())
    };
    let count = writes.len();
    world.apply(&WriteBatch { writes });
    count
}

#[test]
fn a_client_sees_its_own_tokens_and_a_privileged_one_all() {
    let world = World::new(ProfileName::Openid);
    let owner = proven(a_client("owner").scopes("openid").build());
    let answer = world.sign_in(&owner, &bob(&world), "openid", HOUR);
    let access = text(&answer, "access_token");
    let seen = world.introspect(&owner, access);
    assert_eq!((text(&seen, "sub"), text(&seen, "username")), ("sub-bob", "bob"));
    assert_eq!(text(&seen, "client_id"), "owner");
    let machine = proven(a_client("rs").role("RL_CLIENTIDM2M").build());
    assert_eq!(world.introspect(&machine, access)["active"], true);
    for blind in [proven(a_client("other").build()), public(a_client("owner").public().build())] {
        let unseen = world.introspect(&blind, access);
        assert_eq!(serde_json::to_string(&unseen).unwrap(), r#"{"active":false}"#);
    }
}

#[test]
fn what_a_disabled_client_has_is_told_to_be_dead() {
    let world = World::new(ProfileName::Openid);
    let owner = proven(a_client("owner").scopes("openid").build());
    let machine = proven(a_client("rs").role("RL_CLIENTIDM2M").build());
    let answer = world.sign_in(&owner, &bob(&world), "openid", HOUR);
    let active = || world.introspect(&machine, text(&answer, "access_token"))["active"] == true;
    assert!(active());
    world.register(&proven(a_client("owner").with(|client| client.enabled = false).build()));
    assert!(!active());
}

#[test]
fn a_refresh_token_is_for_its_owner_only() {
    let world = World::new(ProfileName::Openid);
    let owner = proven(a_client("owner").scopes("openid").build());
    let answer = world.sign_in(&owner, &bob(&world), "openid", HOUR);
    let refresh = text(&answer, "refresh_token");
    assert_eq!(world.introspect(&owner, refresh)["active"], true);
    let machine = proven(a_client("rs").permission("introspect").build());
    assert_eq!(world.introspect(&machine, refresh)["active"], false);
}

#[test]
fn placeholders_typos_and_forgeries_are_inactive_without_a_read() {
    let world = World::new(ProfileName::Hid);
    let owner = proven(a_client("owner").scopes("openid").build());
    let answer = world.sign_in(&owner, &bob(&world), "openid", HOUR);
    let mut typo = text(&answer, "access_token").to_owned();
    let last = if typo.pop() == Some('A') { 'B' } else { 'A' };
    typo.push(last);
    for token in ["IA==", "x", typo.as_str(), "cat_"] {
        assert_eq!(world.introspect(&owner, token)["active"], false);
    }
}

#[test]
fn introspection_counts_as_activity_written_at_most_every_thirty_seconds() {
    let mut world = World::new(ProfileName::Openid);
    let owner = proven(a_client("owner").scopes("openid").build());
    let limits = SessionLimits { inactivity: Some(Ttl::from_secs(60)), total: Ttl::from_secs(3600) };
    let answer = world.sign_in(&owner, &bob(&world), "openid", limits);
    let access = text(&answer, "access_token");
    let locator = token_text::parse(TokenKind::Access, access).unwrap().locator;
    let touched = |world: &World| world.store.clone().session(&locator).unwrap().unwrap().touched_at;
    let start = world.now;
    world.later(29);
    world.introspect(&owner, access);
    assert_eq!(touched(&world), start);
    world.later(1);
    world.introspect(&owner, access);
    assert_eq!(touched(&world), world.now);
    // Blind callers touch nothing.
    world.later(40);
    let before = touched(&world);
    world.introspect(&proven(a_client("other").build()), access);
    assert_eq!(touched(&world), before);
    // 60 s from the last written activity plus 30 s, never earlier.
    world.later(49);
    let mut probe = World { now: world.now, ..World::new(ProfileName::Openid) };
    probe.store = world.store.clone();
    probe.later(1);
    assert_eq!(probe.introspect(&owner, access)["active"], false);
    assert_eq!(world.introspect(&owner, access)["active"], true);
}

#[test]
fn revoking_either_token_ends_the_whole_grant() {
    for name in ["access_token", "refresh_token"] {
        let world = World::new(ProfileName::Openid);
        let owner = proven(a_client("owner").scopes("openid").build());
        let answer = world.sign_in(&owner, &bob(&world), "openid", HOUR);
        let form = [("grant_type", "refresh_token"), ("refresh_token", text(&answer, "refresh_token"))];
        let second = world.token(&owner, &form).unwrap();
        revoke(&world, &owner, text(&second, name));
        for token in
            [text(&answer, "access_token"), text(&second, "access_token"), text(&second, "refresh_token")]
        {
            assert_eq!(world.introspect(&owner, token)["active"], false, "{name}");
        }
        assert!(world.token(&owner, &[form[0], ("refresh_token", text(&second, "refresh_token"))]).is_err());
    }
}

#[test]
fn nobody_revokes_what_is_not_theirs() {
    let world = World::new(ProfileName::Openid);
    let owner = proven(a_client("owner").scopes("openid").build());
    let answer = world.sign_in(&owner, &bob(&world), "openid", HOUR);
    let other = proven(a_client("other").permission("introspect").build());
    for name in ["access_token", "refresh_token"] {
        assert_eq!(revoke(&world, &other, text(&answer, name)), 0);
        assert_eq!(world.introspect(&owner, text(&answer, name))["active"], true);
    }
}
