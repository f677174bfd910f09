//! The ports.

use domain::port::{
    Apply, AuthenticatorLookup, ClientLookup, PolicyLookup, RefreshLookup, RememberedLookup, SessionLookup,
    SourceFailureLookup, StoredClient, UserLookup,
};
use domain::{
    Applied, AuthenticationPolicy, Authenticator, ClientId, Fault, Locator, PolicyCode, RefreshFamily,
    RememberedFor, RememberedKey, Session, SourceAddr, SourceFailures, StoredRefresh, SubjectId, User,
    UserId, WriteBatch,
};

use super::MemoryStore;

impl ClientLookup for MemoryStore {
    fn client(&mut self, id: &ClientId) -> Result<Option<StoredClient>, Fault> {
        Ok(self.state().clients.get(id).cloned())
    }
}

impl PolicyLookup for MemoryStore {
    fn policy(&mut self, code: &PolicyCode) -> Result<Option<AuthenticationPolicy>, Fault> {
        Ok(self.state().policies.get(code).cloned())
    }
}

impl SessionLookup for MemoryStore {
    fn session(&mut self, locator: &Locator) -> Result<Option<Session>, Fault> {
        Ok(self.state().sessions.get(locator).cloned())
    }
}

impl RefreshLookup for MemoryStore {
    fn refresh(&mut self, locator: &Locator) -> Result<Option<StoredRefresh>, Fault> {
        let state = self.state();
        let Some(token) = state.tokens.get(locator) else { return Ok(None) };
        let family = state.families.get(&token.family);
        Ok(family.map(|family| StoredRefresh { token: token.clone(), family: family.clone() }))
    }

    fn family(&mut self, locator: &Locator) -> Result<Option<RefreshFamily>, Fault> {
        Ok(self.state().families.get(locator).cloned())
    }
}

impl UserLookup for MemoryStore {
    fn user_by_name(&mut self, user_name: &str) -> Result<Option<User>, Fault> {
        Ok(self.state().users.values().find(|user| user.user_name == user_name).cloned())
    }

    fn user(&mut self, id: UserId) -> Result<Option<User>, Fault> {
        Ok(self.state().users.get(&id).cloned())
    }

    fn user_by_subject(&mut self, subject: &SubjectId) -> Result<Option<User>, Fault> {
        Ok(self.state().users.values().find(|user| user.subject_id == *subject).cloned())
    }
}

impl AuthenticatorLookup for MemoryStore {
    fn authenticator(&mut self, user: UserId, policy: &PolicyCode) -> Result<Option<Authenticator>, Fault> {
        Ok(self.state().authenticators.get(&(user, policy.clone())).cloned())
    }
}

impl SourceFailureLookup for MemoryStore {
    fn source_failures(
        &mut self,
        client: &ClientId,
        source: SourceAddr,
    ) -> Result<Option<SourceFailures>, Fault> {
        Ok(self.state().source_failures.get(&(client.clone(), source)).copied())
    }
}

impl RememberedLookup for MemoryStore {
    fn remembered(&mut self, purpose: RememberedFor, key: &RememberedKey) -> Result<bool, Fault> {
        Ok(self.state().remembered.contains_key(&(purpose, *key)))
    }
}

impl Apply for MemoryStore {
    fn apply(&mut self, batch: &WriteBatch) -> Result<Applied, Fault> {
        Ok(self.write(batch))
    }
}
