use domain::OAuthErrorCode::InvalidClient;
use domain::{
    AuthMethod, GrantSubject, PresentedToken, ProfileName, Scopes, Session, SubjectId, Timestamp, TokenKind,
    Ttl, UserId, Write, token_text,
};
use testkit::{a_client, client_id};

use super::{OPENID, World, authenticated, chosen, refusal, stored};
use crate::{AuthStep, Facts, by_bearer};

fn opened(world: &World) -> (PresentedToken, Session) {
    let minted = token_text::mint(TokenKind::Access, &world.clock.env(&world.entropy)).unwrap();
    let token = token_text::parse(TokenKind::Access, minted.text.expose()).unwrap();
    let now = world.clock.now();
    let session = Session {
        locator: minted.locator,
        digest: minted.digest,
        client_id: client_id("spl-api"),
        subject: None,
        scopes: Scopes::default(),
        audience: Vec::new(),
        issued_at: now,
        expires_at: now.plus(Ttl::from_secs(3600)),
        inactivity: Some(Ttl::from_secs(300)),
        touched_at: now,
        family: None,
        acr: None,
        amr: Vec::new(),
        auth_time: now,
        policy: None,
        channel: None,
        context: Vec::new(),
        confirmation: None,
    };
    (token, session)
}

fn judge(
    world: &World,
    token: &PresentedToken,
    named: Option<&str>,
    session: Option<&Session>,
    facts: &Facts<'_>,
) -> AuthStep {
    let named = named.map(client_id);
    by_bearer(token, named.as_ref(), session, facts, &world.clock.env(&world.entropy)).unwrap()
}

#[test]
fn the_token_of_a_machines_session_authenticates_its_client() {
    let world = World::new();
    let (token, session) = opened(&world);
    let client = chosen();
    for named in [None, Some("spl-api")] {
        let step = judge(&world, &token, named, Some(&session), &world.facts(Some(&client)));
        let (proved, writes) = authenticated(step);
        assert_eq!((proved.method_name(), proved.is_public()), ("bearer", false));
        assert!(writes.is_empty());
    }
}

#[test]
fn one_that_names_the_issuer_among_its_resources_does_too() {
    let world = World::new();
    let (token, session) = opened(&world);
    let audience = vec!["https://api.example".to_owned(), "https://as.example".to_owned()];
    let session = Session { audience, ..session };
    authenticated(judge(&world, &token, None, Some(&session), &world.facts(Some(&chosen()))));
}

#[test]
fn its_use_counts_as_activity_at_most_once_in_thirty_seconds() {
    let world = World::new();
    let (token, session) = opened(&world);
    let client = chosen();
    world.clock.advance(Ttl::from_secs(30));
    let (_, writes) = authenticated(judge(&world, &token, None, Some(&session), &world.facts(Some(&client))));
    assert!(matches!(writes.as_slice(), [Write::TouchSession { at, .. }] if *at == world.clock.now()));
}

#[test]
fn any_other_bearer_is_refused_in_the_same_words() {
    let world = World::new();
    let (token, session) = opened(&world);
    let (other, _) = opened(&world);
    let forged = PresentedToken { locator: token.locator, digest: other.digest };
    let subject = Some(GrantSubject {
        user_id: UserId::new(7),
        user_name: "alice".to_owned(),
        subject_id: SubjectId::parse("s").unwrap(),
    });
    let users = Session { subject, ..session.clone() };
    let over = Session { expires_at: world.clock.now(), ..session.clone() };
    let for_another = Session { audience: vec!["https://api.example".to_owned()], ..session.clone() };
    let idle = Session { touched_at: Timestamp::from_secs(0), ..session.clone() };
    let client = chosen();
    let disabled = stored(a_client("spl-api").with(|client| client.enabled = false).no_secret());
    let strict =
        stored(a_client("spl-api").with(|client| client.profile = Some(ProfileName::Openid)).no_secret());
    let elsewhere = stored(
        a_client("spl-api")
            .with(|client| client.allowed_sources = vec!["10.0.0.0/8".parse().unwrap()])
            .no_secret(),
    );
    let rows = [
        (&token, None, None, Some(&client), "unknown_bearer"),
        (&forged, None, Some(&session), Some(&client), "unknown_bearer"),
        (&other, None, Some(&session), Some(&client), "unknown_bearer"),
        (&token, None, Some(&over), Some(&client), "expired_bearer"),
        (&token, None, Some(&idle), Some(&client), "expired_bearer"),
        (&token, None, Some(&users), Some(&client), "users_bearer"),
        (&token, None, Some(&for_another), Some(&client), "bearer_for_another"),
        (&token, Some("another"), Some(&session), Some(&client), "foreign_bearer"),
        (&token, None, Some(&session), None, "unknown_client"),
        (&token, None, Some(&session), Some(&disabled), "client_disabled"),
        (&token, None, Some(&session), Some(&strict), "bearer_not_accepted"),
        (&token, None, Some(&session), Some(&elsewhere), "source_not_allowed"),
    ];
    for (token, named, session, client, reason) in rows {
        let (refused, writes) = refusal(judge(&world, token, named, session, &world.facts(client)));
        assert_eq!((refused.code, refused.reason), (InvalidClient, reason));
        assert_eq!(
            refused.description,
            "Client authentication failed: the access token cannot authenticate a client"
        );
        assert!(writes.is_empty());
    }
}

#[test]
fn the_openid_profile_takes_no_bearer() {
    let world = World::new();
    let (token, session) = opened(&world);
    let client = stored(a_client("spl-api").methods([AuthMethod::ClientSecretBasic]).no_secret());
    let facts = Facts { profile: OPENID, ..world.facts(Some(&client)) };
    assert_eq!(refusal(judge(&world, &token, None, Some(&session), &facts)).0.reason, "bearer_not_accepted");
}
