use std::collections::BTreeSet;

use domain::OAuthErrorCode::InvalidClient;
use domain::port::{PasswordHash, StoredClient, Verified};
use domain::{
    AuditOutcome, AuthMethod, Fault, ProfileName, Secret, SourceFailures, TokenKind, Ttl, Write, token_text,
};
use testkit::{FastDigest, PlainHasher, a_client, client_id};

use super::{HID_TEXT, OPENID, World, authenticated, basic, chosen, presents, refusal, stored};
use crate::{AuthStep, Presented, begin, generated_digest, is_chosen_secret, proven_before, resume};

type Change = fn(&mut domain::Client);

fn public() -> Presented {
    Presented::Public { client_id: client_id("spl-api") }
}

fn hash_asked_for(step: AuthStep) -> Option<PasswordHash> {
    match step {
        AuthStep::NeedHash(need) => need.hash,
        other => panic!("no hash: {other:?}"),
    }
}

#[test]
fn a_chosen_secret_proves_the_client_and_writes_nothing() {
    let world = World::new();
    let client = chosen();
    let (proved, writes) = authenticated(world.run(&basic("password01"), &world.facts(Some(&client))));
    assert_eq!(
        (proved.client().client_id.as_str(), proved.method_name()),
        ("spl-api", "client_secret_basic")
    );
    assert!(writes.is_empty() && !proved.is_public());
}

#[test]
fn a_wrong_secret_is_counted_and_audited() {
    let world = World::new();
    let client = chosen();
    let (refused, writes) = refusal(world.run(&basic("wrong"), &world.facts(Some(&client))));
    assert_eq!(
        (refused.code, refused.reason, refused.description),
        (InvalidClient, "wrong_secret", HID_TEXT)
    );
    let [Write::SourceFailed { seen: None, now, .. }, Write::Audit(event)] = writes.writes.as_slice() else {
        panic!("{writes:?}")
    };
    assert_eq!((now.consecutive, event.outcome, event.reason), (1, AuditOutcome::Refused, "wrong_secret"));
    assert_eq!((event.client_id.as_deref(), event.source), (Some("spl-api"), world.origin.source));
}

#[test]
fn an_empty_secret_is_a_wrong_one_even_where_a_hash_would_match() {
    let world = World::new();
    let client = stored(a_client("spl-api").chosen_secret("", &PlainHasher { round: 1 }));
    let facts = world.facts(Some(&client));
    assert_eq!(hash_asked_for(world.begin(&basic(""), &facts)), None);
    let matches = Verified { matches: true, outdated: false };
    let step = resume(&basic(""), &facts, matches, None, &world.clock.env(&world.entropy)).unwrap();
    assert_eq!(refusal(step).0.reason, "wrong_secret");
}

/// Every way to fail looks the same outside, does dummy work, and stores nothing unless it says so.
#[test]
fn nobody_can_tell_why_a_secret_was_refused() {
    let world = World::new();
    let hasher = PlainHasher { round: 1 };
    let with = |change: Change| stored(a_client("spl-api").with(change).chosen_secret("password01", &hasher));
    let disabled = with(|client| client.enabled = false);
    let only_post = with(|client| client.auth_methods = BTreeSet::from([AuthMethod::ClientSecretPost]));
    let elsewhere = with(|client| client.allowed_sources = vec!["10.0.0.0/8".parse().unwrap()]);
    let no_hash = stored(a_client("spl-api").no_secret());
    let rows: [(Option<&StoredClient>, &str, usize); 5] = [
        (None, "unknown_client", 0),
        (Some(&disabled), "client_disabled", 0),
        (Some(&only_post), "method_not_allowed", 0),
        (Some(&no_hash), "secret_kind_not_held", 0),
        (Some(&elsewhere), "source_not_allowed", 1),
    ];
    for (client, reason, writes) in rows {
        for profile in [super::HID, OPENID] {
            let facts = crate::Facts { profile, ..world.facts(client) };
            assert_eq!(hash_asked_for(world.begin(&basic("password01"), &facts)), None, "{reason}");
            // Even a broken host that says "matches" does not get through.
            let matches = Verified { matches: true, outdated: true };
            let env = world.clock.env(&world.entropy);
            let (refused, batch) =
                refusal(resume(&basic("password01"), &facts, matches, None, &env).unwrap());
            assert_eq!((refused.code, refused.reason), (InvalidClient, reason));
            assert_eq!(refused.description, crate::Reason::WrongSecret.description(&profile));
            assert_eq!(batch.writes.len(), writes, "{reason}");
            assert!(
                batch
                    .writes
                    .iter()
                    .all(|write| matches!(write, Write::Audit(event) if event.reason == reason))
            );
        }
    }
}

