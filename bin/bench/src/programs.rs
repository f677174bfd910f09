//! What Countersign is compared with.

use std::fs::File;
use std::path::Path;

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

/// `oidc-provider` of fixtures/peers. What it complains of goes to the file `complaints`: warnings that do not matter,
/// unless it does not start.
///
/// # Errors
/// When it does not start, with the end of what it said: node or its packages are missing or too old.
pub(crate) fn oidc_provider(folder: &Path, complaints: &Path) -> Result<Server> {
    let mut command = pinned(Path::new("node"));
    command.arg("oidc-provider.mjs").current_dir(folder).env("NODE_ENV", "production");
    command.stderr(File::create(complaints)?);
    Server::start(command, 1, 0).map_err(|failure| {
        let said = std::fs::read(complaints).unwrap_or_default();
        let said = String::from_utf8_lossy(&said).into_owned();
        let lines: Vec<_> = said.lines().rev().take(20).collect();
        let last = lines.into_iter().rev().collect::<Vec<_>>().join("\n");
        Failure::new(format!("{failure}; it said:\n{last}"))
    })
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
