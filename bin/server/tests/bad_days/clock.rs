//! The machine's clock steps. The real binary runs under fixtures/faultclock, whose offset a file holds.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime},
};

use serde_json::Value;
use tempfile::TempDir;

use super::support::{Ask as _, Demo, acme_m2m, http, wait_for};

const HOUR: i64 = 3600;

/// A bound for what happens within seconds.
const SOON: Duration = Duration::from_secs(30);

struct Faulty {
    demo: Demo,
    offset: PathBuf,
    _library: TempDir,
}

impl Faulty {
    /// A server that follows a step after `patience` seconds and expires without pause.
    fn start(patience: &str) -> Self {
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
        let demo = Demo::start_in(
            tempfile::tempdir().unwrap(),
            &[
                ("LD_PRELOAD", built.to_str().unwrap()),
                ("FAULTCLOCK_FILE", offset.to_str().unwrap()),
                ("COUNTERSIGN__SERVER__CLOCK_PATIENCE", patience),
                ("COUNTERSIGN__SECURITY__GUESS_BURST", "3"),
                ("COUNTERSIGN__SECURITY__GUESSES_PER_MINUTE", "1"),
                ("COUNTERSIGN__JOBS__EXPIRY_INTERVAL_MS", "50"),
                ("COUNTERSIGN__JOBS__EXPIRY_LAG", "0"),
            ],
        );
        Self { demo, offset, _library: library }
    }

    /// Steps the clock to `offset` seconds from the right time.
    fn step(&self, offset: i64) {
        // At once: a file half-written would be another step.
        let next = self.offset.with_extension("next");
        std::fs::write(&next, offset.to_string()).unwrap();
        std::fs::rename(next, &self.offset).unwrap();
    }

    /// Waits until a kind of notice has been counted so often.
    #[track_caller]
    fn noticed(&self, what: &str, times: u32) {
        let name = format!("countersign_clock_steps_total{{what=\"{what}\"}} {times}");
        let found = wait_for(SOON, || self.metrics().contains(&name).then_some(()));
        assert!(found.is_some(), "{name} did not come:\n{}", self.metrics());
    }

    fn metrics(&self) -> String {
        http().get(format!("{}/metrics", self.demo.management)).said().text
    }

    fn look(&self, token: &Value) -> Value {
        let form = [("token", token["access_token"].as_str().unwrap())];
        acme_m2m(http().post(self.demo.acme("introspect"))).form(&form).json_ok()
    }
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
