//! One request on one node, and what it may do to the database.

use std::rc::Rc;

use client_auth::{AuthStep, Presented};
use domain::port::{
    AuthenticatorLookup as _, SecretHasher as _, SessionLookup as _, SourceFailureLookup as _, StoredClient,
};
use domain::{
    Applied, AuthenticatedClient, Claims, Env, PresentedToken, Secret, SourceFailures, Timestamp, TokenKind,
    UserId, WireProfile, Write, WriteBatch, token_text,
};
use testkit::{FastDigest, MemoryStore, PlainHasher};

use crate::node::Facts;
use crate::oracle::Purpose;
use crate::party::{Credentials, Known, Party, Proof, name};
use crate::task::pause;
use crate::world::{POLICY, World, address, note};

/// How often the server decides again.
pub(crate) const ROUNDS: u32 = 10;

/// A request.
pub(crate) struct Call {
    pub(crate) world: Rc<World>,
    pub(crate) node: usize,
    pub(crate) number: u32,
    pub(crate) party: usize,
    pub(crate) now: Timestamp,
    pub(crate) facts: Rc<Facts>,
}

impl Call {
    pub(crate) fn new(world: &Rc<World>, node: usize, party: usize) -> Self {
        let now = world.now();
        let facts = world.nodes[node].facts(&world.store, now);
        Self { world: Rc::clone(world), node, number: world.number(), party, now, facts }
    }

    pub(crate) fn store(&self) -> MemoryStore {
        self.world.store.clone()
    }

    pub(crate) fn env(&self) -> Env<'_> {
        self.world.env(self.now)
    }

    pub(crate) fn party(&self) -> &Party {
        &self.world.parties[self.party]
    }

    pub(crate) fn profile(&self) -> WireProfile {
        let rotate_refresh = self.world.rotate;
        WireProfile { rotate_refresh, ..WireProfile::named(self.world.profile) }
    }

    /// A line of the trace.
    pub(crate) fn says(&self, words: &str) {
        note!(self.world, "#{} node {} {}: {words}", self.number, self.node, self.party().id);
    }

    pub(crate) fn must(&self, holds: bool, words: &str) {
        if !holds {
            self.world.broken(&format!("#{}: {words}", self.number));
        }
    }

    /// Commits, and holds what was committed against the model.
    pub(crate) fn apply(&self, purpose: &Purpose<'_>, batch: &WriteBatch) -> Applied {
        let database = &self.world.database;
        let batch = &database.wanted(&self.world.store, batch, &self.env());
        let applied = database.commit(&mut self.store(), batch);
        if applied == Applied::Conflict {
            self.world.oracle.borrow_mut().done.conflicts += 1;
            self.says("conflict");
            return applied;
        }
        if self.world.traces() {
            self.says(&format!("commits {}", told(batch)));
        }
        let verdict = self.world.oracle.borrow_mut().committed(purpose, batch);
        if let Err(words) = verdict {
            self.world.broken(&format!("#{}: {words}", self.number));
        }
        if let Purpose::Login { user, .. } = purpose {
            compare_counters(&self.world, *user);
        }
        for write in &batch.writes {
            if let Write::TouchSession { locator, .. } = write {
                let stored = self.store().session(locator).unwrap().map(|session| session.touched_at);
                let model = self.world.oracle.borrow().touched_at(locator);
                self.must(stored == model, "activity went backwards");
            }
        }
        applied
    }

    /// Keeps the tokens of an answer: what a client was told, and what a thief may have.
    pub(crate) fn remember(&self, owner: &AuthenticatedClient, answer: &Claims) {
        for (member, kind) in [("access_token", TokenKind::Access), ("refresh_token", TokenKind::Refresh)] {
            let Some(text) = answer.get(member).and_then(|text| text.as_str()) else { continue };
            let Some(presented) = token_text::parse(kind, text) else { continue };
            let (text, locator, party) = (text.to_owned(), presented.locator, self.party);
            let owner = owner.clone();
            self.world.known.borrow_mut().push(Known { kind, text, locator, party, owner });
        }
    }

    /// Authenticates the client as the server does; `None` where it is refused.
    pub(crate) async fn authenticate(&self, with: &Credentials) -> Option<AuthenticatedClient> {
        let presented = self.party().presented(with);
        let client = match &presented {
            Presented::Bearer { token: Some(token), .. } => self.by_bearer(token).await,
            Presented::Secret { secret, .. } if client_auth::is_chosen_secret(&presented) => {
                self.by_chosen_secret(&presented, secret, with).await
            }
            _ => self.at_once(&presented),
        };
        if client.is_none() {
            self.says("is refused as a client");
        }
        if let (Credentials::Own { right: false }, Proof::Secret(..)) = (with, &self.party().proof) {
            self.must(client.is_none(), "a wrong secret authenticated a client");
        }
        client
    }

    fn client_facts<'a>(
        &'a self,
        stored: Option<&'a StoredClient>,
        failures: Option<SourceFailures>,
    ) -> client_auth::Facts<'a> {
        let policy = stored.and_then(|stored| self.facts.policy(&stored.client.client_pwd_policy));
        let (profile, origin) = (self.profile(), &self.world.origin);
        client_auth::Facts {
            stored,
            policy,
            failures,
            chain: None,
            registered: None,
            source: address(),
            origin,
            audiences: &[],
            profile,
        }
    }

    fn begin(&self, presented: &Presented, stored: Option<&StoredClient>) -> AuthStep {
        let facts = self.client_facts(stored, None);
        client_auth::begin(presented, &facts, &FastDigest, &self.env()).unwrap()
    }

    pub(crate) fn at_once(&self, presented: &Presented) -> Option<AuthenticatedClient> {
        let id = &self.party().id;
        let known = self.facts.client(&self.world.store, id);
        if let AuthStep::Authenticated(client, _) = self.begin(presented, known.as_ref()) {
            return Some(client);
        }
        // Before a refusal, memory is compared with storage.
        let fresh = self.facts.load_client(&self.world.store, id);
        match self.begin(presented, fresh.as_ref()) {
            AuthStep::Authenticated(client, _) => Some(client),
            AuthStep::Refused(..) | AuthStep::NeedHash(_) | AuthStep::NeedSignature(_) => None,
        }
    }

    async fn by_chosen_secret(
        &self,
        presented: &Presented,
        secret: &Secret,
        with: &Credentials,
    ) -> Option<AuthenticatedClient> {
        let id = &self.party().id;
        let stored = self.facts.client(&self.world.store, id);
        for _ in 0..ROUNDS {
            let failures = self.store().source_failures(id, address()).unwrap();
            pause().await;
            let facts = self.client_facts(stored.as_ref(), failures);
            let step = client_auth::begin(presented, &facts, &FastDigest, &self.env()).unwrap();
            let AuthStep::NeedHash(need) = step else { return None };
            let verified = PlainHasher::default().verify(secret, need.hash.as_ref()).unwrap();
            pause().await;
            let step = client_auth::resume(presented, &facts, verified, None, &self.env()).unwrap();
            let (client, writes) = match step {
                AuthStep::Authenticated(client, writes) => (Some(client), writes),
                AuthStep::Refused(_, writes) => (None, writes),
                AuthStep::NeedHash(_) | AuthStep::NeedSignature(_) => return None,
            };
            let right = matches!(with, Credentials::Own { right: true });
            let policy = self.facts.policy(&testkit::policy_code("AT_SYSLOG")).unwrap();
            let purpose = Purpose::Secret { client: id, right, policy, now: self.now };
            if writes.is_empty() || self.apply(&purpose, &writes) == Applied::Committed {
                return client;
            }
        }
        None
    }

    async fn by_bearer(&self, token: &PresentedToken) -> Option<AuthenticatedClient> {
        let session = self.store().session(&token.locator).unwrap();
        let active = self.world.oracle.borrow().is_active(&token.locator, self.now);
        pause().await;
        let stored =
            session.as_ref().and_then(|session| self.facts.client(&self.world.store, &session.client_id));
        let facts = self.client_facts(stored.as_ref(), None);
        let step = client_auth::by_bearer(token, None, session.as_ref(), &facts, &self.env()).unwrap();
        pause().await;
        match step {
            AuthStep::Authenticated(client, writes) => {
                self.must(active, "a token that is over authenticated a client");
                self.apply(&Purpose::Touch, &writes);
                Some(client)
            }
            AuthStep::Refused(refusal, _) => {
                let dead = ["unknown_bearer", "expired_bearer"].contains(&refusal.reason);
                self.must(!(active && dead), "a good token was called unknown or expired");
                None
            }
            AuthStep::NeedHash(_) | AuthStep::NeedSignature(_) => None,
        }
    }
}

