//! Records and helpers that the cases share.

use domain::port::PasswordHash;
use domain::{
    AdminWrite, Applied, AuditEvent, AuditKind, AuditOutcome, Authenticator, Client, ClientSecrets,
    GrantSubject, Layout, Locator, PolicyCode, RefreshFamily, RefreshToken, RequestId, Scopes, SecretDigest,
    Session, SessionLimits, SourceAddr, StoredRefresh, Timestamp, Ttl, User, UserId, Write, WriteBatch,
};

use super::TestStore;
use crate::{a_client, a_policy, a_user, an_authenticator, client_id, policy_code, scopes, source};

/// When everything happens.
pub(super) const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);

pub(super) const POLICY: &str = "AT_STDPWD";
pub(super) const CLIENT: &str = "client-1";

pub(super) fn later(seconds: i64) -> Timestamp {
    NOW.plus(Ttl::from_secs(seconds))
}

/// The `n`th locator; all are of the same millisecond.
pub(super) fn locator(n: u32) -> Locator {
    let [_, _, time @ ..] = NOW.millis().to_be_bytes();
    let mut bytes = time.to_vec();
    bytes.extend([0, 0]);
    bytes.extend(n.to_be_bytes());
    Locator::from_slice(&bytes).expect("twelve bytes")
}

pub(super) fn hash(text: &str) -> PasswordHash {
    PasswordHash::from_phc(format!("$plain$r=0${text}"))
}

pub(super) fn bob() -> User {
    a_user("bob").build()
}

pub(super) fn policy() -> PolicyCode {
    policy_code(POLICY)
}

pub(super) fn address() -> SourceAddr {
    source("192.0.2.1")
}

pub(super) fn client() -> (Client, ClientSecrets) {
    let secrets = ClientSecrets { generated: None, chosen: Some(hash("client")), sealed: None };
    (a_client(CLIENT).scopes("openid profile").build(), secrets)
}

pub(super) fn authenticator() -> Authenticator {
    an_authenticator(&bob(), POLICY, hash("one")).build()
}

/// A client, a policy, the user bob and bob's authenticator.
#[track_caller]
pub(super) fn seed(store: &mut dyn TestStore) {
    let (client, secrets) = client();
    administer(
        store,
        vec![
            AdminWrite::PutPolicy(a_policy(POLICY).build()),
            AdminWrite::InsertClient(Box::new(client), secrets),
            AdminWrite::InsertUser(Box::new(bob())),
            AdminWrite::InsertAuthenticator(Box::new(authenticator())),
        ],
    );
}

pub(super) fn subject() -> GrantSubject {
    let bob = bob();
    GrantSubject { user_id: bob.id, user_name: bob.user_name, subject_id: bob.subject_id }
}

/// A machine's session: every optional field unset.
pub(super) fn session(n: u32) -> Session {
    Session {
        locator: locator(n),
        digest: SecretDigest::of(&n.to_be_bytes()),
        client_id: client_id(CLIENT),
        subject: None,
        scopes: Scopes::default(),
        audience: Vec::new(),
        issued_at: NOW,
        expires_at: later(3600),
        inactivity: None,
        touched_at: NOW,
        family: None,
        acr: None,
        amr: Vec::new(),
        auth_time: NOW,
        policy: None,
        channel: None,
        context: Vec::new(),
        confirmation: None,
    }
}

/// Bob's session in a family.
pub(super) fn session_of(family: u32, n: u32) -> Session {
    Session { family: Some(locator(family)), subject: Some(subject()), ..session(n) }
}

pub(super) fn token(family: u32, n: u32) -> RefreshToken {
    RefreshToken {
        locator: locator(n),
        digest: SecretDigest::of(&n.to_be_bytes()),
        family: locator(family),
        expires_at: later(86_400),
    }
}

/// A family with every optional field unset, and its first token.
pub(super) fn family(family: u32, n: u32) -> RefreshFamily {
    RefreshFamily {
        locator: locator(family),
        client_id: client_id(CLIENT),
        layout: Layout::default(),
        subject: subject(),
        scopes: scopes("openid profile"),
        audience: Vec::new(),
        acr: None,
        amr: Vec::new(),
        auth_time: NOW,
        limits: SessionLimits { inactivity: None, total: Ttl::from_secs(3600) },
        policy: None,
        channel: None,
        context: Vec::new(),
        confirmation: None,
        expires_at: later(86_400),
        current: locator(n),
        previous: None,
        rotated_at: None,
        sealed_answer: None,
        ended: false,
    }
}

