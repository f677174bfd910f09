//! Where the two engines differ. No other file names the variants of [`Db`], and no other writes SQL by hand.

use std::path::Path;
use std::time::Duration;

use diesel::connection::{AnsiTransactionManager, Connection, SimpleConnection, TransactionManager};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::r2d2::R2D2Connection;
use diesel::sql_types::Text;
use diesel::sqlite::SqliteConnection;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::config::Target;
use crate::failure::{Trouble, trouble};

const SQLITE_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// The advisory lock that serialises migrations on PostgreSQL: "CSgn" as a number.
const MIGRATION_LOCK: i64 = 0x4353_676E;

/// How long the committer waits at a time while another process holds SQLite's lock.
pub(crate) const TURN: Duration = Duration::from_millis(100);

/// A connection to either engine.
#[derive(diesel::MultiConnection)]
pub(crate) enum Db {
    Pg(PgConnection),
    Sqlite(SqliteConnection),
}

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Lookups; on SQLite it cannot write.
    Reader,
    /// Anything.
    Writer,
    /// What the committer does: it asks for SQLite's lock again and again, and looks around in between.
    Committer,
}

/// Type-checks one body against each engine's own connection. For hot statements too: over the enum's own connection
/// diesel writes their text several times for each execution.
macro_rules! each {
    ($db:expr, $connection:ident => $body:expr) => {
        match $db {
            $crate::dialect::Db::Pg($connection) => $body,
            $crate::dialect::Db::Sqlite($connection) => $body,
        }
    };
}
pub(crate) use each;

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Text)]
    found: String,
}

impl Db {
    /// Opens a connection of exactly the target's engine. A missing file is not created.
    pub(crate) fn connect(target: &Target, timeout: Duration, role: Role) -> Result<Self, String> {
        let failed = |error: diesel::result::Error| error.to_string();
        match target {
            Target::File(path) => {
                let mut inner = SqliteConnection::establish(&file_uri(path)).map_err(|e| e.to_string())?;
                inner.batch_execute(&pragmas(timeout, role)).map_err(failed)?;
                Ok(Self::Sqlite(inner))
            }
            Target::Server(url) => {
                let mut inner = PgConnection::establish(&bounded(url)).map_err(|e| e.to_string())?;
                inner.batch_execute(&session_settings(timeout)).map_err(failed)?;
                Ok(Self::Pg(inner))
            }
        }
    }

    /// The settings that durability and integrity rest on: name, wanted, found.
    pub(crate) fn settings(&mut self) -> QueryResult<Vec<(&'static str, &'static str, String)>> {
        let wanted: &[_] = match self {
            Self::Pg(_) => &[
                (
                    "synchronous_commit",
                    "on",
                    "SELECT CASE setting WHEN 'remote_apply' THEN 'on' ELSE setting END AS found \
                     FROM current_setting('synchronous_commit') AS setting",
                ),
                ("server_encoding", "UTF8", "SELECT current_setting('server_encoding') AS found"),
            ],
            Self::Sqlite(_) => &[
                ("journal_mode", "wal", "SELECT journal_mode AS found FROM pragma_journal_mode"),
                ("synchronous", "2", "SELECT CAST(synchronous AS TEXT) AS found FROM pragma_synchronous"),
                ("foreign_keys", "1", "SELECT CAST(foreign_keys AS TEXT) AS found FROM pragma_foreign_keys"),
            ],
        };
        wanted.iter().map(|(name, wanted, sql)| Ok((*name, *wanted, self.text(sql)?))).collect()
    }

    fn text(&mut self, sql: &str) -> QueryResult<String> {
        Ok(raw(sql).get_result::<Found>(self)?.found)
    }

    /// Asks for an answer, any.
    pub(crate) fn ping(&mut self) -> QueryResult<()> {
        R2D2Connection::ping(self)
    }

    /// Whether a transaction was left open or the state is unknown.
    pub(crate) fn is_broken(&mut self) -> bool {
        R2D2Connection::is_broken(self)
    }

    /// Begins a transaction that will write: on SQLite at once as the writer, for a reader that turned writer
    /// would fail; on PostgreSQL at READ COMMITTED, where a conditional UPDATE waits and then looks again.
    pub(crate) fn begin_write(&mut self) -> QueryResult<()> {
        match self {
            Self::Pg(inner) => AnsiTransactionManager::begin_transaction(inner),
            Self::Sqlite(inner) => AnsiTransactionManager::begin_transaction_sql(inner, "BEGIN IMMEDIATE"),
        }
    }

