//! The programs that are measured: child processes on one core, which end with this one however it ends.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::failure::{Failure, Result};
use crate::proc;

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    /// Where it answers.
    pub(crate) address: SocketAddr,
    /// Where it tells of itself; the same address when it has only one.
    pub(crate) management: SocketAddr,
    /// Where it speaks TLS, in the order in which it told them.
    pub(crate) tls: Vec<SocketAddr>,
}

impl Server {
    /// Starts it and waits until it has told `addresses` lines `listening on http://ADDRESS`, and then `tls` lines with
    /// `https`.
    ///
    /// # Errors
    /// When it cannot be started, or ends before it listens.
    pub(crate) fn start(mut command: Command, addresses: usize, tls: usize) -> Result<Self> {
        let name = format!("{command:?}");
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let told = child.stdout.take().map(|out| told(out, addresses.saturating_add(tls)));
        match told {
            Some(Ok(found)) if found.len() == addresses.saturating_add(tls) => {
                let (plain, tls) = found.split_at_checked(addresses).unwrap_or_default();
                let first = plain.first().copied().ok_or_else(|| Failure::new("no address"))?;
                let management = plain.last().copied().unwrap_or(first);
                Ok(Self { child, address: first, management, tls: tls.to_vec() })
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
        proc::memory(self.child.id(), "VmRSS")
    }

    /// The most memory it has ever occupied, MB (10⁶ bytes).
    ///
    /// # Errors
    /// When it has ended.
    pub(crate) fn most_resident(&self) -> Result<f64> {
        proc::memory(self.child.id(), "VmHWM")
    }

    /// The processor time that it has used so far, seconds, to a hundredth.
    ///
    /// # Errors
    /// When it has ended.
    pub(crate) fn processor(&self) -> Result<f64> {
        proc::processor(&self.child.id().to_string())
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
        let line = line?;
        let told = line.strip_prefix("listening on http://");
        if let Some(address) = told.or_else(|| line.strip_prefix("listening on https://")) {
            found.push(address.parse()?);
        }
    }
    std::thread::spawn(move || lines.map_while(std::result::Result::ok).for_each(drop));
    Ok(found)
}

/// A command that runs on the measured core only, and that the kernel kills when this program ends, even by SIGKILL: a
/// server left behind would spoil the next run.
pub(crate) fn pinned(program: &Path) -> Command {
    pinned_to(proc::MEASURED, program)
}

/// The same on another core.
pub(crate) fn pinned_to(core: u32, program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "taskset", "-c", &core.to_string()]).arg(program);
    command
}

/// Runs a command to its end and gives what it printed.
///
/// # Errors
/// When it fails.
pub(crate) fn run(mut command: Command) -> Result<String> {
    let name = format!("{command:?}");
    let output = command.stdin(Stdio::null()).output()?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(Failure::new(format!("{name}: {words}")));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
