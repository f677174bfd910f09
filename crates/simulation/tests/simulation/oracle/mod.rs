//! What must be true, told again in other words than the engines': a model that follows each commit and answers
//! what is alive. Where the two disagree, one of them is wrong.

mod admin;
mod commit;
mod expect;
mod failures;

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    AuthenticationPolicy, ClientId, Locator, Scopes, SessionLimits, Timestamp, Ttl, User, UserId, UserStatus,
};

use crate::party::Party;

pub(crate) use expect::{Asked, Expected, Seen};

/// DECISIONS 3.2 and 3.4.
const TOUCHED_FOR: Ttl = Ttl::from_secs(30);
const RETRY: Ttl = Ttl::from_secs(10);

/// A refresh family.
#[derive(Clone)]
pub(crate) struct Family {
    client: ClientId,
    user: UserId,
    scopes: Scopes,
    expires_at: Timestamp,
    current: Locator,
    previous: Option<Locator>,
    rotation: Option<Rotation>,
    ended: bool,
}

/// The rotation that made `current`.
#[derive(Clone)]
struct Rotation {
    at: Timestamp,
    session: Locator,
    binding: String,
}

/// A session.
pub(crate) struct Session {
    client: ClientId,
    user: Option<UserId>,
    family: Option<Locator>,
    expires_at: Timestamp,
    inactivity: Option<Ttl>,
    touched_at: Timestamp,
}

/// A user's password.
#[derive(Clone, Debug)]
pub(crate) struct Password {
    pub(crate) version: i64,
    /// Which of their passwords it is: a version may change without it.
    pub(crate) chosen: i64,
    pub(crate) enabled: bool,
    pub(crate) valid_until: Timestamp,
    pub(crate) failed: i64,
    pub(crate) total_failed: i64,
    pub(crate) total_success: i64,
    pub(crate) locked_at: Option<Timestamp>,
}

/// Wrong secrets of a client, from the one address.
#[derive(Clone, Copy)]
struct Failures {
    row: i64,
    locked_until: Option<Timestamp>,
    expires_at: Timestamp,
}

/// Why somebody writes: what the simulation knows that the engines were asked to find out.
pub(crate) enum Purpose<'a> {
    /// A machine that has proved itself wants a token.
    Machine { client: &'a ClientId, limits: SessionLimits, now: Timestamp },
    /// A password was tried. `right` is for the version of it that the user had at the look-up.
    Login {
        client: &'a ClientId,
        user: UserId,
        right: bool,
        policy: &'a AuthenticationPolicy,
        now: Timestamp,
    },
    /// A refresh token was presented.
    Refresh { asked: &'a Asked, expected: &'a Expected, limits: SessionLimits },
    /// A client wants its own grant to end.
    Revoke { client: &'a ClientId },
    /// Activity.
    Touch,
    /// A chosen secret was tried.
    Secret { client: &'a ClientId, right: bool, policy: &'a AuthenticationPolicy, now: Timestamp },
}

/// The model.
pub(crate) struct Oracle {
    families: BTreeMap<Locator, Family>,
    /// Each token's family, as long as it is stored.
    tokens: BTreeMap<Locator, Locator>,
    sessions: BTreeMap<Locator, Session>,
    /// Sessions and families that are over, and tokens that were spent: for good.
    over: BTreeSet<Locator>,
    users: BTreeMap<UserId, bool>,
    clients: BTreeSet<ClientId>,
    pub(crate) passwords: BTreeMap<UserId, Password>,
    failures: BTreeMap<ClientId, Failures>,
    /// How much happened, so that a run that does nothing is seen.
    pub(crate) done: Done,
}

/// How often what happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) machines: u64,
    pub(crate) logins: u64,
    pub(crate) failures: u64,
    pub(crate) rotations: u64,
    pub(crate) repeats: u64,
    pub(crate) reuses: u64,
    pub(crate) revocations: u64,
    pub(crate) touches: u64,
    pub(crate) conflicts: u64,
    pub(crate) crashes: u64,
    pub(crate) expiries: u64,
    pub(crate) changes: u64,
}

