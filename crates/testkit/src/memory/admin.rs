//! Each [`AdminWrite`], with its precondition.

use std::sync::Arc;

use domain::port::StoredClient;
use domain::profile::SubjectForm;
use domain::{AdminWrite, Authenticator, ClientId, PolicyCode, User, UserId, UserStatus, WireProfile};

use super::{Conflict, State, require};

impl State {
    pub(super) fn administer(&mut self, write: &AdminWrite) -> Result<(), Conflict> {
        match write {
            AdminWrite::PutSettings(settings) => self.settings = settings.clone(),
            AdminWrite::RequireSettings(seen) => require(self.settings == **seen)?,
            AdminWrite::PutPolicy(policy) => {
                self.policies.insert(policy.code.clone(), policy.clone());
            }
            AdminWrite::RemovePolicy(code) => {
                self.policies.remove(code);
                self.authenticators.retain(|(_, policy), _| policy != code);
            }
            AdminWrite::InsertClient(..)
            | AdminWrite::UpdateClient(_)
            | AdminWrite::SetClientSecrets(..)
            | AdminWrite::RequireClient(..)
            | AdminWrite::RemoveClient(_) => self.administer_client(write)?,
            AdminWrite::InsertRegistrationToken(_)
            | AdminWrite::UseRegistrationToken(_)
            | AdminWrite::RemoveRegistrationToken(_) => self.administer_registration_token(write)?,
            AdminWrite::UseOnce(id) => {
                require(self.remembered.insert((id.purpose, id.key), id.expires_at).is_none())?;
            }
            AdminWrite::InsertUser(user) => {
                require(!self.users.contains_key(&user.id))?;
                self.put_user(user)?;
            }
            AdminWrite::UpdateUser(user) => {
                require(self.users.contains_key(&user.id))?;
                self.put_user(user)?;
                if user.status == UserStatus::Disabled {
                    self.end_grants_of(user.id);
                    let own = self.authenticators.values_mut().filter(|own| own.user_id == user.id);
                    own.for_each(|own| own.password.version += 1);
                }
            }
            AdminWrite::RemoveUser(id) => self.remove_user(*id),
            AdminWrite::InsertAuthenticator(_)
            | AdminWrite::UpdateAuthenticator { .. }
            | AdminWrite::SetPassword { .. }
            | AdminWrite::ResetAuthenticator(..)
            | AdminWrite::RemoveAuthenticator(..) => self.administer_authenticator(write)?,
            AdminWrite::InsertKey(key) => {
                require(self.keys.insert(key.kid.clone(), (**key).clone()).is_none())?;
            }
            AdminWrite::SupersedeKey { kid, verify_from, retired_at } => {
                let key = self.keys.get_mut(kid).filter(|key| key.verify_from.is_none()).ok_or(Conflict)?;
                key.verify_from = Some(*verify_from);
                key.retired_at = Some(*retired_at);
            }
            AdminWrite::RemoveKey(kid) => {
                self.keys.remove(kid);
            }
        }
        Ok(())
    }

