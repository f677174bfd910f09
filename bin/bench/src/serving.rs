//! The servers that are measured: child processes on one core, which end with this one.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::failure::{Failure, Result};

/// The core that is measured. The load comes from another one.
const CORE: &str = "0";

/// Clock ticks in a second, as the kernel tells them to programs (USER_HZ).
const TICKS: f64 = 100.0;

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    /// Where it answers.
    pub(crate) address: SocketAddr,
    /// Where it tells of itself; the same address when it has only one.
    pub(crate) management: SocketAddr,
}

impl Server {
    /// Starts it and waits until it has told `addresses` lines `listening on http://ADDRESS`.
    ///
    /// # Errors
    /// When it cannot be started, or ends before it listens.
    fn start(mut command: Command, addresses: usize) -> Result<Self> {
        let name = format!("{command:?}");
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let told = child.stdout.take().map(|out| told(out, addresses));
        match told {
            Some(Ok(found)) if found.len() == addresses => {
                let first = found.first().copied().ok_or_else(|| Failure::new("no address"))?;
                let management = found.last().copied().unwrap_or(first);
                Ok(Self { child, address: first, management })
            }
            _ => {
                end(&mut child);
                Err(Failure::new(format!("did not start: {name}")))
            }
        }
    }

    /// The memory it occupies, MB (10⁶ bytes).
    ///
    /// # Errors
    /// When it has ended.
    pub(crate) fn resident(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib: f64 = line.unwrap_or_default().trim().trim_end_matches(" kB").trim().parse()?;
        Ok(kib * 1024.0 / 1e6)
    }

    /// The processor time that it has used so far, seconds, to a hundredth.
    ///
    /// # Errors
    /// When it has ended.
    pub(crate) fn processor(&self) -> Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name in parentheses may hold anything; user and system time are the 12th and 13th field behind it.
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let ticks = |number| fields.split_whitespace().nth(number).unwrap_or_default().parse::<f64>();
        Ok((ticks(11)? + ticks(12)?) / TICKS)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn end(child: &mut Child) {
    // It may have ended by itself already.
    drop(child.kill());
    drop(child.wait());
}

/// Reads until all addresses are told, and keeps on reading, so that the server never waits for a reader.
fn told(out: std::process::ChildStdout, addresses: usize) -> Result<Vec<SocketAddr>> {
    let mut lines = BufReader::new(out).lines();
    let mut found = Vec::new();
    while found.len() < addresses {
        let Some(line) = lines.next() else { break };
        if let Some(address) = line?.strip_prefix("listening on http://") {
            found.push(address.parse()?);
        }
    }
    std::thread::spawn(move || lines.map_while(std::result::Result::ok).for_each(drop));
    Ok(found)
}

/// The time that the measured core has worked for programs so far, its own and those of other machines on the same
/// hardware (steal), seconds. Interrupts are left out: mostly they are the load's own.
///
/// # Errors
/// When the kernel does not tell.
pub(crate) fn core_busy() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/stat")?;
    let prefix = format!("cpu{CORE} ");
    let line = stat.lines().find_map(|line| line.strip_prefix(&prefix));
    let line = line.ok_or_else(|| Failure::new("/proc/stat does not tell of the measured core"))?;
    let fields: Vec<f64> = line.split_whitespace().map_while(|field| field.parse().ok()).collect();
    // user, nice, system, idle, iowait, irq, softirq, steal
    Ok([0, 1, 2, 7].iter().filter_map(|at| fields.get(*at)).sum::<f64>() / TICKS)
}

/// A command that runs on the measured core only.
fn pinned(program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", CORE]).arg(program);
    command
}

/// Countersign with its demo tenants, one worker, and Argon2id at its cheapest. Buckets against guessing are made wide:
/// the load is thirty-two log-ins of one user at a time.
///
/// # Errors
/// When it does not start.
pub(crate) fn countersign(program: &Path, data: &Path) -> Result<Server> {
    let mut command = pinned(program);
    command
        .args(["demo", "--listen", "127.0.0.1:0", "--management-listen", "127.0.0.1:0", "--data-dir"])
        .arg(data)
        .envs([
            ("COUNTERSIGN__SERVER__WORKERS", "1"),
            ("COUNTERSIGN__LOG__FILTER", "warn"),
            ("COUNTERSIGN__SECURITY__ARGON2__MEMORY_KIB", "8"),
            ("COUNTERSIGN__SECURITY__ARGON2__ITERATIONS", "1"),
            ("COUNTERSIGN__SECURITY__GUESS_BURST", "100000000"),
            ("COUNTERSIGN__SECURITY__GUESSES_PER_MINUTE", "60000"),
        ]);
    Server::start(command, 2)
}

/// The floor.
///
/// # Errors
/// When it does not start.
pub(crate) fn floor(bench: &Path) -> Result<Server> {
    let mut command = pinned(bench);
    command.arg("floor");
    Server::start(command, 1)
}

/// `oidc-provider` of fixtures/peers.
///
/// # Errors
/// When it does not start: node or its packages are missing.
pub(crate) fn oidc_provider(folder: &Path) -> Result<Server> {
    let mut command = pinned(Path::new("node"));
    command.arg("oidc-provider.mjs").current_dir(folder).env("NODE_ENV", "production").stderr(Stdio::null());
    Server::start(command, 1)
}

/// Runs a command on the measured core to its end and gives what it printed.
///
/// # Errors
/// When it fails.
fn run(mut command: Command) -> Result<String> {
    let name = format!("{command:?}");
    let output = command.stdin(Stdio::null()).output()?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(Failure::new(format!("{name}: {words}")));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The parts, each for `seconds`, as `countersign-bench parts` prints them.
///
/// # Errors
/// When one fails.
pub(crate) fn parts(
    bench: &Path,
    data: &Path,
    seconds: f64,
) -> Result<serde_json::Map<String, serde_json::Value>> {
    let mut command = pinned(bench);
    command.args(["parts", "--seconds", &seconds.to_string(), "--data"]).arg(data);
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
