//! What administrators change.

use domain::{
    AdminWrite, AuthenticatorStatus, ClientSecrets, PasswordCredential, ProfileName, SecretDigest,
    SigningAlg, SigningKeyRecord, SourceFailures, SubjectId, TenantSettings, User, UserStatus, Write,
};

use super::TestStore;
use super::fixture::{
    CLIENT, NOW, Whole, address, administer, authenticator, bob, bobs, client, commit, conflict, failed,
    hash, insert, later, open_family, policy, refuse, rotate, seed, session, session_of,
    stored_authenticator, stored_refresh, stored_session, succeeded,
};
use crate::{a_client, a_policy, a_user, an_authenticator, client_id};

fn password(version: i64) -> AdminWrite {
    let credential = PasswordCredential { hash: hash("new"), version, uses: 0, history: vec![hash("one")] };
    AdminWrite::SetPassword { user_id: bob().id, policy: policy(), credential, valid_until: later(9) }
}

fn key(kid: &str) -> SigningKeyRecord {
    SigningKeyRecord {
        kid: kid.to_owned(),
        alg: SigningAlg::ES256,
        public_jwk: "{}".to_owned(),
        sealed_private: vec![1],
        created_at: NOW,
        active_from: NOW,
        verify_from: None,
        retired_at: None,
    }
}

fn supersede(kid: &str) -> AdminWrite {
    AdminWrite::SupersedeKey { kid: kid.to_owned(), verify_from: later(1), retired_at: later(2) }
}

fn update_authenticator(user: &User) -> AdminWrite {
    AdminWrite::UpdateAuthenticator {
        user_id: user.id,
        policy: policy(),
        status: AuthenticatorStatus::Disabled,
        valid_from: later(1),
        valid_until: later(2),
    }
}

/// Changes that conflict in a seeded store.
fn impossible() -> Vec<AdminWrite> {
    let (client, secrets) = client();
    let nobody = a_user("nobody").build();
    let credential = PasswordCredential { hash: hash("new"), version: 2, uses: 0, history: Vec::new() };
    vec![
        AdminWrite::InsertClient(Box::new(client), secrets),
        AdminWrite::UpdateClient(Box::new(a_client("unknown").build())),
        AdminWrite::SetClientSecrets(client_id("unknown"), ClientSecrets::default()),
        AdminWrite::InsertUser(Box::new(bob())),
        AdminWrite::UpdateUser(Box::new(nobody.clone())),
        AdminWrite::InsertAuthenticator(Box::new(authenticator())),
        update_authenticator(&nobody),
        AdminWrite::SetPassword { user_id: nobody.id, policy: policy(), credential, valid_until: later(1) },
        password(1),
        password(3),
        AdminWrite::ResetAuthenticator(nobody.id, policy()),
        supersede("unknown"),
    ]
}

/// An insert of what exists and a change of what does not are conflicts.
pub fn what_exists_is_not_inserted_and_what_does_not_is_not_changed(store: &mut dyn TestStore) {
    seed(store);
    for write in impossible() {
        let name = format!("{write:?}");
        let applied = store.admin(vec![write]).expect("the store answers");
        assert_eq!(applied, domain::Applied::Conflict, "{name}");
    }
    assert_eq!(bobs(store).whole(), authenticator().whole());
}

/// A conflict anywhere in the list leaves nothing behind, and no new revision.
pub fn a_conflict_undoes_the_whole_list_of_an_administrator(store: &mut dyn TestStore) {
    seed(store);
    let before = store.settings().expect("the store answers");
    for write in impossible() {
        let mut settings = before.0.clone();
        settings.cors_origins.insert("https://new.example".to_owned());
        let list = vec![
            AdminWrite::PutSettings(settings),
            AdminWrite::PutPolicy(a_policy("AT_NEW").build()),
            AdminWrite::InsertClient(Box::new(a_client("new").build()), ClientSecrets::default()),
            AdminWrite::InsertUser(Box::new(a_user("new").build())),
            update_authenticator(&bob()),
            AdminWrite::InsertKey(Box::new(key("new"))),
            write,
            AdminWrite::RemoveClient(client_id(CLIENT)),
        ];
        refuse(store, list);
        assert_eq!(store.settings().expect("the store answers"), before);
        assert!(store.policy(&a_policy("AT_NEW").build().code).expect("the store answers").is_none());
        assert!(store.client(&client_id("new")).expect("the store answers").is_none());
        assert!(store.client(&client_id(CLIENT)).expect("the store answers").is_some());
        assert!(store.user_by_name("new").expect("the store answers").is_none());
        assert!(store.keys().expect("the store answers").is_empty());
        assert_eq!(bobs(store).whole(), authenticator().whole());
    }
}