pub(super) fn open_family(family_number: u32, n: u32) -> Write {
    Write::InsertFamily(Box::new(family(family_number, n)), token(family_number, n))
}

pub(super) fn rotate(family: u32, spent: u32, successor: u32) -> Write {
    Write::RotateRefresh {
        spent: locator(spent),
        successor: token(family, successor),
        rotated_at: later(1),
        sealed_answer: b"sealed".to_vec(),
    }
}

pub(super) fn insert(session: Session) -> Write {
    Write::InsertSession(Box::new(session))
}

pub(super) fn succeeded() -> Write {
    Write::AuthenticatorSucceeded {
        user_id: bob().id,
        policy: policy(),
        version: 1,
        locked_at: None,
        uses: None,
        at: later(5),
        rehash: None,
    }
}

pub(super) fn failed(seen_failed: i64) -> Write {
    Write::AuthenticatorFailed {
        user_id: bob().id,
        policy: policy(),
        version: 1,
        seen_failed,
        seen_locked_at: None,
        failed: seen_failed + 1,
        locked_at: None,
        at: later(5),
    }
}

pub(super) fn event(n: u32) -> AuditEvent {
    AuditEvent {
        id: locator(n),
        at: NOW,
        kind: AuditKind::Token,
        outcome: AuditOutcome::Refused,
        reason: "reason",
        client_id: None,
        user_name: None,
        source: None,
        request_id: RequestId::parse("request").expect("a request id"),
        detail: String::new(),
    }
}

pub(super) fn apply(store: &mut dyn TestStore, writes: Vec<Write>) -> Applied {
    store.apply(&WriteBatch { writes }).expect("the store answers")
}

#[track_caller]
pub(super) fn commit(store: &mut dyn TestStore, writes: Vec<Write>) {
    assert_eq!(apply(store, writes), Applied::Committed);
}

#[track_caller]
pub(super) fn conflict(store: &mut dyn TestStore, writes: Vec<Write>) {
    assert_eq!(apply(store, writes), Applied::Conflict);
}

#[track_caller]
pub(super) fn administer(store: &mut dyn TestStore, writes: Vec<AdminWrite>) {
    assert_eq!(store.admin(writes).expect("the store answers"), Applied::Committed);
}

#[track_caller]
pub(super) fn refuse(store: &mut dyn TestStore, writes: Vec<AdminWrite>) {
    assert_eq!(store.admin(writes).expect("the store answers"), Applied::Conflict);
}

pub(super) fn stored_session(store: &mut dyn TestStore, n: u32) -> Option<Session> {
    store.session(&locator(n)).expect("the store answers")
}

pub(super) fn stored_refresh(store: &mut dyn TestStore, n: u32) -> Option<StoredRefresh> {
    store.refresh(&locator(n)).expect("the store answers")
}

pub(super) fn stored_authenticator(store: &mut dyn TestStore, user: UserId) -> Option<Authenticator> {
    store.authenticator(user, &policy()).expect("the store answers")
}

/// Bob's authenticator.
#[track_caller]
pub(super) fn bobs(store: &mut dyn TestStore) -> Authenticator {
    stored_authenticator(store, bob().id).expect("bob's authenticator")
}

/// Everything of a record as text, with what its `Debug` hides.
pub(super) trait Whole {
    fn whole(&self) -> String;
}

impl Whole for Session {
    fn whole(&self) -> String {
        format!("{self:?} {:?}", self.digest.as_bytes())
    }
}

impl Whole for StoredRefresh {
    fn whole(&self) -> String {
        format!("{self:?} {:?}", self.token.digest.as_bytes())
    }
}

impl Whole for Authenticator {
    fn whole(&self) -> String {
        let history: Vec<_> = self.password.history.iter().map(PasswordHash::as_phc).collect();
        format!("{self:?} {} {history:?}", self.password.hash.as_phc())
    }
}

impl Whole for ClientSecrets {
    fn whole(&self) -> String {
        let generated = self.generated.as_ref().map(SecretDigest::as_bytes);
        format!("{generated:?} {:?} {:?}", self.chosen.as_ref().map(PasswordHash::as_phc), self.sealed)
    }
}

impl<T: Whole> Whole for Option<T> {
    fn whole(&self) -> String {
        self.as_ref().map_or_else(|| "none".to_owned(), Whole::whole)
    }
}
