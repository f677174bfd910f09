//! What a decision wants changed: statements with their preconditions inside (BLUEPRINT 5.1).

use crate::{
    AuditEvent, ClientId, FamilyEnd, Locator, PolicyCode, RefreshFamily, RefreshToken, Remembered, Session,
    SourceAddr, SourceFailures, Timestamp, UserId, port::PasswordHash,
};

/// One change. If its precondition does not hold, the whole batch is a [`Applied::Conflict`] and nothing is
/// written. Every assumption that a decision makes of a stored fact must be a precondition here.
#[derive(Clone, Debug)]
pub enum Write {
    /// Opens a session. Precondition: its locator is free, and its client and user exist.
    InsertSession(Box<Session>),
    /// Opens a refresh family with its first token. Precondition: both locators are free, and its client and user
    /// exist.
    InsertFamily(Box<RefreshFamily>, RefreshToken),
    /// Replaces `spent` by `successor`. Precondition: the family has not ended and its current token is `spent`.
    RotateRefresh {
        /// The token that was presented.
        spent: Locator,
        /// The token that takes its place; it names the family.
        successor: RefreshToken,
        /// When.
        rotated_at: Timestamp,
        /// The whole answer, sealed under a key derived from the spent token.
        sealed_answer: Vec<u8>,
    },
    /// Requires that a family has not ended and that `current` is its current token; changes nothing. For
    /// profiles that do not rotate.
    RequireRefresh {
        /// The family.
        family: Locator,
        /// The token that was presented.
        current: Locator,
    },
    /// Ends a family and removes its sessions. No precondition: ending twice is one end.
    EndFamily {
        /// The family.
        family: Locator,
        /// Why.
        end: FamilyEnd,
    },
    /// Removes a session. No precondition.
    RemoveSession(Locator),
    /// Notes activity, never backwards. No precondition: a session that has gone stays gone.
    TouchSession {
        /// The session.
        locator: Locator,
        /// When.
        at: Timestamp,
    },
    /// Counts a successful use, ends a row of failures and a lock that has run out, and stores a new hash of the
    /// same password if there is one. Precondition: `version` is the password's, the authenticator is enabled
    /// and valid at `at`, `uses` is as seen when a limit rests on it, and it is locked exactly as seen.
    AuthenticatorSucceeded {
        /// Whose authenticator.
        user_id: UserId,
        /// Which.
        policy: PolicyCode,
        /// The password's version as seen.
        version: i64,
        /// `locked_at` as seen.
        locked_at: Option<Timestamp>,
        /// The authenticator's and the password's uses as seen, when a limit rests on them.
        uses: Option<(i64, i64)>,
        /// When.
        at: Timestamp,
        /// A hash under newer parameters.
        rehash: Option<PasswordHash>,
    },
    /// Counts a failure. Precondition: `version`, `consecutive_failed` and `locked_at` are as seen.
    AuthenticatorFailed {
        /// Whose authenticator.
        user_id: UserId,
        /// Which.
        policy: PolicyCode,
        /// The password's version as seen.
        version: i64,
        /// Failures in a row as seen.
        seen_failed: i64,
        /// `locked_at` as seen.
        seen_locked_at: Option<Timestamp>,
        /// Failures in a row from now on.
        failed: i64,
        /// Whether this failure locks it.
        locked_at: Option<Timestamp>,
        /// When.
        at: Timestamp,
    },
    /// Counts a failure with a client's chosen secret. Precondition: the counter is as seen, and the client exists.
    SourceFailed {
        /// The client.
        client_id: ClientId,
        /// From where, by lock unit.
        source: SourceAddr,
        /// The counter as seen; `None`: there was none.
        seen: Option<SourceFailures>,
        /// The counter from now on.
        now: SourceFailures,
    },
    /// Forgets such failures. Precondition: the counter is as seen.
    SourceSucceeded {
        /// The client.
        client_id: ClientId,
        /// From where, by lock unit.
        source: SourceAddr,
        /// The counter as seen.
        seen: SourceFailures,
    },
    /// Stores a new hash of the same chosen client secret. No precondition but that `seen` is still stored;
    /// otherwise nothing happens.
    RehashClientSecret {
        /// The client.
        client_id: ClientId,
        /// The hash as seen.
        seen: PasswordHash,
        /// A hash under newer parameters.
        hash: PasswordHash,
    },
    /// Uses an identifier up. Precondition: it is not remembered ([`crate::port::RememberedLookup`] tells).
    UseOnce(Remembered),
    /// Remembers an identifier. No precondition: remembering twice is remembering once, until the later instant.
    Remember(Remembered),
    /// Appends to the audit log. Precondition: its id is free.
    Audit(Box<AuditEvent>),
}

impl Write {
    /// Whether it only inserts: such batches can be merged with others (BLUEPRINT amendment 3).
    pub const fn is_insert(&self) -> bool {
        matches!(self, Self::InsertSession(_) | Self::InsertFamily(..) | Self::UseOnce(_) | Self::Audit(_))
    }
}

/// Changes that happen together or not at all, in one tenant.
#[derive(Clone, Debug, Default)]
pub struct WriteBatch {
    /// In order.
    pub writes: Vec<Write>,
}

impl WriteBatch {
    /// No change.
    pub const fn new() -> Self {
        Self { writes: Vec::new() }
    }

    /// Adds a change.
    pub fn push(&mut self, write: Write) {
        self.writes.push(write);
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Whether every change only inserts.
    pub fn is_insert_only(&self) -> bool {
        self.writes.iter().all(Write::is_insert)
    }
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// All of it is durable.
    Committed,
    /// A precondition failed; nothing was written. Look again and decide again.
    Conflict,
}
