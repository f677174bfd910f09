//! The real binary on free ports, and the server in-process under a clock that tests move.

pub(crate) mod http2;
pub(crate) mod in_process;
pub(crate) mod raw;
pub(crate) mod serve;
pub(crate) mod tls;

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::IpAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, mpsc},
    time::{Duration, Instant},
};

use reqwest::blocking::{Client, RequestBuilder, Response};
use serde_json::Value;
use tempfile::TempDir;

/// `spl-api:password01`, as seed 000 has it.
pub(crate) const SPL_API: &str = "Basic c3BsLWFwaTpwYXNzd29yZDAx";

/// What a variable says of a tool that `scripts/test` installs, such as its folder. `None`, and a word about it, where it
/// says nothing; a failure where `required` is set.
pub(crate) fn installed(variable: &str, required: &str) -> Option<String> {
    let found = std::env::var(variable).ok();
    assert!(
        found.is_some() || std::env::var_os(required).is_none(),
        "{variable} is not set; scripts/test sets it"
    );
    if found.is_none() {
        println!("skipped: {variable} is not set; scripts/test sets it");
    }
    found
}

/// The URL of a PostgreSQL schema of the test's own, named after its directory.
pub(crate) fn postgresql(dir: &Path) -> Option<String> {
    let base = installed("COUNTERSIGN_TEST_PG", "COUNTERSIGN_REQUIRE_PG")?;
    let name = dir.file_name().unwrap().to_str().unwrap().replace('.', "_").to_lowercase();
    let schema = format!("it_{}_{name}", std::process::id());
    let made =
        Command::new("psql").args([&base, "-qc", &format!("CREATE SCHEMA \"{schema}\"")]).status().unwrap();
    assert!(made.success());
    let joint = if base.contains('?') { '&' } else { '?' };
    Some(format!("{base}{joint}options=-csearch_path%3D{schema}"))
}

/// The demo, served by the real binary from a directory of its own; killed when dropped.
pub(crate) struct Demo {
    child: Child,
    /// `http://address` of the public listener.
    pub(crate) url: String,
    /// `http://address` of the management listener.
    pub(crate) management: String,
    /// `https://address` of the TLS listener.
    pub(crate) tls: String,
    /// What it printed up to the end of its welcome.
    pub(crate) printed: Vec<String>,
    /// Where its data is.
    pub(crate) data: TempDir,
    complaints: Arc<Mutex<String>>,
}

impl Demo {
    pub(crate) fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), &[])
    }

    /// Starts over existing data, with variables.
    pub(crate) fn start_in(data: TempDir, variables: &[(&str, &str)]) -> Self {
        let mut demo = Self::start_under(&[], data.path(), variables);
        demo.data = data;
        demo
    }

    /// Starts under a command that runs what it is given, over data that is not the demo's to remove.
    pub(crate) fn start_under(command: &[&str], data: &Path, variables: &[(&str, &str)]) -> Self {
        // Another build of it, for figures.
        let binary = std::env::var("COUNTERSIGN_TEST_BINARY");
        let binary = binary.as_deref().unwrap_or(env!("CARGO_BIN_EXE_countersign"));
        let whole = [command, &[binary]].concat();
        let mut child = Command::new(whole[0])
            .args(&whole[1..])
            .args(["demo", "--listen", "127.0.0.1:0", "--tls-listen", "127.0.0.1:0"])
            .args(["--management-listen", "127.0.0.1:0", "--data-dir"])
            .arg(data)
            .env("COUNTERSIGN__LOG__FILTER", "warn")
            // A busy machine must not make a test fail that is about something else.
            .env("COUNTERSIGN__SERVER__MAX_WAIT_MS", "10000")
            // Tests hash often; the cost is what they measure least.
            .env("COUNTERSIGN__SECURITY__ARGON2__MEMORY_KIB", "512")
            .env("COUNTERSIGN__SECURITY__ARGON2__ITERATIONS", "1")
            // A busy machine's disk is slow.
            .env("COUNTERSIGN__DATABASE__COMMIT_TIMEOUT_MS", "10000")
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let complaints = complaints(&mut child);
        let printed = welcome(&mut child);
        let addresses: Vec<String> =
            printed.iter().filter_map(|line| line.strip_prefix("listening on ")).map(str::to_owned).collect();
        assert_eq!(addresses.len(), 3, "three addresses in {printed:?}");
        Self {
            url: addresses[0].clone(),
            management: addresses[1].clone(),
            tls: addresses[2].clone(),
            child,
            printed,
            data: tempfile::tempdir().unwrap(),
            complaints,
        }
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote to stderr so far.
    pub(crate) fn stderr(&self) -> String {
        self.complaints.lock().unwrap().clone()
    }

    /// The memory it occupies, KiB.
    pub(crate) fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Kills it at once and gives the data back.
    pub(crate) fn kill(mut self) -> TempDir {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::mem::replace(&mut self.data, tempfile::tempdir().unwrap())
    }

    /// Asks it to stop and waits, at most 20 s; its exit code.
    pub(crate) fn terminate(&mut self) -> Option<i32> {
        let pid = self.pid().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let deadline = Duration::from_secs(20);
        wait_for(deadline, || self.child.try_wait().unwrap()).and_then(|status| status.code())
    }

    pub(crate) fn bank(&self, endpoint: &str) -> String {
        format!("{}/idp/ONLINEBANK/authn/{endpoint}", self.url)
    }

    pub(crate) fn acme(&self, endpoint: &str) -> String {
        format!("{}/idp/acme/authn/{endpoint}", self.url)
    }

    /// A bearer of `spl-api`'s own session.
    pub(crate) fn spl_api_bearer(&self) -> String {
        let answer = http().post(self.bank("token")).header("authorization", SPL_API);
        let answer = answer.form(&[("grant_type", "client_credentials")]).json_ok();
        format!("Bearer {}", answer["access_token"].as_str().unwrap())
    }

    /// A password answer for `alice` through the public client `spl-app`.
    pub(crate) fn alice(&self, scope: &str) -> Value {
        let form = [
            ("grant_type", "password"),
            ("client_id", "spl-app"),
            ("username", "alice"),
            ("password", "secret"),
            ("scope", scope),
        ];
        http().post(self.bank("token")).form(&form).json_ok()
    }

    /// A password answer for `bob` through `acme-legacy`.
    pub(crate) fn bob(&self, scope: &str) -> Value {
        let form = [
            ("grant_type", "password"),
            ("username", "bob"),
            ("password", "correct-horse-battery-staple"),
            ("scope", scope),
        ];
        acme_legacy(http().post(self.acme("token"))).form(&form).json_ok()
    }

    /// A machine token of `acme-m2m`.
    pub(crate) fn acme_machine(&self) -> Value {
        acme_m2m(http().post(self.acme("token"))).form(&[("grant_type", "client_credentials")]).json_ok()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // It may have ended by itself already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Keeps what the child writes to stderr, and passes it on to the test's own.
fn complaints(child: &mut Child) -> Arc<Mutex<String>> {
    let err = child.stderr.take().unwrap();
    let kept = Arc::new(Mutex::new(String::new()));
    let keeper = Arc::clone(&kept);
    std::thread::spawn(move || {
        for line in BufReader::new(err).split(b'\n').map_while(Result::ok) {
            let line = format!("{}\n", String::from_utf8_lossy(&line));
            drop(std::io::stderr().write_all(line.as_bytes()));
            keeper.lock().unwrap().push_str(&line);
        }
    });
    kept
}

fn welcome(child: &mut Child) -> Vec<String> {
    let out = child.stdout.take().unwrap();
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            drop(sender.send(line));
        }
    });
    let mut printed = Vec::new();
    while !printed.last().is_some_and(|line: &String| line.contains(".well-known")) {
        match lines.recv_timeout(Duration::from_mins(1)) {
            Ok(line) => printed.push(line),
            Err(error) => panic!("the demo did not start ({error}); it printed {printed:?}"),
        }
    }
    printed
}