#[test]
fn allowed_addresses_get_through() {
    let world = World::new();
    let nets = || vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()];
    let client = stored(
        a_client("spl-api")
            .with(|client| client.allowed_sources = nets())
            .chosen_secret("password01", &PlainHasher { round: 1 }),
    );
    authenticated(world.run(&basic("password01"), &world.facts(Some(&client))));
}

#[test]
fn a_locked_source_is_refused_with_the_right_secret_and_stores_nothing() {
    let world = World::new();
    let client = chosen();
    let until = world.clock.now().plus(Ttl::from_secs(300));
    let locked = SourceFailures { consecutive: 3, locked_until: Some(until), expires_at: until };
    let facts = crate::Facts { failures: Some(locked), ..world.facts(Some(&client)) };
    assert_eq!(hash_asked_for(world.begin(&basic("password01"), &facts)), None);
    let (refused, writes) = refusal(world.run(&basic("password01"), &facts));
    assert_eq!((refused.reason, refused.description), ("source_locked", HID_TEXT));
    assert!(writes.is_empty());
    let step = proven_before(&basic("password01"), &facts, &world.clock.env(&world.entropy)).unwrap();
    assert_eq!(refusal(step).0.reason, "source_locked");
    world.clock.advance(Ttl::from_secs(300));
    let (_, writes) = authenticated(world.run(&basic("password01"), &facts));
    assert!(matches!(writes.as_slice(), [Write::SourceSucceeded { seen, .. }] if *seen == locked));
}

#[test]
fn an_outdated_hash_is_replaced_on_success_only() {
    let world = World::new();
    let client = stored(a_client("spl-api").chosen_secret("password01", &PlainHasher { round: 0 }));
    let facts = world.facts(Some(&client));
    let (_, writes) = authenticated(world.run(&basic("password01"), &facts));
    let [Write::RehashClientSecret { seen, hash, .. }] = writes.as_slice() else { panic!("{writes:?}") };
    assert_eq!(Some(seen), client.secrets.chosen.as_ref());
    assert_ne!(seen, hash);
    let (_, writes) = refusal(world.run(&basic("wrong"), &facts));
    assert!(!writes.writes.iter().any(|write| matches!(write, Write::RehashClientSecret { .. })));
    let (_, writes) =
        authenticated(proven_before(&basic("password01"), &facts, &world.clock.env(&world.entropy)).unwrap());
    assert!(writes.is_empty());
}

#[test]
fn post_is_allowed_to_basic_clients_in_hid_only() {
    let world = World::new();
    let hasher = PlainHasher { round: 1 };
    let builder = || a_client("spl-api").methods([AuthMethod::ClientSecretBasic]);
    let client = stored(builder().chosen_secret("password01", &hasher));
    let post = presents(AuthMethod::ClientSecretPost, "password01");
    authenticated(world.run(&post, &world.facts(Some(&client))));
    let facts = crate::Facts { profile: OPENID, ..world.facts(Some(&client)) };
    assert_eq!(refusal(world.run(&post, &facts)).0.reason, "method_not_allowed");
    let strict = stored(
        builder()
            .with(|client| client.profile = Some(ProfileName::Openid))
            .chosen_secret("password01", &hasher),
    );
    assert_eq!(refusal(world.run(&post, &world.facts(Some(&strict)))).0.reason, "method_not_allowed");
    let lax = stored(
        builder().with(|client| client.profile = Some(ProfileName::Hid)).chosen_secret("password01", &hasher),
    );
    let facts = crate::Facts { profile: OPENID, ..world.facts(Some(&lax)) };
    assert_eq!(refusal(world.run(&post, &facts)).0.reason, "method_not_allowed");
}

#[test]
fn a_public_client_names_itself_and_a_confidential_one_may_not() {
    let world = World::new();
    let open = stored(a_client("spl-api").public().no_secret());
    let (proved, writes) = authenticated(world.run(&public(), &world.facts(Some(&open))));
    assert!(proved.is_public() && writes.is_empty());
    let off = stored(a_client("spl-api").public().with(|client| client.enabled = false).no_secret());
    let elsewhere = a_client("spl-api")
        .public()
        .with(|client| client.allowed_sources = vec!["10.0.0.0/8".parse().unwrap()]);
    let elsewhere = stored(elsewhere.no_secret());
    let closed = chosen();
    let rows = [
        (None, "unknown_client"),
        (Some(&off), "client_disabled"),
        (Some(&closed), "proof_missing"),
        (Some(&elsewhere), "source_not_allowed"),
    ];
    for (client, reason) in rows {
        let (refused, writes) = refusal(world.run(&public(), &world.facts(client)));
        assert_eq!((refused.code, refused.reason, refused.description), (InvalidClient, reason, HID_TEXT));
        assert!(writes.is_empty());
    }
    // A secret from a public client is a method that it does not hold.
    assert_eq!(refusal(world.run(&basic("x"), &world.facts(Some(&open)))).0.reason, "method_not_allowed");
}

