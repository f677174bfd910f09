//! A connection that counts what it is asked.

use std::sync::Arc;

use crate::counters::Meter;
use crate::dialect::Db;
use crate::failure::{Failure, Result, on, trouble};

/// A connection with its counters.
pub(crate) struct Link {
    db: Db,
    meter: Arc<Meter>,
    /// The age of the pool when it was opened; see [`crate::manager`].
    pub(crate) epoch: u64,
    attempts: u64,
    broken: bool,
}

impl Link {
    pub(crate) const fn new(db: Db, meter: Arc<Meter>, epoch: u64) -> Self {
        Self { db, meter, epoch, attempts: 0, broken: false }
    }

    /// The connection, to read one statement's rows.
    pub(crate) fn read(&mut self) -> &mut Db {
        self.meter.reads.one();
        &mut self.db
    }

    /// The connection, to write by one statement.
    pub(crate) fn write(&mut self) -> &mut Db {
        self.meter.writes.one();
        self.attempts = self.attempts.saturating_add(1);
        &mut self.db
    }

    /// How many writing statements have been tried.
    pub(crate) const fn attempts(&self) -> u64 {
        self.attempts
    }

    /// The connection, for what is not counted: transactions, settings, migrations.
    pub(crate) const fn db(&mut self) -> &mut Db {
        &mut self.db
    }

    /// Never to be used again.
    pub(crate) const fn discard(&mut self) {
        self.broken = true;
    }

    /// Whether it may not be used again.
    pub(crate) fn is_broken(&mut self) -> bool {
        self.broken || self.db.is_broken()
    }

    /// Whether the transaction at hand cannot go on.
    pub(crate) const fn is_spoilt(&self) -> bool {
        self.broken
    }

    /// Begins a transaction that will write.
    pub(crate) fn begin(&mut self) -> Result<()> {
        // A statement that cannot begin has no precondition to fail: locks held too long are trouble.
        self.db.begin_write().map_err(|error| Failure::Trouble(trouble("transaction", "begin", &error)))
    }

    /// Commits, or releases a savepoint. A connection that cannot is discarded.
    pub(crate) fn commit(&mut self) -> Result<()> {
        let committed =
            self.db.commit().map_err(|error| Failure::Trouble(trouble("transaction", "commit", &error)));
        if committed.is_err() {
            self.discard();
        }
        committed
    }

    /// Rolls back; a connection that cannot is discarded, which rolls back too.
    pub(crate) fn rollback(&mut self) {
        if self.db.rollback().is_err() {
            self.discard();
        }
    }
}

/// Does `work` in one transaction: all of it, or nothing.
pub(crate) fn transact<T>(link: &mut Link, work: impl FnOnce(&mut Link) -> Result<T>) -> Result<T> {
    link.begin()?;
    conclude(link, work)
}

/// Does `work` in the transaction that has just begun, and ends it: all of it, or nothing.
pub(crate) fn conclude<T>(link: &mut Link, work: impl FnOnce(&mut Link) -> Result<T>) -> Result<T> {
    match work(link) {
        Ok(value) => link.commit().map(|()| value),
        Err(failure) => {
            link.rollback();
            Err(failure)
        }
    }
}

/// Does `work` in a savepoint of the transaction at hand: all of it, or nothing.
pub(crate) fn nest<T>(link: &mut Link, work: impl FnOnce(&mut Link) -> Result<T>) -> Result<T> {
    link.db().begin_savepoint().map_err(on("transaction", "savepoint"))?;
    match work(link) {
        Ok(value) => link.commit().map(|()| value),
        Err(failure) => {
            link.rollback();
            Err(failure)
        }
    }
}