/// User name, external id and opaque id belong to one user.
pub fn names_of_users_are_unique(store: &mut dyn TestStore) {
    let first = a_user("first").with(|user| user.external_id = Some("ext".to_owned())).build();
    let second = a_user("second").build();
    let insert = |user: &User| vec![AdminWrite::InsertUser(Box::new(user.clone()))];
    administer(store, insert(&first));
    administer(store, insert(&second));
    let clashes: [fn(&mut User, &User); 3] = [
        |user, first| user.user_name.clone_from(&first.user_name),
        |user, first| user.external_id.clone_from(&first.external_id),
        |user, first| user.subject_id.clone_from(&first.subject_id),
    ];
    for clash in clashes {
        let mut third = a_user("third").build();
        clash(&mut third, &first);
        refuse(store, insert(&third));
        let mut changed = second.clone();
        clash(&mut changed, &first);
        refuse(store, vec![AdminWrite::UpdateUser(Box::new(changed))]);
    }
    administer(store, insert(&a_user("third").build()));
    let renamed = User { user_name: "renamed".to_owned(), ..second };
    administer(store, vec![AdminWrite::UpdateUser(Box::new(renamed.clone()))]);
    assert!(store.user_by_name("second").expect("the store answers").is_none());
    assert_eq!(store.user_by_name("renamed").expect("the store answers"), Some(renamed));
}

/// Whoever reads a token can tell user from machine (RFC 9068 §5): by the opaque id everywhere, and by the name where
/// tokens have names.
pub fn what_names_a_user_in_tokens_names_no_client(store: &mut dyn TestStore) {
    let insert = |user: &User| vec![AdminWrite::InsertUser(Box::new(user.clone()))];
    let register =
        |id: &str| vec![AdminWrite::InsertClient(Box::new(a_client(id).build()), ClientSecrets::default())];
    administer(store, vec![AdminWrite::PutSettings(TenantSettings::new(ProfileName::Openid))]);
    let user = a_user("carol").build();
    administer(store, insert(&user));
    administer(store, register("carol"));
    refuse(store, register(user.subject_id.as_str()));
    administer(store, register("machine"));
    let mut opaque = a_user("dave").build();
    opaque.subject_id = SubjectId::parse("machine").expect("an id");
    refuse(store, insert(&opaque));

    administer(store, vec![AdminWrite::PutSettings(TenantSettings::new(ProfileName::Hid))]);
    administer(store, insert(&a_user("erin").build()));
    refuse(store, register("erin"));
    refuse(store, insert(&a_user("machine").build()));
    let renamed = User { user_name: "machine".to_owned(), ..a_user("erin").build() };
    refuse(store, vec![AdminWrite::UpdateUser(Box::new(renamed))]);
    administer(store, register("other"));
}

/// A registration can change without its secrets.
pub fn an_update_of_a_client_keeps_its_secrets(store: &mut dyn TestStore) {
    seed(store);
    let changed = a_client(CLIENT).scopes("other").build();
    administer(store, vec![AdminWrite::UpdateClient(Box::new(changed.clone()))]);
    let read = store.client(&changed.client_id).expect("the store answers").expect("the client");
    assert_eq!(*read.client, changed);
    assert_eq!(read.secrets.whole(), client().1.whole());
}

/// New secrets start with a clean record of failures.
pub fn new_client_secrets_forget_failures(store: &mut dyn TestStore) {
    seed(store);
    let now = SourceFailures { consecutive: 8, locked_until: Some(later(300)), expires_at: later(400) };
    let (client_id, source) = (client_id(CLIENT), address());
    commit(store, vec![Write::SourceFailed { client_id: client_id.clone(), source, seen: None, now }]);
    let secrets = ClientSecrets { generated: Some(SecretDigest::of(b"new")), chosen: None, sealed: None };
    administer(store, vec![AdminWrite::SetClientSecrets(client_id.clone(), secrets.clone())]);
    let read = store.client(&client_id).expect("the store answers").expect("the client");
    assert_eq!(read.secrets.whole(), secrets.whole());
    assert!(store.source_failures(&client_id, source).expect("the store answers").is_none());
}