#[test]
fn a_generated_secret_is_compared_fast_and_never_locks() {
    let world = World::new();
    let env = world.clock.env(&world.entropy);
    let (client, secrets, secret) = a_client("spl-api").generated_secret(&env, &FastDigest);
    assert!(secrets.generated.unwrap().matches(&generated_digest(&secret, &FastDigest)));
    let client = stored((client, secrets));
    let right = basic(secret.expose());
    assert!(
        !is_chosen_secret(&right) && is_chosen_secret(&basic("password01")) && !is_chosen_secret(&public())
    );
    let (_, writes) = authenticated(world.begin(&right, &world.facts(Some(&client))));
    assert!(writes.is_empty());

    let other = domain::machine_secret::mint(&env).unwrap();
    let person = chosen();
    let rows =
        [(Some(&client), "wrong_secret"), (Some(&person), "secret_kind_not_held"), (None, "unknown_client")];
    for (client, reason) in rows {
        let (refused, writes) = refusal(world.begin(&basic(other.expose()), &world.facts(client)));
        assert_eq!((refused.reason, refused.description), (reason, HID_TEXT));
        assert!(writes.is_empty());
    }
    // Nor does a person's guess at a client that has a generated secret cost anything but dummy work.
    let (refused, writes) = refusal(world.run(&basic("password01"), &world.facts(Some(&client))));
    assert_eq!(refused.reason, "secret_kind_not_held");
    assert!(writes.is_empty());
}

#[test]
fn a_disabled_client_with_the_right_generated_secret_is_refused() {
    let world = World::new();
    let env = world.clock.env(&world.entropy);
    let changes: [(Change, &str); 3] = [
        (|client| client.enabled = false, "client_disabled"),
        (|client| client.auth_methods = BTreeSet::from([AuthMethod::ClientSecretPost]), "method_not_allowed"),
        (|client| client.allowed_sources = vec!["10.0.0.0/8".parse().unwrap()], "source_not_allowed"),
    ];
    for (change, reason) in changes {
        let (client, secrets, secret) = a_client("spl-api").with(change).generated_secret(&env, &FastDigest);
        let client = stored((client, secrets));
        let step = world.begin(&basic(secret.expose()), &world.facts(Some(&client)));
        assert_eq!(refusal(step).0.reason, reason);
    }
}

#[test]
fn no_credentials_and_texts_that_are_no_token_are_refused_without_a_look() {
    let world = World::new();
    let facts = world.facts(None);
    assert_eq!(refusal(world.begin(&Presented::Nothing, &facts)).0.reason, "no_credentials");
    let fake = Presented::Bearer { token: None, client_id: None };
    assert_eq!(refusal(world.begin(&fake, &facts)).0.reason, "malformed_bearer");
}

#[test]
fn a_host_that_mixes_things_up_is_told() {
    let world = World::new();
    let env = world.clock.env(&world.entropy);
    let token = token_text::mint(TokenKind::Access, &env).unwrap();
    let token = token_text::parse(TokenKind::Access, token.text.expose());
    let facts = world.facts(None);
    let bearer = Presented::Bearer { token, client_id: None };
    let matches = Verified { matches: true, outdated: false };
    assert!(matches!(begin(&bearer, &facts, &FastDigest, &env), Err(Fault::Invariant(_))));
    assert!(matches!(resume(&bearer, &facts, matches, None, &env), Err(Fault::Invariant(_))));
    let generated = domain::machine_secret::mint(&env).unwrap();
    assert!(matches!(proven_before(&basic(generated.expose()), &facts, &env), Err(Fault::Invariant(_))));
    let client = chosen();
    let other = Presented::Secret {
        method: AuthMethod::ClientSecretBasic,
        client_id: client_id("another"),
        secret: Secret::new("password01".to_owned()),
    };
    assert!(matches!(
        begin(&other, &world.facts(Some(&client)), &FastDigest, &env),
        Err(Fault::Invariant(_))
    ));
}