pub(crate) type Verdict = Result<(), String>;

/// `Err(words)` where something does not hold.
pub(crate) fn require(holds: bool, words: &str) -> Verdict {
    if holds { Ok(()) } else { Err(words.to_owned()) }
}

impl Oracle {
    pub(crate) fn new(parties: &[Party], users: &[User]) -> Self {
        let password = Password {
            version: 1,
            chosen: 1,
            enabled: true,
            valid_until: Timestamp::from_millis(i64::MAX),
            failed: 0,
            total_failed: 0,
            total_success: 0,
            locked_at: None,
        };
        Self {
            families: BTreeMap::new(),
            tokens: BTreeMap::new(),
            sessions: BTreeMap::new(),
            over: BTreeSet::new(),
            users: users.iter().map(|user| (user.id, user.status == UserStatus::Enabled)).collect(),
            clients: parties.iter().map(|party| party.id.clone()).collect(),
            passwords: users.iter().map(|user| (user.id, password.clone())).collect(),
            failures: BTreeMap::new(),
            done: Done::default(),
        }
    }

    /// Whether an access token is good.
    pub(crate) fn is_active(&self, session: &Locator, now: Timestamp) -> bool {
        self.sessions.get(session).is_some_and(|session| {
            let idle = |limit: Ttl| session.touched_at.plus(TOUCHED_FOR).plus(limit) <= now;
            session.expires_at > now && !session.inactivity.is_some_and(idle)
        })
    }

    /// Whether a client is registered.
    pub(crate) fn knows(&self, client: &ClientId) -> bool {
        self.clients.contains(client)
    }

    /// Whether a refresh token can be used.
    pub(crate) fn is_current(&self, token: &Locator, now: Timestamp) -> bool {
        self.family(token)
            .is_some_and(|(_, family)| !family.ended && family.current == *token && family.expires_at > now)
    }

    /// Whether the session of an access token has gone, or the family of a refresh token ended.
    pub(crate) fn is_over(&self, token: &Locator) -> bool {
        !self.sessions.contains_key(token) && self.family(token).is_none_or(|(_, family)| family.ended)
    }

    /// The family of a session.
    pub(crate) fn family_of(&self, session: &Locator) -> Option<Locator> {
        self.sessions.get(session).and_then(|session| session.family)
    }

    /// Whether a family has ended, or gone.
    pub(crate) fn has_ended(&self, family: &Locator) -> bool {
        self.families.get(family).is_none_or(|family| family.ended)
    }

    /// When a session was last used, as far as that was written.
    pub(crate) fn touched_at(&self, session: &Locator) -> Option<Timestamp> {
        self.sessions.get(session).map(|session| session.touched_at)
    }

    /// How many rows storage holds: sessions and families.
    pub(crate) fn rows(&self) -> (usize, usize) {
        (self.sessions.len(), self.families.len())
    }

    /// What expires goes: sessions by their total limit, families with their tokens.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        self.done.expiries += 1;
        self.drop_sessions(|session| session.expires_at <= now);
        self.drop_families(|family| family.expires_at <= now);
        self.failures.retain(|_, failures| failures.expires_at > now);
    }

    fn drop_sessions(&mut self, goes: impl Fn(&Session) -> bool) {
        let (sessions, over) = (&mut self.sessions, &mut self.over);
        sessions.retain(|locator, session| {
            let goes = goes(session);
            if goes {
                over.insert(*locator);
            }
            !goes
        });
    }

    fn drop_families(&mut self, goes: impl Fn(&Family) -> bool) {
        let (families, over) = (&mut self.families, &mut self.over);
        families.retain(|locator, family| {
            let goes = goes(family);
            if goes {
                over.insert(*locator);
            }
            !goes
        });
        let families = &self.families;
        self.tokens.retain(|_, family| families.contains_key(family));
    }

    fn end_family(&mut self, locator: &Locator) {
        if let Some(family) = self.families.get_mut(locator) {
            family.ended = true;
            self.over.insert(*locator);
        }
        self.drop_sessions(|session| session.family == Some(*locator));
    }
}
