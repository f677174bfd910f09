//! What a committed batch may and must do.

use domain::{Locator, RefreshFamily, RefreshToken, Session, SessionLimits, Write, WriteBatch};

use super::{Expected, Family, Oracle, Purpose, Rotation, Session as Model, Verdict, require};

impl Oracle {
    /// Follows a batch that storage has taken.
    ///
    /// # Errors
    /// What does not hold any more.
    pub(crate) fn committed(&mut self, purpose: &Purpose<'_>, batch: &WriteBatch) -> Verdict {
        let session = batch.writes.iter().find_map(|write| match write {
            Write::InsertSession(session) => Some(session.locator),
            _ => None,
        });
        batch.writes.iter().try_for_each(|write| self.follow(purpose, write, session))?;
        self.complete(purpose, batch)
    }

    fn follow(&mut self, purpose: &Purpose<'_>, write: &Write, session: Option<Locator>) -> Verdict {
        match write {
            Write::InsertFamily(family, token) => self.open_family(purpose, family, token),
            Write::RotateRefresh { spent, successor, .. } => self.rotate(purpose, spent, successor, session),
            Write::RequireRefresh { family, current } => self.hold(purpose, family, current),
            Write::InsertSession(session) => self.open_session(purpose, session),
            Write::EndFamily { family, .. } => self.end(purpose, family),
            Write::RemoveSession(locator) => {
                let Purpose::Revoke { client } = purpose else {
                    return Err("a session was removed, and nobody asked for it".to_owned());
                };
                let own = self.sessions.get(locator).is_none_or(|session| session.client == **client);
                require(own, "a client removed another one's session")?;
                self.over.insert(*locator);
                self.sessions.remove(locator);
                Ok(())
            }
            Write::TouchSession { locator, at } => {
                self.done.touches += 1;
                if let Some(session) = self.sessions.get_mut(locator) {
                    session.touched_at = session.touched_at.max(*at);
                }
                Ok(())
            }
            Write::AuthenticatorSucceeded { .. } | Write::AuthenticatorFailed { .. } => {
                self.tried_password(purpose, write)
            }
            Write::SourceFailed { .. } | Write::SourceSucceeded { .. } => self.tried_secret(purpose, write),
            Write::RehashClientSecret { .. } => Err("nothing here is outdated".to_owned()),
            Write::UseOnce(_) | Write::Remember(_) => Err("nothing here is remembered".to_owned()),
            Write::Audit(_) => Ok(()),
        }
    }

    fn open_family(&mut self, purpose: &Purpose<'_>, new: &RefreshFamily, token: &RefreshToken) -> Verdict {
        let Purpose::Login { client, user, now, .. } = purpose else {
            return Err("a family without a log-in".to_owned());
        };
        require(new.client_id == **client && new.subject.user_id == *user, "a family of somebody else")?;
        require(new.current == token.locator && token.family == new.locator, "a family without its token")?;
        require(new.expires_at == token.expires_at && new.expires_at > *now, "a family with wrong dates")?;
        require(!self.over.contains(&new.locator), "a family came back")?;
        require(self.clients.contains(*client), "a family of a client that has gone")?;
        let family = Family {
            client: new.client_id.clone(),
            user: *user,
            scopes: new.scopes.clone(),
            expires_at: new.expires_at,
            current: token.locator,
            previous: None,
            rotation: None,
            ended: false,
        };
        self.tokens.insert(token.locator, new.locator);
        let before = self.families.insert(new.locator, family);
        require(before.is_none(), "a family took another's place")
    }

    /// One successor for a token, ever; and only while the family lives.
    fn rotate(
        &mut self,
        purpose: &Purpose<'_>,
        spent: &Locator,
        successor: &RefreshToken,
        session: Option<Locator>,
    ) -> Verdict {
        self.hold(purpose, &successor.family, spent)?;
        let (Purpose::Refresh { asked, .. }, Some(session)) = (purpose, session) else {
            return Err("a rotation without a session".to_owned());
        };
        require(self.over.insert(*spent), "a token with two successors")?;
        require(!self.over.contains(&successor.locator), "a successor that was spent before")?;
        require(self.tokens.insert(successor.locator, successor.family).is_none(), "a successor twice")?;
        let rotation = Rotation { at: asked.now, session, binding: asked.binding() };
        let family = self.families.get_mut(&successor.family).ok_or("a family that is not there")?;
        require(family.expires_at == successor.expires_at, "a rotation that lengthens its family")?;
        family.previous = Some(*spent);
        family.current = successor.locator;
        family.rotation = Some(rotation);
        self.done.rotations += 1;
        Ok(())
    }

