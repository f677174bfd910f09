//! Resource indicators (RFC 8707).

use domain::{AccessTokenFormat, ProfileName};
use testkit::a_client;

use super::{HOUR, World, bob, proven, text};

const API: &str = "https://api.example";
const MACHINE: (&str, &str) = ("grant_type", "client_credentials");

fn listing(profile: ProfileName) -> World {
    let mut world = World::new(profile);
    world.tenant.settings.resources.insert(API.to_owned(), AccessTokenFormat::Opaque);
    world
}

#[test]
fn a_client_that_is_held_to_the_standard_is_not_given_a_wide_token_for_a_narrow_one() {
    let world = World::new(ProfileName::Hid);
    let lax = proven(a_client("lax").build());
    let strict = proven(a_client("strict").with(|client| client.profile = Some(ProfileName::Openid)).build());
    let form = [MACHINE, ("resource", API)];
    assert!(world.token(&lax, &form).is_ok(), "the dialect does not know the parameter");
    assert_eq!(world.token(&strict, &form).unwrap_err().reason, "unknown_resource");
}

#[test]
fn a_client_gets_tokens_for_what_it_lists_alone() {
    let world = listing(ProfileName::Openid);
    let form = [MACHINE, ("resource", API)];
    for (listed, gets) in [(None, true), (Some(vec![]), false), (Some(vec![API.to_owned()]), true)] {
        let listed = listed.map(|list| list.into_iter().collect());
        let client = proven(a_client("m2m").with(|client| client.resources = listed).build());
        assert_eq!(world.token(&client, &form).is_ok(), gets);
        assert!(world.token(&client, &[MACHINE]).is_ok());
    }
}

#[test]
fn a_refresh_for_a_resource_that_the_grant_was_not_for_is_refused_in_hid_too() {
    let client = proven(a_client("app").scopes("openid offline_access").build());
    let refreshed = |world: &World| {
        let answer = world.sign_in(&client, &bob(world), "openid offline_access", HOUR);
        let token = ("refresh_token", text(&answer, "refresh_token"));
        world.token(&client, &[("grant_type", "refresh_token"), token, ("resource", API)])
    };
    assert_eq!(refreshed(&listing(ProfileName::Hid)).unwrap_err().reason, "unknown_resource");
    assert!(refreshed(&World::new(ProfileName::Hid)).is_ok(), "it does not know the parameter");
}
