//! The server in-process: real HTTP and real storage under a clock that tests move.

use std::sync::{Arc, mpsc};

use countersign_server::{
    clock::Clock,
    config::{Config, RawConfig},
    server::Bound,
    setup::Setup,
    tenant_file::{self, ApplyOptions},
};
use domain::{Timestamp, Ttl};
use storage::Database;
use tempfile::TempDir;
use testkit::ManualClock;

struct TestClock(ManualClock);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

/// A server that serves until the test's process ends.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) management: String,
    /// Its TLS listeners, in the order of the configuration.
    pub(crate) tls: Vec<std::net::SocketAddr>,
    pub(crate) clock: ManualClock,
    pub(crate) setup: Setup,
    _data: TempDir,
}

impl Server {
    /// Serves the tenants of these files.
    pub(crate) fn start(tenants: &[&str]) -> Self {
        Self::start_with(tenants, |_raw| {})
    }

    /// The same with a configuration that `change` has changed.
    pub(crate) fn start_with(tenants: &[&str], change: impl FnOnce(&mut RawConfig)) -> Self {
        let data = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", data.path().join("test.sqlite3").display());
        let clock = ManualClock::at(Timestamp::from_secs(1_800_000_000));
        let mut raw = config(&url).raw;
        change(&mut raw);
        let config = Config::check(raw).unwrap();
        let setup = setup(&config, &clock);
        for text in tenants {
            tenant_file::apply(&setup, text, ApplyOptions { dry_run: false, prune: false }).unwrap();
        }
        Self::serve(config, setup, clock, data)
    }

    fn serve(config: Config, setup: Setup, clock: ManualClock, data: TempDir) -> Self {
        let bound = Bound::bind(&config).unwrap();
        let (url, management) =
            (format!("http://{}", bound.public_address), format!("http://{}", bound.management_address));
        let tls = bound.tls_addresses.clone();
        let (sender, started) = mpsc::channel();
        let (served, issuer) = (setup.clone(), url.clone());
        std::thread::spawn(move || {
            let started = move || sender.send(()).unwrap();
            actix_web::rt::System::new().block_on(bound.serve(config, served, issuer, started)).unwrap();
        });
        started.recv().unwrap();
        Self { url, management, tls, clock, setup, _data: data }
    }

    pub(crate) fn tenant(&self, name: &str, endpoint: &str) -> String {
        format!("{}/idp/{name}/authn/{endpoint}", self.url)
    }

    /// A tenant's data, as another node would open it.
    pub(crate) fn store(&self, name: &str) -> storage::TenantStore {
        let name = domain::TenantName::parse(name).unwrap();
        let tenant = self.setup.database.system().tenant_named(&name).unwrap().unwrap();
        self.setup.database.tenant(tenant.id)
    }

    /// A metric's value, by its name with labels; 0 when it is not there yet.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let metrics = super::Ask::said(super::http().get(format!("{}/metrics", self.management))).text;
        let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        value.unwrap_or_default()
    }

    /// How often something was hashed slowly.
    pub(crate) fn hashes(&self) -> f64 {
        self.metric("countersign_lane_wait_seconds_count{lane=\"hashing\"}")
    }

    pub(crate) fn later(&self, secs: i64) {
        self.clock.advance(Ttl::from_secs(secs));
    }
}

pub(crate) fn config(url: &str) -> Config {
    let mut raw = RawConfig::default();
    "127.0.0.1:0".clone_into(&mut raw.server.listen);
    raw.server.workers = 1;
    "127.0.0.1:0".clone_into(&mut raw.management.listen);
    url.clone_into(&mut raw.database.url);
    raw.security.master_key = Some("ab".repeat(32));
    raw.security.argon2.memory_kib = 512;
    raw.security.argon2.iterations = 1;
    // A busy machine must not make a test fail that is about something else.
    raw.server.max_wait_ms = 10_000;
    raw.database.commit_timeout_ms = 10_000;
    raw.jobs.expiry_interval_ms = 50;
    raw.jobs.expiry_lag = 0;
    raw.jobs.revision_interval_ms = 50;
    raw.jobs.key_interval = 1;
    Config::check(raw).unwrap()
}

pub(crate) fn setup(config: &Config, clock: &ManualClock) -> Setup {
    let database = Database::create(&config.raw.database.storage()).unwrap();
    database.migrate().unwrap();
    let mut setup = Setup::with(database, &config.raw.security).unwrap();
    setup.clock = Arc::new(TestClock(clock.clone()));
    setup
}
