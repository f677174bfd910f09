//! Tokens bound to a certificate or a key, and JWTs read back.

use domain::{
    AccessTokenFormat, AuthenticatedClient, Claims, Client, Confirmation, GrantType, ProfileName, Remembered,
    RememberedFor, RememberedKey, Thumbprint, WireProfile, Write, port::RefreshLookup as _, token_text,
};
use oidc_core::{
    grant::{allow, client_credentials, refresh_token},
    issue::Policy,
    jwt_access::{Read, Standing, generation},
    sender::{self, Presentation, Proven, Sender},
    token::{Issued, Issuing, TokenRequest},
};
use testkit::{XorSealer, a_client, a_policy};

use super::{World, bob, origin, params, proven, public, text};

const OPENID: WireProfile = WireProfile::named(ProfileName::Openid);

fn certificate(name: &str) -> Thumbprint {
    Thumbprint::of(name.as_bytes())
}

fn key(name: &str, world: &World) -> Proven {
    let jkt = Thumbprint::of(name.as_bytes());
    let key = RememberedKey::of(&[name.as_bytes()]);
    Proven { jkt, spent: Remembered { purpose: RememberedFor::DpopProof, key, expires_at: world.now } }
}

fn by_certificate(builder: testkit::ClientBuilder) -> Client {
    builder.with(|client| client.tls_client_certificate_bound_access_tokens = true).build()
}

/// Issues to a machine as the server does.
fn machine(world: &World, client: &AuthenticatedClient, sender: Sender) -> Issued {
    world.register(client);
    let profile = world.tenant.profile();
    let request = TokenRequest::parse(&params(&[("grant_type", "client_credentials")]), &profile).unwrap();
    let policy = a_policy("AT_SYSLOG").build();
    let settings = &world.tenant.settings;
    let grant =
        client_credentials::resolve(client, &request, &policy, settings, &profile, &world.env()).unwrap();
    let origin = origin();
    let issuing = Issuing {
        policy: Policy {
            issuer: &world.issuer,
            profile,
            id_token_validity: settings.id_token_validity,
            id_token_alg: domain::SigningAlg::RS256,
            client_generation: client.client().generation,
        },
        signer: None,
        access_signer: Some(&world.signer),
        settings,
        sender,
        sealer: &XorSealer,
        origin: &origin,
        env: world.env(),
    };
    issuing.fresh(client, &request, &grant).unwrap()
}

fn session(issued: &Issued) -> domain::Session {
    let session = issued.batch.writes.iter().find_map(|write| match write {
        Write::InsertSession(session) => Some((**session).clone()),
        _ => None,
    });
    session.unwrap()
}

#[test]
fn a_certificate_bound_token_is_of_use_on_connections_with_it_alone() {
    let world = World::new(ProfileName::Openid);
    let client = by_certificate(a_client("api"));
    assert_eq!(Sender::new(&client, &OPENID, None, None).unwrap_err().reason, "certificate_missing");
    let sender = Sender::new(&client, &OPENID, None, Some(certificate("one"))).unwrap();
    let issued = machine(&world, &proven(client.clone()), sender);
    assert_eq!(text(&issued.answer, "token_type"), "Bearer");
    world.apply(&issued.batch);
    let said = world.introspect(&proven(client), text(&issued.answer, "access_token"));
    assert_eq!(said["cnf"]["x5t#S256"], certificate("one").to_base64url());
    assert_eq!(said["token_type"], "Bearer");

    let session = session(&issued);
    let admit = |certificate: Option<Thumbprint>| {
        sender::admit(&session, Presentation::Bearer, certificate.as_ref()).map_err(|refusal| refusal.reason)
    };
    assert_eq!(admit(Some(certificate("one"))), Ok(false));
    assert_eq!(admit(Some(certificate("two"))), Err("other_certificate"));
    assert_eq!(admit(None), Err("other_certificate"));
}

#[test]
fn a_client_that_is_not_registered_for_it_is_not_bound_to_the_certificate_it_happens_to_show() {
    let client = a_client("api").build();
    let sender = Sender::new(&client, &OPENID, None, Some(certificate("one"))).unwrap();
    assert_eq!(sender.confirmation(), None);
}

