//! How statements fail.

use diesel::result::{DatabaseErrorKind, Error};
use domain::Fault;

/// What every function of this crate answers with inside.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// Why a statement, or what was made of it, failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A precondition does not hold.
    Conflict,
    /// The database could not do it.
    Trouble(Trouble),
    /// Something else is wrong on our side.
    Fault(Fault),
}

/// The database could not do it. It can be told to many waiters.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{operation} on {table}: {message}")]
pub(crate) struct Trouble {
    pub(crate) table: &'static str,
    pub(crate) operation: &'static str,
    pub(crate) message: String,
    /// Whether the connection is gone.
    pub(crate) lost: bool,
}

impl Trouble {
    /// Whether a transaction could not begin because another process holds SQLite's lock. Nothing was written.
    pub(crate) fn is_not_our_turn(&self) -> bool {
        self.operation == "begin" && self.message.starts_with("database is locked")
    }
}

impl From<Trouble> for Fault {
    fn from(trouble: Trouble) -> Self {
        Self::Storage { table: trouble.table, operation: trouble.operation, message: trouble.message }
    }
}

impl From<Failure> for Fault {
    /// For work that cannot conflict but with another administrator's.
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Conflict => Self::Contended(1),
            Failure::Trouble(trouble) => trouble.into(),
            Failure::Fault(fault) => fault,
        }
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

/// Turns a driver's error into ours, saying what was tried on which table.
pub(crate) fn on(table: &'static str, operation: &'static str) -> impl FnOnce(Error) -> Failure {
    move |error| match error {
        // A row that is there already, a row that is gone, or another node that won: look again, decide again.
        Error::DatabaseError(
            DatabaseErrorKind::UniqueViolation
            | DatabaseErrorKind::ForeignKeyViolation
            | DatabaseErrorKind::SerializationFailure,
            _,
        ) => Failure::Conflict,
        Error::DatabaseError(DatabaseErrorKind::Unknown, info)
            if is_deadlock(info.message(), info.details()) =>
        {
            Failure::Conflict
        }
        error => Failure::Trouble(trouble(table, operation, &error)),
    }
}

/// Whether this is PostgreSQL's report of a deadlock (SQLSTATE 40P01), which the driver neither has a kind for nor tells
/// the code of. The message may be in any language (`lc_messages`, which only a superuser may set). But the details
/// name, in a line for each process of the circle, the lock it waits for, and the names of lock modes are never
/// translated: `Process 71 waits for ShareLock on transaction 917; blocked by process 72.`
fn is_deadlock(message: &str, details: Option<&str>) -> bool {
    if message.contains("deadlock detected") {
        return true;
    }
    let waits = |line: &&str| {
        let mut words = line.split(|c: char| !c.is_ascii_alphanumeric());
        LOCK_MODES.into_iter().any(|mode| words.clone().any(|word| word == mode))
            && words.by_ref().filter(|word| word.parse::<u32>().is_ok()).count() >= 2
    };
    details.is_some_and(|details| details.lines().filter(waits).count() >= 2)
}

const LOCK_MODES: [&str; 8] = [
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
];

/// Describes a driver's error.
pub(crate) fn trouble(table: &'static str, operation: &'static str, error: &Error) -> Trouble {
    let lost = matches!(
        error,
        Error::BrokenTransactionManager
            | Error::DatabaseError(
                DatabaseErrorKind::ClosedConnection
                    | DatabaseErrorKind::UnableToSendCommand
                    // The server has become a standby: another host of the URL may be the one that takes writes.
                    | DatabaseErrorKind::ReadOnlyTransaction,
                _
            )
    );
    Trouble { table, operation, message: error.to_string(), lost }
}

/// `Ok` when a conditional statement found its row.
pub(crate) const fn require(rows: usize) -> Result<()> {
    if rows == 0 { Err(Failure::Conflict) } else { Ok(()) }
}

/// A stored value that must read back.
pub(crate) fn sound<T>(value: Option<T>, what: &'static str) -> Result<T> {
    value.ok_or_else(|| Failure::Fault(Fault::Inconsistent(what.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_a_deadlock_in_any_language() {
        let german = "Prozess 71 wartet auf ShareLock-Sperre auf Transaktion 917; blockiert von Prozess 72.\n\
                      Prozess 72 wartet auf ExclusiveLock-Sperre auf Tupel (0,3) in Relation 16401 der Datenbank 5; \
                      blockiert von Prozess 71.";
        let japanese = "プロセス 71 は ShareLock を トランザクション 917 で待機していましたが、プロセス 72 でブロックされました\n\
                        プロセス 72 は ShareLock を トランザクション 916 で待機していましたが、プロセス 71 でブロックされました";
        assert!(is_deadlock("deadlock detected", None));
        assert!(is_deadlock("Verklemmung (Deadlock) entdeckt bei Zeichen 13", Some(german)));
        assert!(is_deadlock("デッドロックを検出しました", Some(japanese)));
    }

    #[test]
    fn takes_nothing_else_for_a_deadlock() {
        for details in [
            None,
            Some("User was holding a relation lock for too long."),
            Some("Process 71 waits for ShareLock on transaction 917; blocked by process 72."),
            Some("Failing row contains (1, ShareLock, 2, 3).\nFailing row contains (1, x, 2, 3)."),
        ] {
            assert!(!is_deadlock("canceling statement due to lock timeout", details), "{details:?}");
        }
    }
}