/// A new password follows the version that was seen; a log-in that saw the old one counts no more.
pub fn a_password_changes_from_version_to_version(store: &mut dyn TestStore) {
    seed(store);
    commit(store, vec![succeeded()]);
    administer(store, vec![password(2)]);
    let read = bobs(store);
    assert_eq!((read.password.version, read.password.uses, read.uses), (2, 0, 1));
    assert_eq!((read.password.hash, read.password.history), (hash("new"), vec![hash("one")]));
    assert_eq!(read.valid_until, later(9));
    refuse(store, vec![password(2)]);
    assert_eq!(super::fixture::apply(store, vec![succeeded()]), domain::Applied::Conflict);
    administer(store, vec![password(3)]);
}

/// `RESET` of CONTRACT 11.3.
pub fn a_reset_unlocks_and_forgets_failures_and_uses(store: &mut dyn TestStore) {
    seed(store);
    commit(store, vec![succeeded(), failed(0)]);
    let mut locking = failed(1);
    if let Write::AuthenticatorFailed { locked_at, .. } = &mut locking {
        *locked_at = Some(later(5));
    }
    commit(store, vec![locking]);
    administer(store, vec![AdminWrite::ResetAuthenticator(bob().id, policy())]);
    let read = bobs(store);
    assert_eq!((read.locked_at, read.statistics.consecutive_failed, read.uses), (None, 0, 0));
    assert_eq!((read.statistics.total_failed, read.statistics.total_success), (2, 1));
    commit(store, vec![succeeded()]);
}

/// Status and dates change; counters, lock and password stay.
pub fn an_update_of_an_authenticator_keeps_its_counters(store: &mut dyn TestStore) {
    seed(store);
    commit(store, vec![succeeded(), failed(0)]);
    let mut expected = bobs(store);
    administer(store, vec![update_authenticator(&bob())]);
    expected.status = AuthenticatorStatus::Disabled;
    expected.valid_from = later(1);
    expected.valid_until = later(2);
    assert_eq!(bobs(store).whole(), expected.whole());
}

/// Sessions 1 (machine), 2 (bob) and 3 (alice), family 10 (bob), all of the one client.
fn populate(store: &mut dyn TestStore) -> User {
    seed(store);
    let alice = a_user("alice").build();
    let hers = an_authenticator(&alice, "AT_STDPWD", hash("alice")).build();
    administer(
        store,
        vec![
            AdminWrite::InsertUser(Box::new(alice.clone())),
            AdminWrite::InsertAuthenticator(Box::new(hers)),
        ],
    );
    let mut session_of_alice = session_of(77, 3);
    session_of_alice.family = None;
    if let Some(subject) = &mut session_of_alice.subject {
        subject.user_id = alice.id;
        subject.user_name.clone_from(&alice.user_name);
        subject.subject_id.clone_from(&alice.subject_id);
    }
    commit(
        store,
        vec![open_family(10, 11), insert(session(1)), insert(session_of(10, 2)), insert(session_of_alice)],
    );
    alice
}

/// With a user go authenticators, sessions and families; nothing of others.
pub fn a_removed_user_takes_everything_along(store: &mut dyn TestStore) {
    let alice = populate(store);
    administer(store, vec![AdminWrite::RemoveUser(bob().id)]);
    assert!(store.user_by_name("bob").expect("the store answers").is_none());
    assert!(stored_authenticator(store, bob().id).is_none());
    assert!(stored_session(store, 2).is_none() && stored_refresh(store, 11).is_none());
    assert!(stored_session(store, 1).is_some() && stored_session(store, 3).is_some());
    assert!(stored_authenticator(store, alice.id).is_some());
}

/// Who is disabled keeps authenticators, but no session and no family, which enabling does not bring back; nothing
/// of others changes. A conflict later in the list leaves all of it.
pub fn a_disabled_user_loses_what_was_granted(store: &mut dyn TestStore) {
    let alice = populate(store);
    let with = |status| AdminWrite::UpdateUser(Box::new(User { status, ..bob() }));
    administer(store, vec![with(UserStatus::Enabled)]);
    refuse(store, vec![with(UserStatus::Disabled), supersede("unknown")]);
    assert!(stored_session(store, 2).is_some());
    assert_eq!(stored_refresh(store, 11).map(|read| read.family.ended), Some(false));
    administer(store, vec![with(UserStatus::Disabled)]);
    assert!(stored_session(store, 2).is_none());
    assert_eq!(stored_refresh(store, 11).map(|read| read.family.ended), Some(true));
    assert!(stored_session(store, 1).is_some() && stored_session(store, 3).is_some());
    // A log-in that saw the user enabled conflicts now.
    conflict(store, vec![succeeded()]);
    let mut outdated = authenticator();
    outdated.password.version += 1;
    assert_eq!(bobs(store).whole(), outdated.whole());
    assert!(stored_authenticator(store, alice.id).is_some());
    administer(store, vec![with(UserStatus::Enabled)]);
    conflict(store, vec![rotate(10, 11, 12)]);
}

