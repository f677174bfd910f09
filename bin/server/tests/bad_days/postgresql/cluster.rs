//! A PostgreSQL of a test's own.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    time::Duration,
};

use crate::support::wait_for;

/// A server; stopped and removed when dropped.
pub(super) struct Cluster {
    dir: PathBuf,
}

impl Cluster {
    /// Starts one, or says that there is no PostgreSQL here.
    pub(super) fn start() -> Option<Self> {
        if std::env::var_os("COUNTERSIGN_TEST_PG").is_none() {
            assert!(std::env::var_os("COUNTERSIGN_REQUIRE_PG").is_none(), "COUNTERSIGN_TEST_PG is not set");
            println!("skipped: scripts/test installs PostgreSQL");
            return None;
        }
        let printed = script("pg-up", &[], &[]);
        let dir = printed.lines().find_map(|line| line.strip_prefix("COUNTERSIGN_PG_DIR='")).unwrap();
        Some(Self { dir: dir.trim_end_matches('\'').into() })
    }

    /// Makes a standby that follows this one.
    pub(super) fn standby(&self) -> Self {
        let dir = PathBuf::from(format!("{}-standby", self.dir()));
        script("pg-ctl", &[self.dir(), "standby", dir.to_str().unwrap()], &[]);
        Self { dir }
    }

    /// Stops it: `fast` or `immediate`.
    pub(super) fn stop(&self, mode: &str) {
        script("pg-ctl", &[self.dir(), "stop", mode], &[]);
    }

    /// Starts it again.
    pub(super) fn start_again(&self, variables: &[(&str, &str)]) {
        script("pg-ctl", &[self.dir(), "start"], variables);
    }

    /// Makes a standby the primary.
    pub(super) fn promote(&self) {
        script("pg-ctl", &[self.dir(), "promote"], &[]);
    }

    pub(super) fn url(&self) -> String {
        format!("postgres:///countersign?host={}&user=countersign", self.socket_dir())
    }

    pub(super) fn socket_dir(&self) -> String {
        format!("{}/socket", self.dir())
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.dir.join("socket/.s.PGSQL.5432")
    }

    pub(super) fn dir(&self) -> &str {
        self.dir.to_str().unwrap()
    }

    /// Runs statements; their rows, columns separated by `|`.
    #[track_caller]
    pub(super) fn sql(&self, sql: &str) -> String {
        sql_at(&self.url(), sql)
    }

    /// Waits until a query's answer is the one that is wanted.
    #[track_caller]
    pub(super) fn wait_for(&self, sql: &str, wanted: &str) {
        let there = || (self.sql(sql) == wanted).then_some(());
        wait_for(Duration::from_secs(10), there).unwrap_or_else(|| panic!("{sql}: {}", self.sql(sql)));
    }

    /// A session that stays.
    pub(super) fn session(&self, name: &str) -> Session {
        let mut child = Command::new("psql")
            .args([&format!("{}&application_name={name}", self.url()), "-Xq"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        Session { child, input }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let down = Command::new(scripts().join("pg-down")).arg(&self.dir).status();
        if !std::thread::panicking() {
            assert!(down.unwrap().success());
        }
    }
}

/// A session of its own; ended when dropped.
pub(super) struct Session {
    child: Child,
    input: ChildStdin,
}

impl Session {
    /// Sends statements and does not wait for them.
    pub(super) fn send(&mut self, sql: &str) {
        writeln!(self.input, "{sql};").unwrap();
        self.input.flush().unwrap();
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The same for the server at a URL.
#[track_caller]
pub(super) fn sql_at(url: &str, sql: &str) -> String {
    let output = Command::new("psql").args([url, "-XAtqc", sql]).output().unwrap();
    assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts")
}

#[track_caller]
fn script(name: &str, args: &[&str], variables: &[(&str, &str)]) -> String {
    // A server that is started keeps what it inherits open: its words go to a file, or nobody would see an end of them.
    let words = tempfile::tempfile().unwrap();
    let output = Command::new(scripts().join(name))
        .args(args)
        .envs(variables.iter().copied())
        .stderr(words)
        .output()
        .unwrap();
    assert!(output.status.success(), "scripts/{name} {args:?}");
    String::from_utf8(output.stdout).unwrap()
}
