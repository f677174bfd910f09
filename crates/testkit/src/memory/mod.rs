//! One tenant's store in memory.

mod admin;
mod apply;
mod lookup;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::port::StoredClient;
use domain::{
    AdminWrite, Applied, AuditEvent, AuthenticationPolicy, Authenticator, Client, ClientId, ClientSecrets,
    Locator, PolicyCode, ProfileName, RefreshFamily, RefreshToken, RegistrationToken, RememberedFor,
    RememberedKey, Session, SigningKeyRecord, SourceAddr, SourceFailures, TenantSettings, Timestamp, User,
    UserId, Write, WriteBatch,
};

/// What the store holds. A batch works on a copy, which takes its place when every precondition held.
#[derive(Clone, Debug)]
struct State {
    settings: TenantSettings,
    revision: i64,
    clients: BTreeMap<ClientId, StoredClient>,
    policies: BTreeMap<PolicyCode, AuthenticationPolicy>,
    users: BTreeMap<UserId, User>,
    authenticators: BTreeMap<(UserId, PolicyCode), Authenticator>,
    sessions: BTreeMap<Locator, Session>,
    families: BTreeMap<Locator, RefreshFamily>,
    tokens: BTreeMap<Locator, RefreshToken>,
    source_failures: BTreeMap<(ClientId, SourceAddr), SourceFailures>,
    registration_tokens: BTreeMap<Locator, RegistrationToken>,
    remembered: BTreeMap<(RememberedFor, RememberedKey), Timestamp>,
    keys: BTreeMap<String, SigningKeyRecord>,
    audit: Vec<AuditEvent>,
}

/// A precondition did not hold.
struct Conflict;

/// One tenant's store in memory, with every port of [`domain::port::TenantPorts`]. Clones are handles on the same
/// store and may be used from several threads.
#[derive(Clone, Debug)]
pub struct MemoryStore(Arc<Mutex<State>>);

impl MemoryStore {
    /// An empty store of a tenant with default settings in the `openid` profile.
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            settings: TenantSettings::new(ProfileName::Openid),
            revision: 0,
            clients: BTreeMap::new(),
            policies: BTreeMap::new(),
            users: BTreeMap::new(),
            authenticators: BTreeMap::new(),
            sessions: BTreeMap::new(),
            families: BTreeMap::new(),
            tokens: BTreeMap::new(),
            source_failures: BTreeMap::new(),
            registration_tokens: BTreeMap::new(),
            remembered: BTreeMap::new(),
            keys: BTreeMap::new(),
            audit: Vec::new(),
        })))
    }

    /// Puts a client in place, replacing one of the same id.
    pub fn client_insert(&self, client: Client, secrets: ClientSecrets) {
        let id = client.client_id.clone();
        self.state().clients.insert(id, StoredClient { client: Arc::new(client), secrets });
    }

    /// Puts a policy in place, replacing one of the same code.
    pub fn policy_insert(&self, policy: AuthenticationPolicy) {
        self.state().policies.insert(policy.code.clone(), policy);
    }

    /// Puts a user in place, replacing one of the same id.
    pub fn user_insert(&self, user: User) {
        self.state().users.insert(user.id, user);
    }

    /// Puts an authenticator in place, replacing one of the same user and policy.
    pub fn authenticator_insert(&self, authenticator: Authenticator) {
        let key = (authenticator.user_id, authenticator.policy.clone());
        self.state().authenticators.insert(key, authenticator);
    }

    /// Puts a session in place, replacing one of the same locator.
    pub fn session_insert(&self, session: Session) {
        self.state().sessions.insert(session.locator, session);
    }

    /// Puts a family in place, replacing one of the same locator.
    pub fn family_insert(&self, family: RefreshFamily) {
        self.state().families.insert(family.locator, family);
    }

    /// Applies administrative changes: all of them, or none.
    pub fn admin(&self, writes: &[AdminWrite]) -> Applied {
        self.all_or_nothing(|state| {
            writes.iter().try_for_each(|write| state.administer(write))?;
            state.revision += 1;
            Ok(())
        })
    }

    /// Removes what has expired at `now`, as the server's job does: sessions by their total limit, families with
    /// their tokens, failures of sources, remembered identifiers, initial access tokens.
    pub fn expire(&self, now: Timestamp) {
        let mut state = self.state();
        state.sessions.retain(|_, session| !session.expires_at.has_passed(now));
        let State { families, tokens, source_failures, remembered, registration_tokens, .. } = &mut *state;
        families.retain(|_, family| !family.expires_at.has_passed(now));
        tokens.retain(|_, token| families.contains_key(&token.family));
        source_failures.retain(|_, failures| !failures.expires_at.has_passed(now));
        remembered.retain(|_, expires_at| !expires_at.has_passed(now));
        registration_tokens.retain(|_, token| !token.expires_at.has_passed(now));
    }

    /// The audit log, oldest first.
    pub fn audit(&self) -> Vec<AuditEvent> {
        self.state().audit.clone()
    }

    /// The sessions, live or not, by their locators.
    pub fn sessions(&self) -> Vec<Session> {
        self.state().sessions.values().cloned().collect()
    }

    /// How many sessions there are, live or not.
    pub fn session_count(&self) -> usize {
        self.state().sessions.len()
    }

    /// How many refresh families there are, ended or not.
    pub fn family_count(&self) -> usize {
        self.state().families.len()
    }

    /// The signing keys, by `kid`.
    pub fn keys(&self) -> Vec<SigningKeyRecord> {
        self.state().keys.values().cloned().collect()
    }

    /// An initial access token, live or not.
    pub fn registration_token(&self, id: &Locator) -> Option<RegistrationToken> {
        self.state().registration_tokens.get(id).cloned()
    }

    /// The tenant's settings and revision.
    pub fn settings(&self) -> (TenantSettings, i64) {
        let state = self.state();
        (state.settings.clone(), state.revision)
    }

    fn write(&self, batch: &WriteBatch) -> Applied {
        self.all_or_nothing(|state| batch.writes.iter().try_for_each(|write: &Write| state.apply(write)))
    }

    fn all_or_nothing(&self, change: impl FnOnce(&mut State) -> Result<(), Conflict>) -> Applied {
        let mut state = self.state();
        let mut next = state.clone();
        if change(&mut next).is_err() {
            return Applied::Conflict;
        }
        *state = next;
        Applied::Committed
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

/// `Ok` when a precondition holds.
fn require(holds: bool) -> Result<(), Conflict> {
    if holds { Ok(()) } else { Err(Conflict) }
}
