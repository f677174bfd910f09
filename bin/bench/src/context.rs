//! What all sections share.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::failure::{Failure, Result};
use crate::install::{Guard, Installation};
use crate::parts::fill::Rows;
use crate::place::Place;
use crate::serving::{Server, pinned, run};
use crate::{clock, scrape};

/// How long anything may take that the bench waits for.
const PATIENCE: Duration = Duration::from_mins(15);

/// What the command line says, and what follows from it.
pub(crate) struct Context {
    /// The server's program.
    pub(crate) server: PathBuf,
    /// This program.
    pub(crate) bench: PathBuf,
    /// An empty directory on the disk that is measured.
    pub(crate) data: PathBuf,
    /// Where databases live.
    pub(crate) place: Place,
    /// How long one measurement takes.
    pub(crate) span: Duration,
    /// How often each is done.
    pub(crate) runs: usize,
    /// How many tokens are many.
    pub(crate) tokens: u64,
    /// The directory of the peers, if they are wanted.
    pub(crate) peers: Option<PathBuf>,
    /// The only kind of request that is wanted.
    pub(crate) only: Option<String>,
}

impl Context {
    /// A new installation with a database by that name, and the URL of that.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn install(&self, name: &str, guard: Guard) -> Result<(Installation, String)> {
        let url = self.place.fresh(name)?;
        let folder = self.data.join(name);
        Ok((Installation::make(&self.server, Path::new(&folder), &url, guard)?, url))
    }

    /// Puts rows into an installation's database, of which the last expires in so many seconds.
    ///
    /// # Errors
    /// When the database refuses.
    pub(crate) fn fill(
        &self,
        url: &str,
        rows: Rows,
        tokens: u64,
        expire_in: i64,
        per_milli: u32,
    ) -> Result<()> {
        let mut command = pinned(&self.bench);
        let rows = if rows == Rows::Sessions { "sessions" } else { "audit" };
        command.args(["fill", "--database", url, "--rows", rows, "--tokens", &tokens.to_string()]);
        command.args(["--expire-in", &expire_in.to_string(), "--per-milli", &per_milli.to_string()]);
        run(command).map(drop)
    }
}

/// Waits until the server has removed at least so many sessions and audit rows since it was started.
///
/// # Errors
/// When it does not within a quarter of an hour.
pub(crate) fn wait_for_expiry(server: &Server, sessions: f64, audit: f64) -> Result<()> {
    let start = clock::now();
    loop {
        let expired = scrape::expired(server)?;
        if expired.sessions >= sessions && expired.audit >= audit {
            return Ok(());
        }
        if start.elapsed() > PATIENCE {
            return Err(Failure::new(format!("after {PATIENCE:?}, only {expired:?} have expired")));
        }
        clock::pause(Duration::from_millis(20));
    }
}
