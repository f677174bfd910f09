//! The machine's clock steps. The real binary runs under fixtures/faultclock, whose offset a file holds.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant, SystemTime},
};

use serde_json::Value;
use tempfile::TempDir;

use super::support::{
    Ask as _, Demo, acme_legacy, acme_m2m, http,
    serve::{Node, countersign},
    wait_for,
};

const HOUR: i64 = 3600;

/// A bound for what happens within seconds.
const SOON: Duration = Duration::from_secs(30);

/// A clock that a test can step, for the programs that are run under it.
struct Clock {
    built: PathBuf,
    offset: PathBuf,
    _library: TempDir,
}

impl Clock {
    fn new() -> Self {
        let library = tempfile::tempdir().unwrap();
        let (built, offset) = (library.path().join("libfaultclock.so"), library.path().join("offset"));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/faultclock/faultclock.c");
        let status = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(&built)
            .arg(source)
            .status()
            .unwrap();
        assert!(status.success());
        std::fs::write(&offset, "0").unwrap();
        Self { built, offset, _library: library }
    }

    /// What makes a server run under it, follow a step after `patience` seconds, and expire without pause.
    fn variables<'a>(&'a self, patience: &'a str) -> [(&'a str, &'a str); 5] {
        [
            ("LD_PRELOAD", self.built.to_str().unwrap()),
            ("FAULTCLOCK_FILE", self.offset.to_str().unwrap()),
            ("COUNTERSIGN__SERVER__CLOCK_PATIENCE", patience),
            ("COUNTERSIGN__JOBS__EXPIRY_INTERVAL_MS", "50"),
            ("COUNTERSIGN__JOBS__EXPIRY_LAG", "0"),
        ]
    }

    /// Steps the clock to `offset` seconds from the right time.
    fn step(&self, offset: i64) {
        // At once: a file half-written would be another step.
        let next = self.offset.with_extension("next");
        std::fs::write(&next, offset.to_string()).unwrap();
        std::fs::rename(next, &self.offset).unwrap();
    }
}

struct Faulty {
    demo: Demo,
    clock: Clock,
}

impl Faulty {
    fn start(patience: &str) -> Self {
        let clock = Clock::new();
        let few =
            [("COUNTERSIGN__SECURITY__GUESS_BURST", "3"), ("COUNTERSIGN__SECURITY__GUESSES_PER_MINUTE", "1")];
        let variables = [&clock.variables(patience)[..], &few].concat();
        let demo = Demo::start_in(tempfile::tempdir().unwrap(), &variables);
        Self { demo, clock }
    }

    fn step(&self, offset: i64) {
        self.clock.step(offset);
    }

    /// Waits until a kind of notice has been counted so often.
    #[track_caller]
    fn noticed(&self, what: &str, times: u32) {
        noticed(&self.demo.management, what, times);
    }

    fn metrics(&self) -> String {
        metrics(&self.demo.management)
    }

    fn look(&self, token: &Value) -> Value {
        look(&self.demo.acme("introspect"), token)
    }
}

#[track_caller]
fn noticed(management: &str, what: &str, times: u32) {
    let name = format!("countersign_clock_steps_total{{what=\"{what}\"}} {times}");
    let found = wait_for(SOON, || metrics(management).contains(&name).then_some(()));
    assert!(found.is_some(), "{name} did not come:\n{}", metrics(management));
}

fn metrics(management: &str) -> String {
    http().get(format!("{management}/metrics")).said().text
}