    fn hold(&self, purpose: &Purpose<'_>, locator: &Locator, current: &Locator) -> Verdict {
        let Purpose::Refresh { asked, expected, .. } = purpose else {
            return Err("a refresh token was used, and nobody presented one".to_owned());
        };
        require(**expected == Expected::Fresh, "a refresh that should not be")?;
        require(asked.token == *current, "another token was used than was presented")?;
        let family = self.families.get(locator).ok_or("a refresh of a family that is not there")?;
        require(!family.ended, "a refresh of a family that had ended")?;
        require(family.current == *current, "a refresh with a token that was not the current one")?;
        require(family.client == asked.client, "a refresh by another client")?;
        require(self.users.get(&family.user).is_some_and(|enabled| *enabled), "a refresh for a disabled user")
    }

    fn open_session(&mut self, purpose: &Purpose<'_>, new: &Session) -> Verdict {
        let (client, limits, now) = match purpose {
            Purpose::Machine { client, limits, now } => {
                require(new.subject.is_none() && new.family.is_none(), "a machine with a user")?;
                self.done.machines += 1;
                (*client, *limits, *now)
            }
            Purpose::Login { client, user, right, policy, now } => {
                require(*right, "a session for a wrong password")?;
                let same = new.subject.as_ref().is_some_and(|subject| subject.user_id == *user);
                require(same, "a session for another user")?;
                require(self.users.get(user) == Some(&true), "a session for a disabled user")?;
                self.done.logins += 1;
                let limits = SessionLimits { inactivity: policy.inactivity(), total: policy.total() };
                (*client, limits, *now)
            }
            Purpose::Refresh { asked, limits, .. } => {
                let family = new.family.and_then(|family| self.families.get(&family));
                let family = family.ok_or("a refreshed session without its family")?;
                require(!family.ended, "a session of a family that had ended")?;
                let same = new.subject.as_ref().is_some_and(|subject| subject.user_id == family.user);
                require(same, "a refresh changed the user")?;
                let granted = new.scopes.iter().all(|value| family.scopes.contains(value));
                require(granted, "a refresh widened the scope")?;
                (&asked.client, *limits, asked.now)
            }
            Purpose::Revoke { .. } | Purpose::Touch | Purpose::Secret { .. } => {
                return Err("a session without a grant".to_owned());
            }
        };
        require(new.client_id == *client, "a session of another client")?;
        require(self.clients.contains(client), "a session of a client that has gone")?;
        require(new.issued_at == now && new.expires_at == now.plus(limits.total), "a wrong total limit")?;
        require(new.inactivity == limits.inactivity, "a wrong inactivity limit")?;
        require(!self.over.contains(&new.locator), "a session came back")?;
        let session = Model {
            client: new.client_id.clone(),
            user: new.subject.as_ref().map(|subject| subject.user_id),
            family: new.family,
            expires_at: new.expires_at,
            inactivity: new.inactivity,
            touched_at: now,
        };
        let before = self.sessions.insert(new.locator, session);
        require(before.is_none(), "a session took another's place")
    }

    fn end(&mut self, purpose: &Purpose<'_>, locator: &Locator) -> Verdict {
        match purpose {
            Purpose::Revoke { client } => {
                let own = self.families.get(locator).is_none_or(|family| family.client == **client);
                require(own, "a client revoked another one's grant")?;
            }
            Purpose::Refresh { expected, .. } => {
                require(**expected == Expected::Reuse, "a family ended, and nothing was reused")?;
                self.done.reuses += 1;
            }
            _ => return Err("a family ended, and nobody asked for it".to_owned()),
        }
        self.end_family(locator);
        Ok(())
    }

    /// Nothing may be missing: what a batch of its kind always holds.
    fn complete(&mut self, purpose: &Purpose<'_>, batch: &WriteBatch) -> Verdict {
        let has = |wanted: fn(&Write) -> bool| batch.writes.iter().filter(|write| wanted(write)).count();
        let sessions = has(|write| matches!(write, Write::InsertSession(_)));
        let audits = has(|write| matches!(write, Write::Audit(_)));
        match purpose {
            Purpose::Refresh { asked, expected: Expected::Fresh, .. } => {
                let held =
                    has(|write| matches!(write, Write::RotateRefresh { .. } | Write::RequireRefresh { .. }));
                require(held == 1, "a refresh that does not hold its token")?;
                require(
                    sessions == usize::from(!asked.no_token),
                    "a refresh with too many or too few sessions",
                )?;
                require(audits == 1, "a refresh without its audit row")
            }
            Purpose::Refresh { .. } => require(sessions == 0 && audits == 1, "a reuse without its audit row"),
            Purpose::Login { .. } => {
                // A user who is disabled, or an authenticator that is locked, is not counted at all.
                let counted = has(|write| {
                    matches!(write, Write::AuthenticatorSucceeded { .. } | Write::AuthenticatorFailed { .. })
                });
                require(counted <= 1 && sessions <= counted, "a log-in that was not counted once")?;
                require(audits > 0, "a log-in without its audit row")
            }
            Purpose::Machine { .. } => require(sessions == 1 && audits == 1, "a machine without its rows"),
            Purpose::Revoke { .. } => {
                self.done.revocations += 1;
                require(audits == 1, "a revocation without its audit row")
            }
            Purpose::Touch | Purpose::Secret { .. } => Ok(()),
        }
    }
}
