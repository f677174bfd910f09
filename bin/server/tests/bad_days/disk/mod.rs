//! SQLite's file and the disk below it.

pub(crate) mod faultfs;
pub(crate) mod load;
pub(crate) mod log;
pub(crate) mod promises;
pub(crate) mod sql;

mod checkpoint;
mod damaged;
mod ending;
mod full;
mod gone;
mod locked;
mod read_only;
mod reading;

use std::{
    path::Path,
    process::Output,
    time::{Duration, Instant},
};

use crate::support::{Ask as _, Demo, Said, http, wait_for, wait_until};

/// How long a test waits for what it needs itself.
pub(crate) const SOON: Duration = Duration::from_secs(15);

/// What a busy machine may add to what docs/bad-days.md says.
const BUSY_MACHINE: Duration = Duration::from_millis(1500);

/// How soon readiness knows of what a commit has met, or of a file that has gone.
const NOTICED: Duration = Duration::from_secs(1);

/// How soon after its bad day a disk is in use again.
const WELL_AGAIN: Duration = Duration::from_secs(2);

/// What the demo calls its database.
pub(crate) const DATABASE: &str = "countersign.sqlite3";

/// Whether the tests that take minutes run.
pub(crate) fn is_long() -> bool {
    std::env::var_os("COUNTERSIGN_LONG").is_some_and(|value| value == "1")
}

/// What readiness says.
fn ready(demo: &Demo) -> Said {
    http().get(format!("{}/readyz", demo.management)).said()
}

/// Waits until readiness says no, with all of these words: a second from now at most.
#[track_caller]
fn wait_until_not_ready(demo: &Demo, words: &[&str]) {
    let mut last = None;
    let said = wait_until(Instant::now() + NOTICED + BUSY_MACHINE, |left| {
        let said = http().get(format!("{}/readyz", demo.management)).said_within(left)?;
        let fits = said.status == 503 && words.iter().all(|word| said.text.contains(word));
        last = Some(said);
        fits.then_some(())
    });
    assert!(said.is_some(), "{words:?} in {last:?}");
}

/// Waits until readiness says yes and a token can be had: two seconds from now, when the bad day has ended, at most.
#[track_caller]
fn wait_until_well(demo: &Demo) {
    let mut last = None;
    let well = wait_until(Instant::now() + WELL_AGAIN + BUSY_MACHINE, |left| {
        let said = http().get(format!("{}/readyz", demo.management)).said_within(left)?;
        let token = crate::support::acme_m2m(http().post(demo.acme("token")));
        let token = token.form(&[("grant_type", "client_credentials")]).said_within(left)?;
        let well = said.status == 200 && token.status == 200;
        last = Some((said, token));
        well.then_some(())
    });
    assert!(well.is_some(), "{last:?}");
}

/// Asks for a machine's token.
fn machine(demo: &Demo, id: &str) -> Said {
    let request = crate::support::acme_m2m(http().post(demo.acme("token"))).header("X-Correlation-ID", id);
    request.form(&[("grant_type", "client_credentials")]).said()
}

/// Expects the answer of a server that cannot write now: nothing was acknowledged, and it says when to come back.
#[track_caller]
fn assert_unavailable(said: &Said) {
    assert_eq!(said.error(), (503, "temporarily_unavailable".to_owned()), "{said:?}");
    assert!(said.header("retry-after").parse::<u32>().is_ok(), "{said:?}");
    assert_eq!(said.header("cache-control"), "no-store");
}

/// Expects that a token is active.
#[track_caller]
fn assert_active(demo: &Demo, token: &str) {
    let said =
        crate::support::acme_m2m(http().post(demo.acme("introspect"))).form(&[("token", token)]).said();
    assert_eq!(said.status, 200, "{said:?}");
    assert_eq!(said.json()["active"], true);
}

/// Runs `serve` over a demo's data, which must fail by itself within a minute.
#[track_caller]
fn serve_fails(data: &Path, variables: &[(&str, &str)]) -> Output {
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_countersign"))
        .arg("serve")
        .arg("--config")
        .arg(data.join("countersign.toml"))
        .env("COUNTERSIGN__SERVER__LISTEN", "127.0.0.1:0")
        .env("COUNTERSIGN__SERVER__PUBLIC_URL", "https://id.example")
        .env("COUNTERSIGN__MANAGEMENT__LISTEN", "127.0.0.1:0")
        .envs(variables.iter().copied())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let ended = wait_for(Duration::from_mins(1), || child.try_wait().unwrap());
    if ended.is_none() {
        child.kill().unwrap();
    }
    let output = child.wait_with_output().unwrap();
    assert!(ended.is_some(), "it serves: {output:?}");
    output
}

/// Expects exit code 4 and a message with these words, and no panic.
#[track_caller]
fn assert_refused(output: &Output, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(
        words.iter().all(|word| said.contains(word)) && !said.contains("panicked"),
        "{words:?} in {said}"
    );
}
