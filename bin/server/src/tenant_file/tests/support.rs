//! An installation in a directory of its own, with a clock that stands still and hashes that cost nothing.

use std::sync::Arc;

use domain::{TenantName, Timestamp};
use jose::{Argon2Hasher, Argon2Params, MasterKey, OsEntropy};
use storage::{Database, DatabaseConfig};
use testkit::ManualClock;

use crate::{
    clock::Clock,
    setup::Setup,
    tenant_file::{ApplyError, ApplyOptions, Report, apply, export},
};

pub(crate) const ONLINEBANK: &str = include_str!("../../../../../fixtures/demo/ONLINEBANK.toml");
pub(crate) const ACME: &str = include_str!("../../../../../fixtures/demo/acme.toml");

struct Still(ManualClock);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

/// An installation that goes away with it.
pub(crate) struct Installation {
    pub(crate) setup: Setup,
    pub(crate) clock: ManualClock,
    _directory: tempfile::TempDir,
}

impl Installation {
    /// An empty one.
    pub(crate) fn new() -> Self {
        let (key, _text) = MasterKey::generate(&OsEntropy).unwrap();
        Self::under(Arc::new(key))
    }

    /// An empty one under a master key.
    pub(crate) fn under(master: Arc<MasterKey>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", directory.path().join("test.sqlite3").display());
        let database = Database::create(&DatabaseConfig::new(&url)).unwrap();
        database.migrate().unwrap();
        let clock = ManualClock::new();
        let cheap = Argon2Params { memory_kib: 8, iterations: 1, parallelism: 1 };
        let setup = Setup {
            database,
            master,
            hasher: Arc::new(Argon2Hasher::new(cheap).unwrap()),
            entropy: Arc::new(OsEntropy),
            clock: Arc::new(Still(clock.clone())),
        };
        Self { setup, clock, _directory: directory }
    }

    /// Applies without options.
    pub(crate) fn apply(&self, text: &str) -> Report {
        apply(&self.setup, text, ApplyOptions::default()).unwrap()
    }

    /// The lines of an apply without options.
    pub(crate) fn lines(&self, text: &str) -> Vec<String> {
        self.apply(text).lines
    }

    /// The lines of an apply with `--prune`.
    pub(crate) fn pruned(&self, text: &str) -> Vec<String> {
        apply(&self.setup, text, ApplyOptions { prune: true, dry_run: false }).unwrap().lines
    }

    /// The problems of a file that must not be applied.
    pub(crate) fn problems(&self, text: &str) -> Vec<String> {
        match apply(&self.setup, text, ApplyOptions::default()) {
            Err(ApplyError::Problems(problems)) => problems.iter().map(ToString::to_string).collect(),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn export(&self, name: &str) -> String {
        export(&self.setup, &tenant_name(name)).unwrap()
    }

    pub(crate) fn tenant(&self, name: &str) -> domain::Tenant {
        self.setup.database.system().tenant_named(&tenant_name(name)).unwrap().unwrap()
    }

    pub(crate) fn store(&self, name: &str) -> storage::TenantStore {
        self.setup.database.tenant(self.tenant(name).id)
    }
}

pub(crate) fn tenant_name(name: &str) -> TenantName {
    TenantName::parse(name).unwrap()
}

/// The only line of an apply that changes nothing.
pub(crate) const NOTHING: [&str; 1] = ["= nothing to change"];
