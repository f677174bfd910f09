//! `countersign serve` as the real binary.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use super::complaints;

/// Runs a command of the real binary in `dir` and gives what it printed.
#[track_caller]
pub(crate) fn countersign(dir: &Path, args: &[&str]) -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_countersign")).args(args).current_dir(dir).output().unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{args:?}: {said}");
    said
}

/// A node; killed when dropped.
pub(crate) struct Node {
    child: Child,
    /// `http://address` of the public listener.
    pub(crate) url: String,
    /// `http://address` of the management listener.
    pub(crate) management: String,
    complaints: Arc<Mutex<String>>,
}

impl Node {
    /// Serves `config` (in `dir`) on free ports.
    pub(crate) fn start(dir: &Path, config: &str) -> Self {
        Self::start_with(dir, config, &[])
    }

    /// The same with variables.
    pub(crate) fn start_with(dir: &Path, config: &str, variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_countersign"))
            .args(["serve", "--config", config])
            .current_dir(dir)
            .env("COUNTERSIGN__LOG__FILTER", "warn")
            // A busy machine must not make a test fail that is about something else.
            .env("COUNTERSIGN__SERVER__MAX_WAIT_MS", "10000")
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let complaints = complaints(&mut child);
        let out = child.stdout.take().unwrap();
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                drop(sender.send(line));
            }
        });
        let first = lines.recv_timeout(Duration::from_secs(30)).expect("the node listens");
        let second = lines.recv_timeout(Duration::from_secs(30)).expect("the management listener");
        let address =
            |line: &str| line.strip_prefix("listening on ").unwrap_or_else(|| panic!("{line}")).to_owned();
        Self { child, url: address(&first), management: address(&second), complaints }
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// What it wrote to stderr so far.
    pub(crate) fn stderr(&self) -> String {
        self.complaints.lock().unwrap().clone()
    }

    pub(crate) fn acme(&self, endpoint: &str) -> String {
        format!("{}/idp/acme/authn/{endpoint}", self.url)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