#[test]
fn a_token_may_be_bound_to_both_and_then_needs_both() {
    let world = World::new(ProfileName::Openid);
    let client = by_certificate(a_client("api"));
    let sender = Sender::new(&client, &OPENID, Some(key("k", &world)), Some(certificate("one"))).unwrap();
    let issued = machine(&world, &proven(client), sender);
    assert_eq!(text(&issued.answer, "token_type"), "DPoP");
    let session = session(&issued);
    let admit = |presentation, certificate: &Thumbprint| {
        sender::admit(&session, presentation, Some(certificate)).map_err(|refusal| refusal.reason)
    };
    assert_eq!(admit(Presentation::Dpop, &certificate("one")), Ok(true), "a proof is due besides");
    assert_eq!(admit(Presentation::Bearer, &certificate("one")), Err("bound_token_as_bearer"));
    assert_eq!(admit(Presentation::Dpop, &certificate("two")), Err("other_certificate"));
}

#[test]
fn a_proof_is_used_up_first_in_the_batch_of_what_it_brings_about() {
    let world = World::new(ProfileName::Openid);
    let proven_key = key("k", &world);
    let client = a_client("api").build();
    let sender = Sender::new(&client, &OPENID, Some(proven_key), None).unwrap();
    let issued = machine(&world, &proven(client), sender);
    assert!(matches!(issued.batch.writes.first(), Some(Write::UseOnce(spent)) if *spent == proven_key.spent));
    world.apply(&issued.batch);
    let mut again = world.store;
    assert_eq!(domain::port::Apply::apply(&mut again, &issued.batch).unwrap(), domain::Applied::Conflict);
}

#[test]
fn a_public_clients_refresh_token_is_bound_to_its_certificate() {
    let mut world = World::new(ProfileName::Openid);
    let client = public(by_certificate(
        a_client("spa").scopes("openid offline_access").methods([domain::AuthMethod::None]),
    ));
    let user = bob(&world);
    world.sender = Sender::new(client.client(), &OPENID, None, Some(certificate("one"))).unwrap();
    let answer = world.sign_in(&client, &user, "openid offline_access", super::HOUR);
    let token = text(&answer, "refresh_token");
    let presented = token_text::parse(domain::TokenKind::Refresh, token).unwrap();
    let stored = world.store.clone().refresh(&presented.locator).unwrap();
    let bound = stored.as_ref().unwrap().family.confirmation;
    assert_eq!(bound.as_ref().and_then(Confirmation::certificate), Some(&certificate("one")));
    let profile = world.tenant.profile();
    let form = params(&[("grant_type", "refresh_token"), ("refresh_token", token)]);
    let request = TokenRequest::parse(&form, &profile).unwrap();
    for (name, fits) in [("one", true), ("two", false)] {
        let sender = Sender::new(client.client(), &OPENID, None, Some(certificate(name))).unwrap();
        let facts = refresh_token::Facts {
            stored: stored.as_ref(),
            user: Some(&user),
            policy: None,
            settings: &world.tenant.settings,
            sender: &sender,
        };
        let decision = refresh_token::resolve(&client, &request, &presented, facts, &profile, &world.env());
        assert_eq!(decision.map_err(|refusal| refusal.reason).is_ok(), fits, "{name}");
    }
}

fn jwt(world: &World) -> (Claims, Claims) {
    let client = a_client("api").with(|client| client.access_token_format = AccessTokenFormat::Jwt).build();
    let sender = Sender::new(&client, &OPENID, Some(key("k", world)), None).unwrap();
    let issued = machine(world, &proven(client), sender);
    assert!(!issued.batch.writes.iter().any(|write| matches!(write, Write::InsertSession(_))));
    let part = |index| {
        let part = text(&issued.answer, "access_token").split('.').nth(index).unwrap().to_owned();
        serde_json::from_slice(&domain::encoding::from_base64url(&part).unwrap()).unwrap()
    };
    (part(0), part(1))
}

#[test]
fn a_jwt_reads_back_as_the_session_it_was_made_from() {
    let world = World::new(ProfileName::Openid);
    let (header, claims) = jwt(&world);
    let read = Read::new(&header, &claims, &world.issuer, &world.env()).unwrap();
    assert_eq!((read.client_id().as_str(), &read.user), ("api", &None));
    let session = read.standing(&Standing::default()).unwrap();
    assert_eq!(session.confirmation.as_ref().and_then(Confirmation::jkt), Some(&key("k", &world).jkt));
    assert_eq!((session.issued_at, session.audience.len()), (world.now, 0));
}

