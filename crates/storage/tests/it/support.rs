//! A fresh database for each test.

use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use domain::{Applied, Fault, ProfileName, Tenant, TenantName, TenantSettings, WriteBatch};
use storage::{Database, DatabaseConfig, TenantStore};

/// A busy machine's disk is slow, and some cases hold the committers up.
const PATIENCE: Duration = Duration::from_mins(1);

/// Makes a test of each case for each engine. A case takes a `&Fixture`.
macro_rules! both {
    ($($case:ident),* $(,)?) => {
        mod sqlite {
            $(#[test] fn $case() { super::$case(&crate::support::Fixture::sqlite()); })*
        }
        mod postgres {
            $(#[test] fn $case() {
                if let Some(fixture) = crate::support::Fixture::postgres() { super::$case(&fixture); }
            })*
        }
    };
}
pub(crate) use both;

/// A fresh database, with its schema unless said otherwise, gone when it is dropped.
pub(crate) struct Fixture {
    pub(crate) config: DatabaseConfig,
    pub(crate) database: Database,
    pub(crate) is_server: bool,
    directory: Option<tempfile::TempDir>,
    schema: Option<(String, String)>,
}

impl Fixture {
    pub(crate) fn sqlite() -> Self {
        let fixture = Self::bare_sqlite(|_| ());
        fixture.database.migrate().expect("migrations");
        fixture
    }

    pub(crate) fn bare_sqlite(change: impl Fn(&mut DatabaseConfig)) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let mut config = DatabaseConfig::new(&format!("sqlite:{}", directory.path().join("db").display()));
        config.commit_timeout = PATIENCE;
        change(&mut config);
        let database = Database::create(&config).expect("a database");
        Self { config, database, is_server: false, directory: Some(directory), schema: None }
    }

    pub(crate) fn postgres() -> Option<Self> {
        let fixture = Self::bare_postgres(|_| ())?;
        fixture.database.migrate().expect("migrations");
        Some(fixture)
    }

    pub(crate) fn bare_postgres(change: impl Fn(&mut DatabaseConfig)) -> Option<Self> {
        let base = server_url()?;
        let schema = format!("test_{:016x}", RandomState::new().hash_one(0));
        Raw::open(&base).run(&format!("CREATE SCHEMA {schema}")).expect("a schema");
        let joint = if base.contains('?') { '&' } else { '?' };
        let mut config = DatabaseConfig::new(&format!("{base}{joint}options=-csearch_path%3D{schema}"));
        config.commit_timeout = PATIENCE;
        change(&mut config);
        let database = Database::create(&config).expect("a database");
        Some(Self { config, database, is_server: true, directory: None, schema: Some((base, schema)) })
    }

    /// The same engine with another configuration, and a schema.
    pub(crate) fn like(&self, change: impl Fn(&mut DatabaseConfig)) -> Self {
        let fixture = if self.is_server {
            Self::bare_postgres(change).expect("PostgreSQL is there")
        } else {
            Self::bare_sqlite(change)
        };
        fixture.database.migrate().expect("migrations");
        fixture
    }

    /// The same engine without a schema.
    pub(crate) fn empty(&self) -> Self {
        if self.is_server {
            Self::bare_postgres(|_| ()).expect("PostgreSQL is there")
        } else {
            Self::bare_sqlite(|_| ())
        }
    }

    /// Another node on the same database.
    pub(crate) fn node(&self) -> Database {
        Database::open(&self.config).expect("the database opens again")
    }

    /// A connection that goes past storage.
    pub(crate) fn raw(&self) -> Raw {
        Raw::open(&self.config.url)
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.directory.as_ref().expect("SQLite").path().join("db")
    }

    pub(crate) fn tenant(&self, name: &str) -> (Tenant, TenantStore) {
        let settings = TenantSettings::new(ProfileName::Openid);
        let tenant = self
            .database
            .system()
            .tenant_insert(&tenant_name(name), &settings)
            .expect("an answer")
            .expect("a tenant");
        let store = self.database.tenant(tenant.id);
        (tenant, store)
    }

    /// How many threads commit.
    pub(crate) const fn committers(&self) -> usize {
        if self.is_server { 3 } else { 1 }
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.database.shut_down();
        if let Some((base, schema)) = &self.schema {
            Raw::open(base).run(&format!("DROP SCHEMA {schema} CASCADE")).expect("the schema goes");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "tests learn from the environment where PostgreSQL is")]
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
pub(crate) fn server_url() -> Option<String> {
    let url = std::env::var("COUNTERSIGN_TEST_PG").ok();
    if url.is_none() {
        assert!(
            std::env::var("COUNTERSIGN_REQUIRE_PG").as_deref() != Ok("1"),
            "COUNTERSIGN_TEST_PG is required and not set"
        );
        println!("no PostgreSQL: skipped");
    }
    url
}

