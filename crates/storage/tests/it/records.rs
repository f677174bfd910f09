//! Records for tests.

use std::sync::atomic::{AtomicU32, Ordering};

use domain::port::PasswordHash;
use domain::{
    AdminWrite, Applied, AuditEvent, AuditKind, AuditOutcome, ClientSecrets, GrantSubject, Layout, Locator,
    RefreshFamily, RefreshToken, RequestId, Scopes, SecretDigest, Session, SessionLimits, SubjectId,
    Timestamp, Ttl, User, Write,
};
use storage::TenantStore;
use testkit::{a_client, a_policy, a_user, an_authenticator, client_id};

pub(crate) const CLIENT: &str = "client-1";
pub(crate) const POLICY: &str = "AT_STDPWD";
/// 2026-01-01T00:00:00Z.
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);

static NEXT: AtomicU32 = AtomicU32::new(1);

/// A number that no other record of this process has.
pub(crate) fn fresh() -> u32 {
    NEXT.fetch_add(1, Ordering::Relaxed)
}

pub(crate) fn locator(n: u32) -> Locator {
    let mut bytes = [0; 12];
    bytes[8..].copy_from_slice(&n.to_be_bytes());
    Locator::from_slice(&bytes).expect("twelve bytes")
}

pub(crate) fn later(seconds: i64) -> Timestamp {
    NOW.plus(Ttl::from_secs(seconds))
}

pub(crate) fn bob() -> User {
    // Below the ids that storage gives out.
    a_user("bob").with(|user| user.id = domain::UserId::new(7)).build()
}

pub(crate) fn hash(text: &str) -> PasswordHash {
    PasswordHash::from_phc(text.to_owned())
}

/// A client, a policy, the user bob and bob's authenticator.
pub(crate) fn seed(store: &TenantStore) {
    let writes = vec![
        AdminWrite::PutPolicy(a_policy(POLICY).build()),
        AdminWrite::InsertClient(Box::new(a_client(CLIENT).build()), ClientSecrets::default()),
        AdminWrite::InsertUser(Box::new(bob())),
        AdminWrite::InsertAuthenticator(Box::new(an_authenticator(&bob(), POLICY, hash("one")).build())),
    ];
    assert_eq!(store.change(writes, Vec::new()).expect("an answer"), Applied::Committed);
}

pub(crate) fn session(n: u32) -> Session {
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

pub(crate) fn insert(n: u32) -> Write {
    Write::InsertSession(Box::new(session(n)))
}

pub(crate) fn token(family: u32, n: u32, expires_at: Timestamp) -> RefreshToken {
    RefreshToken {
        locator: locator(n),
        digest: SecretDigest::of(&n.to_be_bytes()),
        family: locator(family),
        expires_at,
    }
}

pub(crate) fn family(family: u32, n: u32, expires_at: Timestamp) -> Write {
    let bob = bob();
    let subject_id: SubjectId = bob.subject_id;
    let row = RefreshFamily {
        locator: locator(family),
        client_id: client_id(CLIENT),
        layout: Layout::default(),
        subject: GrantSubject { user_id: bob.id, user_name: bob.user_name, subject_id },
        scopes: Scopes::default(),
        audience: Vec::new(),
        acr: None,
        amr: Vec::new(),
        auth_time: NOW,
        limits: SessionLimits { inactivity: None, total: Ttl::from_secs(3600) },
        policy: None,
        channel: None,
        context: Vec::new(),
        confirmation: None,
        expires_at,
        current: locator(n),
        previous: None,
        rotated_at: None,
        sealed_answer: None,
        ended: false,
    };
    Write::InsertFamily(Box::new(row), token(family, n, expires_at))
}

pub(crate) fn rotate(family: u32, spent: u32, successor: u32) -> Write {
    Write::RotateRefresh {
        spent: locator(spent),
        successor: token(family, successor, later(86_400)),
        rotated_at: later(1),
        sealed_answer: b"sealed".to_vec(),
    }
}

pub(crate) fn event(n: u32, at: Timestamp) -> AuditEvent {
    AuditEvent {
        id: locator(n),
        at,
        kind: AuditKind::Token,
        outcome: AuditOutcome::Success,
        reason: "",
        client_id: None,
        user_name: None,
        source: None,
        request_id: RequestId::parse("request").expect("a request id"),
        detail: String::new(),
    }
}

pub(crate) fn audit() -> Write {
    Write::Audit(Box::new(event(1_000_000 + fresh(), NOW)))
}
