//! Round trips to PostgreSQL per request, counted by PostgreSQL itself (`pg_stat_statements`).

use crate::failure::Result;
use crate::place::Postgres;

/// PostgreSQL's count of statements.
pub(crate) struct Trips<'a>(&'a Postgres);

impl<'a> Trips<'a> {
    /// Begins to count. It costs a little, so nothing else is measured meanwhile.
    ///
    /// # Errors
    /// When PostgreSQL was not started with `shared_preload_libraries = 'pg_stat_statements'`.
    pub(crate) fn count(postgres: &'a Postgres) -> Result<Self> {
        postgres.order(&[
            "CREATE EXTENSION IF NOT EXISTS pg_stat_statements",
            "ALTER SYSTEM SET pg_stat_statements.track = 'top'",
            "SELECT pg_reload_conf()",
        ])?;
        Ok(Self(postgres))
    }

    /// Begins anew.
    ///
    /// # Errors
    /// Those of PostgreSQL.
    pub(crate) fn reset(&self) -> Result<()> {
        self.0.order(&["SELECT pg_stat_statements_reset()"])
    }

    /// Statements since then, BEGIN and COMMIT among them, that came from Countersign's rates. Each is a round trip,
    /// for none is sent before the last one is answered.
    ///
    /// # Errors
    /// Those of PostgreSQL.
    pub(crate) fn so_far(&self, database: &str) -> Result<f64> {
        self.0.number(&format!(
            "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements JOIN pg_database ON oid = dbid \
             WHERE datname = '{database}'"
        ))
    }

    /// Counts no more.
    ///
    /// # Errors
    /// Those of PostgreSQL.
    pub(crate) fn end(&self) -> Result<()> {
        self.0.order(&["ALTER SYSTEM SET pg_stat_statements.track = 'none'", "SELECT pg_reload_conf()"])
    }
}