    fn administer_client(&mut self, write: &AdminWrite) -> Result<(), Conflict> {
        match write {
            AdminWrite::InsertClient(client, secrets) => {
                let id = client.client_id.as_str();
                let by_name = self.names_users();
                let is_called =
                    |user: &User| user.subject_id.as_str() == id || by_name && user.user_name == id;
                require(!self.users.values().any(is_called))?;
                let stored = StoredClient { client: Arc::new((**client).clone()), secrets: secrets.clone() };
                require(self.clients.insert(client.client_id.clone(), stored).is_none())
            }
            AdminWrite::UpdateClient(client) => {
                self.clients.get_mut(&client.client_id).ok_or(Conflict)?.client =
                    Arc::new((**client).clone());
                Ok(())
            }
            AdminWrite::RequireClient(seen) => {
                let stored = self.clients.get(&seen.client_id).ok_or(Conflict)?;
                require(*stored.client == **seen)
            }
            AdminWrite::SetClientSecrets(id, secrets) => {
                self.clients.get_mut(id).ok_or(Conflict)?.secrets = secrets.clone();
                self.source_failures.retain(|(client, _), _| client != id);
                Ok(())
            }
            AdminWrite::RemoveClient(id) => {
                self.clients.remove(id);
                self.source_failures.retain(|(client, _), _| client != id);
                self.remove_grants(|client, _| client == id);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn administer_registration_token(&mut self, write: &AdminWrite) -> Result<(), Conflict> {
        let tokens = &mut self.registration_tokens;
        match write {
            AdminWrite::InsertRegistrationToken(new) => {
                require(tokens.insert(new.locator, (**new).clone()).is_none())
            }
            AdminWrite::UseRegistrationToken(id) => {
                let token = tokens.get_mut(id).filter(|token| token.uses < token.max_uses).ok_or(Conflict)?;
                token.uses += 1;
                Ok(())
            }
            AdminWrite::RemoveRegistrationToken(id) => require(tokens.remove(id).is_some()),
            _ => Ok(()),
        }
    }

    fn administer_authenticator(&mut self, write: &AdminWrite) -> Result<(), Conflict> {
        match write {
            AdminWrite::InsertAuthenticator(new) => {
                require(self.users.contains_key(&new.user_id) && self.policies.contains_key(&new.policy))?;
                let key = (new.user_id, new.policy.clone());
                require(self.authenticators.insert(key, (**new).clone()).is_none())
            }
            AdminWrite::UpdateAuthenticator { user_id, policy, status, valid_from, valid_until } => {
                let found = self.stored_authenticator(*user_id, policy)?;
                found.status = *status;
                found.valid_from = *valid_from;
                found.valid_until = *valid_until;
                Ok(())
            }
            AdminWrite::SetPassword { user_id, policy, credential, valid_until } => {
                let found = self.stored_authenticator(*user_id, policy)?;
                require(found.password.version + 1 == credential.version)?;
                found.password = credential.clone();
                found.valid_until = *valid_until;
                Ok(())
            }
            AdminWrite::ResetAuthenticator(user_id, policy) => {
                let found = self.stored_authenticator(*user_id, policy)?;
                found.locked_at = None;
                found.uses = 0;
                found.statistics.consecutive_failed = 0;
                Ok(())
            }
            AdminWrite::RemoveAuthenticator(user_id, policy) => {
                self.authenticators.remove(&(*user_id, policy.clone()));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn stored_authenticator(
        &mut self,
        user_id: UserId,
        policy: &PolicyCode,
    ) -> Result<&mut Authenticator, Conflict> {
        self.authenticators.get_mut(&(user_id, policy.clone())).ok_or(Conflict)
    }

    /// Whether users stand in tokens by their names.
    fn names_users(&self) -> bool {
        WireProfile::effective(self.settings.profile, None).subject == SubjectForm::UserName
    }

    /// User names, external ids and opaque ids are unique in the tenant, and what stands for a user in tokens is no
    /// client id.
    fn put_user(&mut self, user: &User) -> Result<(), Conflict> {
        let clashes = |other: &User| {
            other.user_name == user.user_name
                || other.subject_id == user.subject_id
                || (user.external_id.is_some() && other.external_id == user.external_id)
        };
        require(!self.users.values().any(|other| other.id != user.id && clashes(other)))?;
        let by_name = self.names_users();
        let is_called = |id: &ClientId| {
            user.subject_id.as_str() == id.as_str() || by_name && user.user_name == id.as_str()
        };
        require(!self.clients.keys().any(is_called))?;
        self.users.insert(user.id, user.clone());
        Ok(())
    }

    fn remove_user(&mut self, id: UserId) {
        self.users.remove(&id);
        self.authenticators.retain(|(user, _), _| *user != id);
        self.remove_grants(|_, user| user == Some(id));
    }

    /// Families are kept, as ended ones; sessions go.
    fn end_grants_of(&mut self, id: UserId) {
        for family in self.families.values_mut().filter(|family| family.subject.user_id == id) {
            family.ended = true;
        }
        self.sessions.retain(|_, session| session.subject.as_ref().is_none_or(|of| of.user_id != id));
    }

    fn remove_grants(&mut self, goes: impl Fn(&ClientId, Option<UserId>) -> bool) {
        let user = |subject: &domain::GrantSubject| subject.user_id;
        self.sessions.retain(|_, session| !goes(&session.client_id, session.subject.as_ref().map(user)));
        self.families.retain(|_, family| !goes(&family.client_id, Some(user(&family.subject))));
        let families = &self.families;
        self.tokens.retain(|_, token| families.contains_key(&token.family));
    }
}
