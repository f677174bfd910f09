//! Each [`Write`], with its precondition.

use domain::port::PasswordHash;
use domain::{
    Authenticator, AuthenticatorStatus, ClientId, GrantSubject, Locator, PolicyCode, RefreshFamily,
    SourceAddr, SourceFailures, Timestamp, UserId, Write,
};

use super::{Conflict, State, require};

impl State {
    pub(super) fn apply(&mut self, write: &Write) -> Result<(), Conflict> {
        match write {
            Write::InsertSession(session) => {
                self.require_parties(&session.client_id, session.subject.as_ref())?;
                require(self.sessions.insert(session.locator, (**session).clone()).is_none())
            }
            Write::InsertFamily(family, token) => {
                self.require_parties(&family.client_id, Some(&family.subject))?;
                require(self.families.insert(family.locator, (**family).clone()).is_none())?;
                require(self.tokens.insert(token.locator, token.clone()).is_none())
            }
            Write::RotateRefresh { spent, successor, rotated_at, sealed_answer } => {
                let family = self.usable_family(&successor.family, spent)?;
                family.current = successor.locator;
                family.previous = Some(*spent);
                family.rotated_at = Some(*rotated_at);
                family.sealed_answer = Some(sealed_answer.clone());
                require(self.tokens.insert(successor.locator, successor.clone()).is_none())
            }
            Write::RequireRefresh { family, current } => self.usable_family(family, current).map(|_| ()),
            Write::EndFamily { family, end: _ } => {
                self.sessions.retain(|_, session| session.family != Some(*family));
                if let Some(family) = self.families.get_mut(family) {
                    family.ended = true;
                }
                Ok(())
            }
            Write::RemoveSession(_) | Write::TouchSession { .. } => {
                self.change_session(write);
                Ok(())
            }
            Write::AuthenticatorSucceeded { .. } | Write::AuthenticatorFailed { .. } => self.count_use(write),
            Write::SourceFailed { client_id, source, seen, now } => {
                self.require_parties(client_id, None)?;
                self.require_source(client_id, *source, *seen)?;
                self.source_failures.insert((client_id.clone(), *source), *now);
                Ok(())
            }
            Write::SourceSucceeded { client_id, source, seen } => {
                self.require_source(client_id, *source, Some(*seen))?;
                self.source_failures.remove(&(client_id.clone(), *source));
                Ok(())
            }
            Write::RehashClientSecret { client_id, seen, hash } => {
                self.rehash_client_secret(client_id, seen, hash);
                Ok(())
            }
            Write::UseOnce(id) => {
                require(self.remembered.insert((id.purpose, id.key), id.expires_at).is_none())
            }
            Write::Remember(id) => {
                let end = self.remembered.entry((id.purpose, id.key)).or_insert(id.expires_at);
                *end = id.expires_at.max(*end);
                Ok(())
            }
            Write::Audit(event) => {
                require(self.audit.iter().all(|row| row.id != event.id))?;
                self.audit.push((**event).clone());
                Ok(())
            }
        }
    }

    fn change_session(&mut self, write: &Write) {
        match write {
            Write::RemoveSession(locator) => drop(self.sessions.remove(locator)),
            Write::TouchSession { locator, at } => {
                if let Some(session) = self.sessions.get_mut(locator) {
                    session.touched_at = session.touched_at.max(*at);
                }
            }
            _ => {}
        }
    }

    /// What is granted needs those whose it is.
    fn require_parties(&self, client: &ClientId, subject: Option<&GrantSubject>) -> Result<(), Conflict> {
        let known = |subject: &GrantSubject| self.users.contains_key(&subject.user_id);
        require(self.clients.contains_key(client) && subject.is_none_or(known))
    }

    fn usable_family(&mut self, family: &Locator, current: &Locator) -> Result<&mut RefreshFamily, Conflict> {
        self.families
            .get_mut(family)
            .filter(|family| !family.ended && family.current == *current)
            .ok_or(Conflict)
    }

    fn count_use(&mut self, write: &Write) -> Result<(), Conflict> {
        match write {
            Write::AuthenticatorSucceeded { user_id, policy, version, locked_at, uses, at, rehash } => {
                let found = self.seen_authenticator(*user_id, policy, *version, *locked_at)?;
                require(found.status == AuthenticatorStatus::Enabled)?;
                require(found.valid_from.has_passed(*at) && !found.valid_until.has_passed(*at))?;
                require(uses.is_none_or(|uses| uses == (found.uses, found.password.uses)))?;
                succeed(found, *at, rehash.as_ref());
                Ok(())
            }
            Write::AuthenticatorFailed {
                user_id,
                policy,
                version,
                seen_failed,
                seen_locked_at,
                failed,
                locked_at,
                at,
            } => {
                let found = self.seen_authenticator(*user_id, policy, *version, *seen_locked_at)?;
                require(found.statistics.consecutive_failed == *seen_failed)?;
                found.locked_at = *locked_at;
                found.statistics.consecutive_failed = *failed;
                found.statistics.consecutive_success = 0;
                found.statistics.total_failed += 1;
                found.statistics.last_unsuccessful = Some(*at);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn seen_authenticator(
        &mut self,
        user_id: UserId,
        policy: &PolicyCode,
        version: i64,
        locked_at: Option<Timestamp>,
    ) -> Result<&mut Authenticator, Conflict> {
        let found = self.authenticators.get_mut(&(user_id, policy.clone())).ok_or(Conflict)?;
        require(found.password.version == version && found.locked_at == locked_at)?;
        Ok(found)
    }

    fn require_source(
        &self,
        client_id: &ClientId,
        source: SourceAddr,
        seen: Option<SourceFailures>,
    ) -> Result<(), Conflict> {
        require(self.source_failures.get(&(client_id.clone(), source)).copied() == seen)
    }

    fn rehash_client_secret(&mut self, client_id: &ClientId, seen: &PasswordHash, hash: &PasswordHash) {
        let stored = self.clients.get_mut(client_id).and_then(|client| client.secrets.chosen.as_mut());
        if let Some(stored) = stored.filter(|stored| **stored == *seen) {
            *stored = hash.clone();
        }
    }
}

fn succeed(authenticator: &mut Authenticator, at: Timestamp, rehash: Option<&PasswordHash>) {
    authenticator.locked_at = None;
    authenticator.uses += 1;
    authenticator.statistics.consecutive_failed = 0;
    authenticator.statistics.consecutive_success += 1;
    authenticator.statistics.total_success += 1;
    authenticator.statistics.last_successful = Some(at);
    authenticator.password.uses += 1;
    if let Some(hash) = rehash {
        authenticator.password.hash = hash.clone();
        authenticator.password.version += 1;
    }
}