    /// Lets the statements of this transaction take their time: what an administrator removes may have no index.
    pub(crate) fn be_patient(&mut self) -> QueryResult<()> {
        match self {
            Self::Pg(inner) => inner.batch_execute("SET LOCAL statement_timeout = '60s'"),
            Self::Sqlite(_) => Ok(()),
        }
    }

    /// Lets the statements of this transaction wait for others' rows for a moment only.
    pub(crate) fn hurry(&mut self) -> QueryResult<()> {
        match self {
            Self::Pg(inner) => inner.batch_execute("SET LOCAL lock_timeout = '50ms'"),
            Self::Sqlite(_) => Ok(()),
        }
    }

    /// Begins a savepoint in a transaction.
    pub(crate) fn begin_savepoint(&mut self) -> QueryResult<()> {
        each!(self, inner => AnsiTransactionManager::begin_transaction(inner))
    }

    /// Commits the transaction, or releases the savepoint.
    pub(crate) fn commit(&mut self) -> QueryResult<()> {
        each!(self, inner => AnsiTransactionManager::commit_transaction(inner))
    }

    /// Rolls the transaction or the savepoint back.
    pub(crate) fn rollback(&mut self) -> QueryResult<()> {
        each!(self, inner => AnsiTransactionManager::rollback_transaction(inner))
    }

    /// Moves what it can of SQLite's log into the file without making anybody wait; PostgreSQL does so by itself.
    pub(crate) fn move_log(&mut self) -> QueryResult<()> {
        match self {
            Self::Pg(_) => Ok(()),
            Self::Sqlite(inner) => inner.batch_execute("PRAGMA wal_checkpoint(PASSIVE)"),
        }
    }

    /// Moves all of SQLite's log into the file and cuts it to nothing; PostgreSQL does so by itself.
    pub(crate) fn checkpoint(&mut self) -> QueryResult<()> {
        match self {
            Self::Pg(_) => Ok(()),
            Self::Sqlite(inner) => inner.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)"),
        }
    }

    /// Keeps SQLite's log from being begun anew by any process, for as long as the connection lives: whoever reads what is
    /// in the log only, and is not done, needs it.
    pub(crate) fn hold_log(&mut self) -> QueryResult<()> {
        match self {
            Self::Pg(_) => Ok(()),
            Self::Sqlite(inner) => inner.batch_execute("BEGIN; SELECT name FROM sqlite_schema LIMIT 1"),
        }
    }

    /// The versions of the migrations that have been applied, in order. Changes nothing.
    pub(crate) fn applied_versions(&mut self) -> QueryResult<Vec<String>> {
        let exists = match self {
            Self::Pg(_) => {
                "SELECT table_name::text AS found FROM information_schema.tables \
                 WHERE table_schema = current_schema() AND table_name = '__diesel_schema_migrations'"
            }
            Self::Sqlite(_) => {
                "SELECT name AS found FROM sqlite_schema WHERE name = '__diesel_schema_migrations'"
            }
        };
        if raw(exists).get_results::<Found>(self)?.is_empty() {
            return Ok(Vec::new());
        }
        let versions = "SELECT version AS found FROM __diesel_schema_migrations ORDER BY version";
        Ok(raw(versions).get_results::<Found>(self)?.into_iter().map(|row| row.found).collect())
    }

    /// The versions and names of the migrations that this program knows, in order.
    pub(crate) fn known_migrations(&self) -> Result<Vec<(String, String)>, Trouble> {
        match self {
            Self::Pg(_) => known::<diesel::pg::Pg>(&POSTGRES_MIGRATIONS),
            Self::Sqlite(_) => known::<diesel::sqlite::Sqlite>(&SQLITE_MIGRATIONS),
        }
    }

    /// Applies what is pending. To be called between [`Db::lock_schema`] and [`Db::commit`].
    pub(crate) fn run_migrations(&mut self) -> Result<(), String> {
        match self {
            Self::Pg(inner) => inner.run_pending_migrations(POSTGRES_MIGRATIONS).map(drop),
            Self::Sqlite(inner) => inner.run_pending_migrations(SQLITE_MIGRATIONS).map(drop),
        }
        .map_err(|error| error.to_string())
    }

    /// Begins a transaction in which no other process migrates; it may wait and work as long as it must.
    pub(crate) fn lock_schema(&mut self) -> QueryResult<()> {
        self.begin_write()?;
        if let Self::Pg(inner) = self {
            inner.batch_execute(&format!(
                "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; \
                 SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"
            ))?;
        }
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one file that may")]
fn raw(sql: &str) -> diesel::query_builder::SqlQuery {
    diesel::sql_query(sql)
}

fn known<B: diesel::backend::Backend>(
    migrations: &EmbeddedMigrations,
) -> Result<Vec<(String, String)>, Trouble> {
    use diesel::migration::MigrationSource;
    let list = MigrationSource::<B>::migrations(migrations).map_err(|error| {
        let error = diesel::result::Error::QueryBuilderError(error);
        trouble("schema", "list migrations", &error)
    })?;
    let mut known: Vec<_> =
        list.iter().map(|m| (m.name().version().to_string(), m.name().to_string())).collect();
    known.sort();
    Ok(known)
}

/// A URI that opens the file for reading and writing and never creates it.
fn file_uri(path: &Path) -> String {
    use std::fmt::Write as _;
    let mut uri = String::from("file:");
    for byte in path.to_string_lossy().bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            write!(uri, "%{byte:02X}").unwrap_or_default();
        }
    }
    uri.push_str("?mode=rw");
    uri
}