/// With a client go sessions, families and failures; nothing of users.
pub fn a_removed_client_takes_everything_along(store: &mut dyn TestStore) {
    populate(store);
    let now = SourceFailures { consecutive: 1, locked_until: None, expires_at: later(1) };
    let (client_id, source) = (client_id(CLIENT), address());
    commit(store, vec![Write::SourceFailed { client_id: client_id.clone(), source, seen: None, now }]);
    administer(store, vec![AdminWrite::RemoveClient(client_id.clone())]);
    assert!(store.client(&client_id).expect("the store answers").is_none());
    assert!((1..4).all(|n| stored_session(store, n).is_none()) && stored_refresh(store, 11).is_none());
    assert!(store.source_failures(&client_id, source).expect("the store answers").is_none());
    assert_eq!(bobs(store).whole(), authenticator().whole());
}

/// A grant that was decided before its client or its user went away comes too late, and does not wait for another
/// of the same name.
pub fn nothing_is_granted_to_those_who_have_gone(store: &mut dyn TestStore) {
    let granted = || [insert(session(21)), insert(session_of(10, 22)), open_family(20, 23)];
    populate(store);
    administer(store, vec![AdminWrite::RemoveUser(bob().id)]);
    let [machine, user, family] = granted();
    commit(store, vec![machine]);
    conflict(store, vec![user]);
    conflict(store, vec![family]);
    administer(store, vec![AdminWrite::RemoveClient(client_id(CLIENT))]);
    let now = SourceFailures { consecutive: 1, locked_until: None, expires_at: later(1) };
    let failure = Write::SourceFailed { client_id: client_id(CLIENT), source: address(), seen: None, now };
    for write in granted().into_iter().chain([failure]) {
        conflict(store, vec![write]);
    }
    let (client, secrets) = client();
    administer(store, vec![AdminWrite::InsertClient(Box::new(client), secrets)]);
    assert!((21..23).all(|n| stored_session(store, n).is_none()) && stored_refresh(store, 23).is_none());
}

/// With a policy go the authenticators under it; users stay.
pub fn a_removed_policy_takes_its_authenticators_along(store: &mut dyn TestStore) {
    let alice = populate(store);
    administer(store, vec![AdminWrite::RemovePolicy(policy())]);
    assert!(store.policy(&policy()).expect("the store answers").is_none());
    assert!(
        stored_authenticator(store, bob().id).is_none() && stored_authenticator(store, alice.id).is_none()
    );
    assert!(store.user_by_name("bob").expect("the store answers").is_some());
}

/// A key gets its end once, and its `kid` is taken.
pub fn a_key_is_superseded_once(store: &mut dyn TestStore) {
    administer(store, vec![AdminWrite::InsertKey(Box::new(key("1")))]);
    refuse(store, vec![AdminWrite::InsertKey(Box::new(key("1")))]);
    administer(store, vec![supersede("1"), AdminWrite::InsertKey(Box::new(key("2")))]);
    refuse(store, vec![supersede("1")]);
    let mut keys = store.keys().expect("the store answers");
    keys.sort_by(|a, b| a.kid.cmp(&b.kid));
    let superseded = SigningKeyRecord { verify_from: Some(later(1)), retired_at: Some(later(2)), ..key("1") };
    assert_eq!(format!("{keys:?}"), format!("{:?}", [superseded, key("2")]));
}

/// One list is one new revision.
pub fn every_change_of_an_administrator_bumps_the_revision(store: &mut dyn TestStore) {
    let revision = |store: &mut dyn TestStore| store.settings().expect("the store answers").1;
    let first = revision(store);
    seed(store);
    assert_eq!(revision(store), first + 1);
    commit(store, vec![insert(session(1)), succeeded()]);
    assert_eq!(revision(store), first + 1, "tokens and uses are no changes of an administrator");
    administer(store, vec![AdminWrite::PutSettings(TenantSettings::new(ProfileName::Hid))]);
    assert_eq!(revision(store), first + 2);
}
