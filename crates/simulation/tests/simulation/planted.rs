//! Faults that are planted, one at a time: an oracle that never complains of any would prove nothing.

use std::cell::RefCell;

use domain::port::{Apply as _, RefreshLookup as _, SessionLookup as _};
use domain::{Applied, Env, Locator, Session, StoredRefresh, Write, WriteBatch};
use testkit::MemoryStore;

/// The rule that a database, or an engine, breaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Planted {
    /// None.
    #[default]
    Nothing,
    /// A rotation is committed though another one has taken its token.
    ConflictingRotation,
    /// A revocation that was told is undone when a node crashes.
    ForgottenRevocation,
    /// A family that was ended can be used again.
    FamilyComesBack,
    /// A wrong password is refused, and a session opened for it.
    NoGrant,
    /// The token before the newest one can still be used, and so can the newest.
    TwoSuccessors,
    /// A commit is reported that has not happened.
    LostCommit,
    /// A failure is not counted.
    UncountedFailure,
}

impl Planted {
    /// All that break something.
    pub(crate) const ALL: [Self; 7] = [
        Self::ConflictingRotation,
        Self::ForgottenRevocation,
        Self::FamilyComesBack,
        Self::NoGrant,
        Self::TwoSuccessors,
        Self::LostCommit,
        Self::UncountedFailure,
    ];
}

/// The database, with the fault that is planted in it.
#[derive(Default)]
pub(crate) struct Database {
    pub(crate) planted: Planted,
    /// What was removed last, to come back.
    removed: RefCell<Option<Session>>,
}

impl Database {
    pub(crate) fn with(planted: Planted) -> Self {
        Self { planted, removed: RefCell::default() }
    }

    /// What an engine wants to commit, which may be more than it should.
    pub(crate) fn wanted(&self, store: &MemoryStore, batch: &WriteBatch, env: &Env<'_>) -> WriteBatch {
        let mut batch = batch.clone();
        let failed = batch.writes.iter().any(|write| matches!(write, Write::AuthenticatorFailed { .. }));
        if self.planted == Planted::NoGrant && failed {
            let issued = store.sessions().into_iter().find(|session| session.subject.is_some());
            batch.writes.extend(issued.map(|session| {
                let locator = Locator::mint(env).unwrap();
                Write::InsertSession(Box::new(Session { locator, family: None, ..session }))
            }));
        }
        batch
    }

    /// Commits, more or less.
    pub(crate) fn commit(&self, store: &mut MemoryStore, batch: &WriteBatch) -> Applied {
        let mut batch = batch.clone();
        match self.planted {
            Planted::ConflictingRotation | Planted::TwoSuccessors => {
                batch.writes.iter_mut().for_each(|write| take_for_current(store, write));
            }
            Planted::LostCommit => batch.writes.retain(|write| !matches!(write, Write::InsertSession(_))),
            Planted::UncountedFailure => {
                batch.writes.retain(|write| !matches!(write, Write::AuthenticatorFailed { .. }));
            }
            _ => {}
        }
        let removed = batch.writes.iter().find_map(|write| match write {
            Write::RemoveSession(locator) => store.session(locator).unwrap(),
            _ => None,
        });
        let applied = store.apply(&batch).unwrap();
        if applied == Applied::Committed {
            self.removed.replace(removed.or_else(|| self.removed.take()));
            if self.planted == Planted::FamilyComesBack {
                batch.writes.iter().for_each(|write| bring_back(store, write));
            }
        }
        applied
    }

    /// A refresh token as it is stored.
    pub(crate) fn refresh(&self, store: &mut MemoryStore, locator: &Locator) -> Option<StoredRefresh> {
        let mut stored = store.refresh(locator).unwrap()?;
        if self.planted == Planted::TwoSuccessors && stored.family.previous == Some(*locator) {
            stored.family.current = *locator;
        }
        Some(stored)
    }

    /// A node crashes.
    pub(crate) fn crashed(&self, store: &MemoryStore) {
        if self.planted == Planted::ForgottenRevocation {
            self.removed.take().into_iter().for_each(|session| store.session_insert(session));
        }
    }
}

/// Lets a rotation find its token to be the current one, whatever is.
fn take_for_current(store: &mut MemoryStore, write: &mut Write) {
    if let Write::RotateRefresh { spent, successor, .. } = write
        && let Some(family) = store.family(&successor.family).unwrap()
    {
        *spent = family.current;
    }
}

fn bring_back(store: &mut MemoryStore, write: &Write) {
    if let Write::EndFamily { family, .. } = write
        && let Some(mut family) = store.family(family).unwrap()
    {
        family.ended = false;
        store.family_insert(family);
    }
}