/// What is stored of a password is what the model counts.
fn compare_counters(world: &World, user: UserId) {
    let policy = testkit::policy_code(POLICY);
    let stored = world.store.clone().authenticator(user, &policy).unwrap().unwrap();
    let model = world.oracle.borrow().passwords[&user].clone();
    let statistics = &stored.statistics;
    let told =
        (statistics.consecutive_failed, statistics.total_failed, statistics.total_success, stored.locked_at);
    if told != (model.failed, model.total_failed, model.total_success, model.locked_at) {
        world.broken(&format!("counters of a password are {told:?}, the model has {model:?}"));
    }
}

/// A batch in a few words.
fn told(batch: &WriteBatch) -> String {
    let word = |write: &Write| match write {
        Write::InsertSession(session) => format!("+session {}", name(&session.locator)),
        Write::InsertFamily(family, token) => {
            format!("+family {} with {}", name(&family.locator), name(&token.locator))
        }
        Write::RotateRefresh { spent, successor, .. } => {
            format!("{} -> {} in family {}", name(spent), name(&successor.locator), name(&successor.family))
        }
        Write::RequireRefresh { current, .. } => format!("holds {}", name(current)),
        Write::EndFamily { family, end } => format!("-family {} ({})", name(family), end.as_str()),
        Write::RemoveSession(session) => format!("-session {}", name(session)),
        Write::TouchSession { locator, .. } => format!("touches {}", name(locator)),
        Write::AuthenticatorSucceeded { .. } => "right password".to_owned(),
        Write::AuthenticatorFailed { failed, .. } => format!("wrong password, {failed} in a row"),
        Write::SourceFailed { now, .. } => format!("wrong secret, {} in a row", now.consecutive),
        Write::SourceSucceeded { .. } => "right secret".to_owned(),
        Write::RehashClientSecret { .. } => "new hash".to_owned(),
        Write::UseOnce(_) | Write::Remember(_) => "remembers".to_owned(),
        Write::Audit(event) => format!("audit {}", event.kind.as_str()),
    };
    batch.writes.iter().map(word).collect::<Vec<_>>().join(", ")
}

/// So that a model's complaint reads like any other.
pub(crate) fn check(world: &World, holds: bool, words: &str) {
    if !holds {
        world.broken(words);
    }
}