pub(crate) fn tenant_name(name: &str) -> TenantName {
    TenantName::parse(name).expect("a tenant's name")
}

/// A connection that goes past storage.
pub(crate) enum Raw {
    File(SqliteConnection),
    Server(PgConnection),
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Text)]
    found: String,
}

impl Raw {
    pub(crate) fn open(url: &str) -> Self {
        if let Some(path) = url.strip_prefix("sqlite:") {
            let mut inner = SqliteConnection::establish(path).expect("a connection");
            inner.batch_execute("PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000").expect("pragmas");
            Self::File(inner)
        } else {
            Self::Server(PgConnection::establish(url).expect("a connection"))
        }
    }

    /// Runs statements; an error as text.
    pub(crate) fn run(&mut self, sql: &str) -> Result<(), String> {
        match self {
            Self::File(inner) => inner.batch_execute(sql),
            Self::Server(inner) => inner.batch_execute(sql),
        }
        .map_err(|error| error.to_string())
    }

    /// The column `found` of a query's rows.
    #[expect(clippy::disallowed_methods, reason = "tests look past storage")]
    pub(crate) fn texts(&mut self, sql: &str) -> Vec<String> {
        let rows: Vec<Found> = match self {
            Self::File(inner) => diesel::sql_query(sql).load(inner),
            Self::Server(inner) => diesel::sql_query(sql).load(inner),
        }
        .expect("rows");
        rows.into_iter().map(|row| row.found).collect()
    }

    pub(crate) fn count(&mut self, table: &str) -> usize {
        let sql = format!("SELECT CAST(count(*) AS TEXT) AS found FROM {table}");
        self.texts(&sql).first().expect("a row").parse().expect("a number")
    }
}

/// Committer threads that are held up, each in a callback of its own, until this is dropped.
pub(crate) struct Held(Vec<mpsc::Sender<()>>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.clear();
    }
}

/// Holds up every committer: what is submitted from now on waits together.
pub(crate) fn hold_up(fixture: &Fixture, store: &TenantStore) -> Held {
    let mut held = Vec::new();
    for _ in 0..fixture.committers() {
        let (let_go, go) = mpsc::channel::<()>();
        let (entered, inside) = mpsc::channel();
        store.submit(
            WriteBatch { writes: vec![crate::records::audit()] },
            Box::new(move |outcome| {
                entered.send(outcome).expect("the test waits");
                assert!(go.recv().is_err(), "the test lets go by hanging up");
            }),
        );
        assert_eq!(answer(&inside), Ok(Applied::Committed));
        held.push(let_go);
    }
    Held(held)
}

/// An outcome that can be compared.
pub(crate) type Told = Result<Applied, String>;

/// Waits for an outcome, but not for ever.
pub(crate) fn answer(told: &mpsc::Receiver<Result<Applied, Fault>>) -> Told {
    told.recv_timeout(Duration::from_secs(30))
        .expect("every waiter is told something")
        .map_err(|fault| fault.to_string())
}

/// Submits, and gives where the outcome will arrive.
pub(crate) fn submit(
    store: &TenantStore,
    batch: Vec<domain::Write>,
) -> mpsc::Receiver<Result<Applied, Fault>> {
    let (tell, told) = mpsc::channel();
    store.submit(
        WriteBatch { writes: batch },
        Box::new(move |outcome| tell.send(outcome).expect("the test waits")),
    );
    told
}
