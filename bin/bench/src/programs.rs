//! What Countersign is compared with.

use std::path::Path;
use std::process::Stdio;

use serde_json::{Map, Value};

use crate::failure::{Failure, Result};
use crate::serving::{Server, pinned, run};

/// The floor.
///
/// # Errors
/// When it does not start.
pub(crate) fn floor(bench: &Path) -> Result<Server> {
    let mut command = pinned(bench);
    command.arg("floor");
    Server::start(command, 1, 0)
}

/// `oidc-provider` of fixtures/peers.
///
/// # Errors
/// When it does not start: node or its packages are missing.
pub(crate) fn oidc_provider(folder: &Path) -> Result<Server> {
    let mut command = pinned(Path::new("node"));
    command.arg("oidc-provider.mjs").current_dir(folder).env("NODE_ENV", "production").stderr(Stdio::null());
    Server::start(command, 1, 0)
}

/// The parts, each for `seconds`, as `countersign-bench parts` prints them: with an empty database at `url`, and a
/// folder on the disk that is measured.
///
/// # Errors
/// When one fails.
pub(crate) fn parts(bench: &Path, folder: &Path, url: &str, seconds: f64) -> Result<Map<String, Value>> {
    let mut command = pinned(bench);
    command.args(["parts", "--seconds", &seconds.to_string(), "--database", url, "--data"]).arg(folder);
    Ok(serde_json::from_str(&run(command)?)?)
}

/// Signatures per second that `openssl speed rsa2048` finds.
///
/// # Errors
/// When there is no openssl, or it prints something else.
pub(crate) fn openssl(seconds: u64) -> Result<f64> {
    let mut command = pinned(Path::new("openssl"));
    command.args(["speed", "-mr", "-seconds", &seconds.max(1).to_string(), "rsa2048"]);
    let printed = run(command)?;
    // `+F2:number:bits:signatures per second:verifications per second`
    let line = printed.lines().find(|line| line.starts_with("+F2:"));
    let rate = line.and_then(|line| line.split(':').nth(3)).and_then(|rate| rate.parse().ok());
    rate.ok_or_else(|| Failure::new("openssl speed printed something else than usual"))
}
