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
        // diesel has no kind for a deadlock (SQLSTATE 40P01).
        Error::DatabaseError(_, info) if info.message().contains("deadlock detected") => Failure::Conflict,
        error => Failure::Trouble(trouble(table, operation, &error)),
    }
}

/// Describes a driver's error.
pub(crate) fn trouble(table: &'static str, operation: &'static str, error: &Error) -> Trouble {
    let lost = matches!(
        error,
        Error::BrokenTransactionManager
            | Error::DatabaseError(
                DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand,
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