/// Polls until there is something, at most for `patience`.
pub(crate) fn wait_for<T>(patience: Duration, probe: impl FnMut() -> Option<T>) -> Option<T> {
    wait_for_often(Duration::from_millis(20), patience, probe)
}

/// The same with another pause between two looks.
pub(crate) fn wait_for_often<T>(
    pause: Duration,
    patience: Duration,
    mut probe: impl FnMut() -> Option<T>,
) -> Option<T> {
    let (sender, receiver) = mpsc::channel::<()>();
    let start = Instant::now();
    loop {
        if let Some(found) = probe() {
            return Some(found);
        }
        if start.elapsed() > patience {
            return None;
        }
        // A pause that nothing ends early: the sender lives.
        receiver.recv_timeout(pause).ok();
        let _ = &sender;
    }
}

/// Polls until `deadline` at the latest: a probe is told how much is left, and what it finds later than that is not found.
pub(crate) fn wait_until<T>(deadline: Instant, mut probe: impl FnMut(Duration) -> Option<T>) -> Option<T> {
    let left = || deadline.saturating_duration_since(Instant::now());
    wait_for(left(), || probe(left().max(Duration::from_millis(1)))).filter(|_| !left().is_zero())
}

pub(crate) fn http() -> Client {
    Client::builder().timeout(Duration::from_secs(30)).no_proxy().build().unwrap()
}

/// A client that calls from another loopback address.
pub(crate) fn http_from(address: &str) -> Client {
    let address: IpAddr = address.parse().unwrap();
    Client::builder().timeout(Duration::from_secs(30)).no_proxy().local_address(address).build().unwrap()
}

pub(crate) fn acme_m2m(request: RequestBuilder) -> RequestBuilder {
    request.basic_auth("acme-m2m", Some("acme-m2m-secret-0b7c41d2f98e4a63"))
}

pub(crate) fn acme_legacy(request: RequestBuilder) -> RequestBuilder {
    request.basic_auth("acme-legacy", Some("acme-legacy-secret-51ce9a07d3b84f26"))
}

/// What an answer said, in one piece.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Said {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// `error`, with its status.
    pub(crate) fn error(&self) -> (u16, String) {
        (self.status, self.json()["error"].as_str().unwrap_or_default().to_owned())
    }
}

pub(crate) trait Ask {
    /// Sends and reads everything.
    fn said(self) -> Said;
    /// The same; `None` where not everything has come within this time.
    fn said_within(self, left: Duration) -> Option<Said>;
    /// Sends, expects 200 and JSON.
    fn json_ok(self) -> Value;
}

impl Ask for RequestBuilder {
    fn said(self) -> Said {
        read(self).unwrap()
    }

    fn said_within(self, left: Duration) -> Option<Said> {
        read(self.timeout(left)).ok()
    }

    fn json_ok(self) -> Value {
        let said = self.said();
        assert_eq!(said.status, 200, "{}", said.text);
        said.json()
    }
}

fn read(request: RequestBuilder) -> reqwest::Result<Said> {
    let response: Response = request.send()?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Said { status, headers, text: response.text()? })
}

/// The claims of a compact JWS, unverified.
pub(crate) fn jwt_part(jwt: &str, index: usize) -> Value {
    let part = jwt.split('.').nth(index).unwrap();
    serde_json::from_slice(&domain::encoding::from_base64url(part).unwrap()).unwrap()
}
