//! Several nodes over one PostgreSQL: what one does, all obey. tests/it/postgresql.rs has the good days.
//!
//! Authorization codes do not exist yet: their races come with them.

mod changes;
mod crash;
mod expiry;
mod lockout;
mod migrations;
mod proven;
mod refresh;
mod revocation;
mod signing_keys;

use std::{
    path::Path,
    process::Command,
    sync::Mutex,
    thread::ScopedJoinHandle,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::support::{
    serve::{Node, countersign},
    wait_until,
};

/// What a busy machine may add to what docs/bad-days.md says.
const BUSY_MACHINE: Duration = Duration::from_secs(1);

/// Within which every node obeys what another one changed (DECISIONS 5.7).
const OBEYED: Duration = Duration::from_secs(2).saturating_add(BUSY_MACHINE);

const ACME: &str = include_str!("../../../../../fixtures/demo/acme.toml");

/// Nodes over a schema of their own.
struct Nodes {
    all: Vec<Node>,
    dir: TempDir,
    url: String,
    /// When the last change began.
    changed: Mutex<Instant>,
}

impl Nodes {
    /// Starts so many over a tenant file, or says that there is no PostgreSQL here.
    fn start(count: usize, tenant: &str) -> Option<Self> {
        Self::start_with(count, tenant, "")
    }

    /// The same with more lines of configuration.
    fn start_with(count: usize, tenant: &str, more: &str) -> Option<Self> {
        let mut nodes = Self::bare(more)?;
        nodes.run(&["init", "--config", "c.toml", "--tenant", "main"]);
        nodes.apply(tenant);
        nodes.all = (0..count).map(|_| Node::start(nodes.dir.path(), "c.toml")).collect();
        Some(nodes)
    }

    /// A configuration over an empty schema, and no node.
    fn bare(more: &str) -> Option<Self> {
        let Ok(base) = std::env::var("COUNTERSIGN_TEST_PG") else {
            assert!(std::env::var_os("COUNTERSIGN_REQUIRE_PG").is_none(), "COUNTERSIGN_TEST_PG is not set");
            println!("skipped: scripts/test starts a PostgreSQL");
            return None;
        };
        let dir = tempfile::tempdir().unwrap();
        let schema = dir.path().file_name().unwrap().to_str().unwrap().replace('.', "").to_lowercase();
        let schema = format!("nodes_{}_{schema}", std::process::id());
        let joint = if base.contains('?') { '&' } else { '?' };
        let url = format!("{base}{joint}options=-csearch_path%3D{schema}");
        let nodes = Self { all: Vec::new(), dir, url, changed: Mutex::new(Instant::now()) };
        nodes.sql(&format!("CREATE SCHEMA {schema}"));
        write_config(nodes.dir.path(), &nodes.url, more);
        Some(nodes)
    }

    #[track_caller]
    fn run(&self, args: &[&str]) -> String {
        self.changes_now();
        countersign(self.dir.path(), args)
    }

    /// A change begins: from here on it is to be obeyed in time, though it is not committed before its command is at an
    /// end.
    fn changes_now(&self) {
        *self.changed.lock().unwrap() = Instant::now();
    }

    #[track_caller]
    fn apply(&self, tenant: &str) -> String {
        std::fs::write(self.dir.path().join("tenant.toml"), tenant).unwrap();
        self.run(&["tenant", "apply", "tenant.toml", "--config", "c.toml", "--prune"])
    }

    /// Runs statements; their rows, columns separated by `|`.
    #[track_caller]
    fn sql(&self, sql: &str) -> String {
        let output = Command::new("psql").args([&self.url, "-XAtqc", sql]).output().unwrap();
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Does `ask` `each` times at each node, all at once.
    fn at_once<T: Send>(&self, each: usize, ask: impl Fn(&Node) -> T + Sync) -> Vec<T> {
        let ask = &ask;
        std::thread::scope(|scope| {
            let asked = self.all.iter().cycle().take(each * self.all.len());
            let threads: Vec<_> = asked.map(|node| scope.spawn(move || ask(node))).collect();
            threads.into_iter().map(ScopedJoinHandle::join).map(Result::unwrap).collect()
        })
    }

    /// Every node does so within the time in which a change is obeyed, counted from the begin of the last one.
    #[track_caller]
    fn all_obey(&self, what: &str, obeys: impl Fn(&Node) -> bool) {
        let changed = *self.changed.lock().unwrap();
        for node in &self.all {
            let obeyed = wait_until(changed + OBEYED, |_left| obeys(node).then_some(()));
            assert!(obeyed.is_some(), "{what}: not obeyed after {:?}", changed.elapsed());
        }
        println!("{what}: {:?} after the change began", changed.elapsed());
    }
}

fn write_config(dir: &Path, url: &str, more: &str) {
    let config = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\npublic_url = \"https://id.example\"\nworkers = 2\n\
         [management]\nlisten = \"127.0.0.1:0\"\n[database]\nurl = \"{url}\"\nmax_connections = 4\n\
         [security]\nmaster_key = \"{}\"\nguess_burst = 1000\n\
         [security.argon2]\nmemory_kib = 512\niterations = 1\n{more}",
        "ab".repeat(32)
    );
    std::fs::write(dir.join("c.toml"), config).unwrap();
}
