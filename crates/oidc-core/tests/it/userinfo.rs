//! Userinfo and id_tokens: claims by scope and profile.

use domain::{
    OAuthErrorCode, ProfileName, ResponseSigning, SigningAlg, TokenKind, port::SessionLookup as _, token_text,
};
use oidc_core::{discovery, userinfo};
use testkit::a_client;

use super::{HOUR, World, bob, proven, text};

fn claims(world: &World, token: &str) -> Result<domain::Claims, domain::Refusal> {
    let presented = token_text::parse(TokenKind::Access, token);
    let session = presented.and_then(|token| world.store.clone().session(&token.locator).unwrap());
    let session = userinfo::authorize(presented.as_ref(), session.as_ref(), &world.issuer, &world.env())?;
    userinfo::claims(session, Some(&bob(world)), &world.tenant.profile())
}

#[test]
fn scopes_open_claims_and_the_profile_names_the_subject() {
    for (profile, sub, groups) in [(ProfileName::Hid, "bob", true), (ProfileName::Openid, "sub-bob", false)] {
        let world = World::new(profile);
        let client = proven(a_client("app").scopes("openid profile email").build());
        let answer = world.sign_in(&client, &bob(&world), "openid profile email", HOUR);
        let claims = claims(&world, text(&answer, "access_token")).unwrap();
        assert_eq!(text(&claims, "sub"), sub);
        assert_eq!(text(&claims, "given_name"), "Bob");
        assert_eq!(text(&claims, "email"), "bob@example.com");
        assert_eq!(claims.contains_key("groupids"), groups);
        let answer = world.sign_in(&client, &bob(&world), "openid", HOUR);
        assert_eq!(self::claims(&world, text(&answer, "access_token")).unwrap().len(), 1);
    }
}

#[test]
fn needs_a_users_token_with_openid() {
    let world = World::new(ProfileName::Openid);
    let client = proven(a_client("app").scopes("openid profile").build());
    let machine = world.token(&client, &[("grant_type", "client_credentials")]).unwrap();
    let user = world.sign_in(&client, &bob(&world), "profile", HOUR);
    for token in [text(&machine, "access_token"), text(&user, "access_token")] {
        assert_eq!(claims(&world, token).unwrap_err().code, OAuthErrorCode::InsufficientScope);
    }
    assert_eq!(claims(&world, "IA==").unwrap_err().code, OAuthErrorCode::InvalidToken);
}

#[test]
fn the_form_is_the_clients_choice_else_the_profiles() {
    let client = a_client("app").build();
    let hid = World::new(ProfileName::Hid).tenant.profile();
    let openid = World::new(ProfileName::Openid).tenant.profile();
    assert_eq!(userinfo::form(&client, &hid), ResponseSigning::Signed(SigningAlg::RS256));
    assert_eq!(userinfo::form(&client, &openid), ResponseSigning::Json);
    let client =
        a_client("app").with(|c| c.userinfo_signed_response_alg = Some(ResponseSigning::Json)).build();
    assert_eq!(userinfo::form(&client, &hid), ResponseSigning::Json);
}

#[test]
fn discovery_lists_endpoints_under_the_issuer() {
    let world = World::new(ProfileName::Openid);
    let document = discovery::document(&world.tenant, &world.issuer, &[SigningAlg::ES256], None);
    assert_eq!(document["issuer"], "https://id.example/idp/acme/authn");
    assert_eq!(document["token_endpoint"], "https://id.example/idp/acme/authn/token");
    assert_eq!(document["id_token_signing_alg_values_supported"], serde_json::json!(["ES256"]));
    assert!(!document.contains_key("authorization_endpoint"));
}