fn look(introspect: &str, token: &Value) -> Value {
    let form = [("token", token["access_token"].as_str().unwrap())];
    acme_m2m(http().post(introspect)).form(&form).json_ok()
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

/// Whether an introspection tells of a token issued about now that lives about an hour.
fn is_of_now(said: &Value) -> bool {
    let (issued, expires) = (said["iat"].as_i64().unwrap(), said["exp"].as_i64().unwrap());
    issued.abs_diff(now()) < 60 && (expires - issued).abs_diff(HOUR) < 60
}

#[test]
fn an_hour_forth_and_back_kills_no_token_and_gives_none_another_hour() {
    for step in [HOUR, -HOUR, 24 * HOUR] {
        let faulty = Faulty::start("300");
        let before = faulty.demo.acme_machine();
        faulty.step(step);
        // Whoever comes before the watch has looked is answered by the even clock already.
        let meanwhile = faulty.demo.acme_machine();
        faulty.noticed("stepped", 1);
        let after = faulty.demo.acme_machine();
        for token in [&before, &meanwhile, &after] {
            let said = faulty.look(token);
            assert!(said["active"] == true && is_of_now(&said), "{step}: {said}");
        }
        assert!(faulty.demo.stderr().contains("the machine's clock stepped"), "{}", faulty.demo.stderr());
        faulty.step(0);
        faulty.noticed("returned", 1);
        for token in [&before, &meanwhile, &after] {
            let said = faulty.look(token);
            assert!(said["active"] == true && is_of_now(&said), "{step}: {said}");
        }
        assert!(!faulty.metrics().contains("countersign_clock_steps_total{what=\"followed\"}"));
    }
}

#[test]
fn a_step_that_stands_is_followed_and_what_it_ended_lives_again_when_it_was_wrong() {
    let faulty = Faulty::start("2");
    let token = faulty.demo.acme_machine();
    faulty.step(2 * HOUR);
    faulty.noticed("followed", 1);
    assert_eq!(faulty.look(&token)["active"], false);
    // A token of the wrong future.
    let late = faulty.demo.acme_machine();
    assert_eq!(faulty.look(&late)["active"], true);
    faulty.step(0);
    faulty.noticed("followed", 2);
    let said = faulty.look(&token);
    assert!(said["active"] == true && is_of_now(&said), "{said}");
    // It was issued later than its own lifetime from now: the clock was wrong, and it does not wait for its day.
    assert_eq!(faulty.look(&late)["active"], false);
    assert!(faulty.demo.stderr().contains("is followed"), "{}", faulty.demo.stderr());
}

#[test]
fn a_step_back_that_stands_gives_a_token_at_most_the_step_more() {
    let faulty = Faulty::start("2");
    let token = faulty.demo.acme_machine();
    faulty.step(-HOUR / 2);
    faulty.noticed("followed", 1);
    assert_eq!(faulty.look(&token)["active"], true);
    let new = faulty.look(&faulty.demo.acme_machine());
    assert!(new["iat"].as_i64().unwrap().abs_diff(now() - HOUR / 2) < 60, "{new}");
    // Its time comes when the machine's clock says so, and not later.
    faulty.step(HOUR + 120);
    faulty.noticed("followed", 2);
    assert_eq!(faulty.look(&token)["active"], false);
}

#[test]
fn a_step_forward_gives_nobody_more_guesses() {
    let faulty = Faulty::start("2");
    let guess = || {
        let request = http().post(faulty.demo.bank("token")).basic_auth("spl-api", Some("Wrong.Pass-1"));
        request.form(&[("grant_type", "client_credentials")]).said().status
    };
    assert_eq!([guess(), guess(), guess(), guess()], [401, 401, 401, 429]);
    faulty.step(24 * HOUR);
    faulty.noticed("followed", 1);
    assert_eq!(guess(), 429);
}

const ACME: &str = include_str!("../../../../fixtures/demo/acme.toml");

/// How long machines' tokens and refresh families live at [`Brief`].
const BRIEF: Duration = Duration::from_secs(4);

/// A server whose tenant gives machines' tokens and refresh families [`BRIEF`], and users' tokens an hour.
struct Brief {
    node: Node,
    clock: Clock,
    _dir: TempDir,
}

impl Brief {
    fn start() -> Self {
        let (clock, dir) = (Clock::new(), tempfile::tempdir().unwrap());
        let config = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\npublic_url = \"https://id.example\"\n\
             [management]\nlisten = \"127.0.0.1:0\"\n[database]\nurl = \"sqlite:brief.sqlite3\"\n\
             commit_timeout_ms = 10000\n[security]\nmaster_key = \"{}\"\n\
             [security.argon2]\nmemory_kib = 512\niterations = 1\n",
            "ab".repeat(32)
        );
        std::fs::write(dir.path().join("c.toml"), config).unwrap();
        let brief = format!("machine_total = {0}\nrefresh_token_validity = {0}", BRIEF.as_secs());
        let tenant = ACME.replace("[settings]", &format!("[settings]\n{brief}"));
        std::fs::write(dir.path().join("acme.toml"), tenant).unwrap();
        countersign(dir.path(), &["init", "--config", "c.toml", "--tenant", "main"]);
        countersign(dir.path(), &["tenant", "apply", "acme.toml", "--config", "c.toml"]);
        let node = Node::start_with(dir.path(), "c.toml", &clock.variables("300"));
        Self { node, clock, _dir: dir }
    }

    fn issue(&self) -> Issued {
        let begun = Instant::now();
        let form = [("grant_type", "client_credentials")];
        let machine = acme_m2m(http().post(self.node.acme("token"))).form(&form).json_ok();
        let form = [
            ("grant_type", "password"),
            ("username", "bob"),
            ("password", "correct-horse-battery-staple"),
            ("scope", "openid offline_access"),
        ];
        let user = acme_legacy(http().post(self.node.acme("token"))).form(&form).json_ok();
        Issued { begun, machine, user }
    }

    fn is_active(&self, token: &Value) -> bool {
        look(&self.node.acme("introspect"), token)["active"] == true
    }

    /// What becomes of the refresh token; where it works, the next one takes its place.
    fn refreshes(&self, token: &mut Value) -> bool {
        let form =
            [("grant_type", "refresh_token"), ("refresh_token", token["refresh_token"].as_str().unwrap())];
        let said = acme_legacy(http().post(self.node.acme("token"))).form(&form).said();
        if said.status == 200 {
            *token = said.json();
            return true;
        }
        assert_eq!(said.error(), (400, "invalid_grant".into()), "{}", said.text);
        false
    }

    /// Both live, unless the machine is so slow that their time may have come.
    #[track_caller]
    fn lives(&self, issued: &mut Issued) {
        let live = self.is_active(&issued.machine) && self.refreshes(&mut issued.user);
        assert!(live || issued.begun.elapsed() > BRIEF / 2, "ended after {:?}", issued.begun.elapsed());
    }

    /// Neither lives for longer than it is to, by a clock that does not step, nor for less.
    #[track_caller]
    fn ends_in_time(&self, mut issued: Issued) {
        // Times of issue are told in whole seconds.
        let earliest = BRIEF.saturating_sub(Duration::from_secs(1));
        let ended = wait_for(SOON, || (!self.is_active(&issued.machine)).then(Instant::now));
        let lived = ended.expect("a token ends at its time") - issued.begun;
        assert!(lived > earliest, "it was to live for {BRIEF:?}, and lived for {lived:?}");
        let ended = wait_for(SOON, || (!self.refreshes(&mut issued.user)).then(Instant::now));
        let lived = ended.expect("a refresh family ends at its time") - issued.begun;
        assert!(lived > earliest, "it was to live for {BRIEF:?}, and lived for {lived:?}");
        // And so it stays.
        assert!(!self.is_active(&issued.machine) && !self.refreshes(&mut issued.user));
    }
}

/// What a server gave at about the same time.
struct Issued {
    begun: Instant,
    /// Lives for [`BRIEF`].
    machine: Value,
    /// Its access token lives for an hour, its refresh token for [`BRIEF`].
    user: Value,
}

#[test]
fn what_is_to_end_ends_at_its_time_while_a_step_is_not_followed() {
    for step in [-HOUR, 2 * HOUR] {
        let brief = Brief::start();
        // Log-ins are quick from here on.
        brief.issue();
        let mut before = brief.issue();
        brief.clock.step(step);
        noticed(&brief.node.management, "stepped", 1);
        brief.lives(&mut before);
        let mut after = brief.issue();
        brief.lives(&mut after);
        let long = [before.user.clone(), after.user.clone()];
        brief.ends_in_time(before);
        brief.ends_in_time(after);
        // Of an hour next to nothing has passed.
        for token in &long {
            assert!(brief.is_active(token), "{step}: {}", look(&brief.node.acme("introspect"), token));
        }
        assert!(!metrics(&brief.node.management).contains("what=\"followed\""));
    }
}