#[test]
fn type_issuer_dates_and_binding_of_a_jwt_are_not_taken_on_trust() {
    let mut world = World::new(ProfileName::Openid);
    let (header, claims) = jwt(&world);
    let with = |map: &Claims, name: &str, value: serde_json::Value| {
        let mut map = map.clone();
        map.insert(name.to_owned(), value);
        map
    };
    let reads = |world: &World, header: &Claims, claims: &Claims| {
        Read::new(header, claims, &world.issuer, &world.env()).is_some()
    };
    assert!(reads(&world, &header, &claims));
    for typ in ["JWT", "AT+JWT", "application/at+jwt", "token-introspection+jwt"] {
        assert!(!reads(&world, &with(&header, "typ", typ.into()), &claims), "{typ}");
    }
    assert!(!reads(&world, &header, &with(&claims, "iss", "https://id.example/idp/other/authn".into())));
    // A binding that does not read is not no binding.
    // Nobody who has a key of ours may give a life longer than ours.
    let late = claims["iat"].as_i64().unwrap() + 24 * 3600 + 1;
    assert!(!reads(&world, &header, &with(&claims, "exp", late.into())));
    assert!(!reads(&world, &header, &with(&claims, "cnf", serde_json::json!({}))));
    assert!(!reads(&world, &header, &with(&claims, "cnf", serde_json::json!({ "jkt": "short" }))));
    for name in ["jti", "client_id", "gen", "iat", "exp", "aud"] {
        let mut lacking = claims.clone();
        lacking.remove(name);
        assert!(!reads(&world, &header, &lacking), "{name}");
    }
    world.now = domain::Timestamp::from_secs(claims["exp"].as_i64().unwrap());
    assert!(!reads(&world, &header, &claims), "exp has no leeway");
}

#[test]
fn what_is_denied_or_without_its_family_or_user_stands_no_more() {
    let world = World::new(ProfileName::Openid);
    let (header, claims) = jwt(&world);
    let read = |claims: &Claims| Read::new(&header, claims, &world.issuer, &world.env()).unwrap();
    assert!(read(&claims).standing(&Standing { denied: true, ..Standing::default() }).is_none());
    let mut of_family = claims.clone();
    of_family.insert("sid".to_owned(), claims["jti"].clone());
    assert!(read(&of_family).standing(&Standing::default()).is_none());
    let mut of_user = claims;
    of_user.insert("auth_time".to_owned(), 1_800_000_000.into());
    assert!(read(&of_user).standing(&Standing::default()).is_none());
    let user = bob(&world);
    let standing = || Standing { user: Some(user.clone()), ..Standing::default() };
    assert!(read(&of_user).standing(&standing()).is_none(), "it was a machine's");
    of_user.insert("gen".to_owned(), generation(0, Some(user.id)).into());
    assert!(read(&of_user).standing(&standing()).is_some());
    // The client or the user has gone, and another one has its name.
    assert!(read(&of_user).standing(&Standing { client_generation: 1, ..standing() }).is_none());
    let namesake = domain::User { id: domain::UserId::new(user.id.number() + 1), ..user.clone() };
    assert!(read(&of_user).standing(&Standing { user: Some(namesake), ..Standing::default() }).is_none());
    let disabled = domain::User { status: domain::UserStatus::Disabled, ..user };
    assert!(read(&of_user).standing(&Standing { user: Some(disabled), ..Standing::default() }).is_none());
}

#[test]
fn a_fapi2_clients_tokens_are_bound_to_the_proof_or_else_to_the_certificate_or_there_are_none() {
    let fapi2 = WireProfile::named(ProfileName::Fapi2);
    let world = World::new(ProfileName::Openid);
    let client = a_client("api").build();
    let bound = |proven, certificate| {
        let sender = Sender::new(&client, &fapi2, proven, certificate).unwrap();
        let confirmation = sender.confirmation().unwrap();
        (confirmation.jkt().copied(), confirmation.certificate().copied())
    };
    assert_eq!(Sender::new(&client, &fapi2, None, None).unwrap_err().reason, "token_unbound");
    assert_eq!(bound(None, Some(certificate("one"))), (None, Some(certificate("one"))));
    let jkt = Thumbprint::of(b"k");
    assert_eq!(bound(Some(key("k", &world)), Some(certificate("one"))), (Some(jkt), None));
    let both = by_certificate(a_client("api"));
    let sender = Sender::new(&both, &fapi2, Some(key("k", &world)), Some(certificate("one"))).unwrap();
    assert_eq!(
        sender.confirmation().and_then(|bound| bound.certificate().copied()),
        Some(certificate("one"))
    );
}

#[test]
fn passwords_are_no_grant_of_a_fapi2_client_whatever_it_lists() {
    let client = a_client("api").grants([GrantType::Password, GrantType::ClientCredentials]).build();
    let fapi2 = WireProfile::named(ProfileName::Fapi2);
    assert!(allow(&client, GrantType::Password, &OPENID).is_ok());
    assert!(allow(&client, GrantType::Password, &fapi2).is_err());
    assert!(allow(&client, GrantType::ClientCredentials, &fapi2).is_ok());
}