/// FULL, since a token that a client was given survives a power cut. No checkpoints of SQLite's own: they tell nobody when
/// they fail.
fn pragmas(timeout: Duration, role: Role) -> String {
    let timeout = if role == Role::Committer { timeout.min(TURN) } else { timeout };
    let query_only = if role == Role::Reader { "ON" } else { "OFF" };
    format!(
        "PRAGMA busy_timeout = {}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
         PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA cache_size = -20000; \
         PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 0; \
         PRAGMA journal_size_limit = 67108864; PRAGMA query_only = {query_only};",
        timeout.as_millis()
    )
}

/// How long a statement waits for a lock at most: others hold them for milliseconds, unless something is wrong; and then
/// whoever does not need that lock needs the connection. Longer than PostgreSQL waits before it looks for a deadlock
/// (`deadlock_timeout`, 1 s), which is something to try again.
const LONGEST_LOCK: Duration = Duration::from_millis(1500);

/// `remote_apply` is more than `on`, and stays.
fn session_settings(timeout: Duration) -> String {
    let millis = timeout.as_millis().max(1);
    let lock_millis = millis.min(LONGEST_LOCK.as_millis());
    format!(
        "SET statement_timeout = {millis}; SET lock_timeout = {lock_millis}; \
         SET idle_in_transaction_session_timeout = {}; \
         SELECT set_config('synchronous_commit', 'on', false) \
         WHERE current_setting('synchronous_commit') <> 'remote_apply'; \
         SET default_transaction_isolation = 'read committed'; SET client_encoding = 'UTF8';",
        millis * 4
    )
}

/// Bounds on connecting (seconds, for each host of the URL) and on a dead network: what was sent is acknowledged by the
/// other machine within 3 s, and while we wait for an answer it is asked each second whether it still knows us.
const BOUNDS: [(&str, &str); 6] = [
    ("connect_timeout", "2"),
    ("tcp_user_timeout", "3000"),
    ("keepalives_idle", "2"),
    ("keepalives_interval", "1"),
    ("keepalives_count", "3"),
    ("application_name", "countersign"),
];

/// The URL with [`BOUNDS`], where it has none of its own.
fn bounded(url: &str) -> String {
    let mut bounded = url.to_owned();
    for (name, value) in BOUNDS {
        if !url.contains(&format!("{name}=")) {
            bounded.push(if bounded.contains('?') { '&' } else { '?' });
            bounded.push_str(name);
            bounded.push('=');
            bounded.push_str(value);
        }
    }
    bounded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_cannot_add_parameters_to_its_uri() {
        assert_eq!(file_uri(Path::new("/a b?mode=rwc#%")), "file:/a%20b%3Fmode%3Drwc%23%25?mode=rw");
    }

    /// Who moves the log has to wait for the disk as well: what it has moved is overwritten in the log.
    #[test]
    fn every_connection_to_a_file_is_as_durable_and_strict_as_any() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("db");
        std::fs::File::create(&path).expect("a file");
        for role in [Role::Writer, Role::Committer, Role::Reader] {
            let target = Target::File(path.clone());
            let mut db = Db::connect(&target, Duration::from_secs(1), role).expect("a connection");
            let settings = db.settings().expect("its settings");
            assert_eq!(settings.len(), 3);
            assert!(settings.iter().all(|(_, wanted, found)| wanted == found), "{settings:?}");
        }
    }

    #[test]
    fn keeps_the_bounds_that_a_url_has() {
        let url = bounded("postgres://h/d?connect_timeout=9");
        assert!(url.contains("connect_timeout=9&tcp_user_timeout=3000"), "{url}");
        assert_eq!(url.matches("connect_timeout").count(), 1);
    }
}
