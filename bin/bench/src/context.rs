//! What all sections share.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cache::SharedCache;
use crate::failure::{Failure, Result};
use crate::install::{Guard, Installation};
use crate::parts::fill::Rows;
use crate::place::Place;
use crate::serving::{Server, pinned, run};
use crate::{clock, output, proc, scrape};

/// How long anything may take that the bench waits for.
pub(crate) const PATIENCE: Duration = Duration::from_mins(15);

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
    /// How long a measurement waits for other guests to leave the shared cache alone.
    pub(crate) quiet: Duration,
    /// That cache.
    pub(crate) cache: RefCell<SharedCache>,
    /// What was void and measured again.
    pub(crate) voided: RefCell<Vec<String>>,
    /// What could not be measured at all.
    pub(crate) failed: RefCell<Vec<String>>,
}

impl Context {
    /// A new installation with a database by that name, and the URL of that.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn install(&self, name: &str, guard: Guard) -> Result<(Installation, String)> {
        self.install_of(&self.server, name, guard)
    }

    /// The same of another program.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn install_of(
        &self,
        program: &Path,
        name: &str,
        guard: Guard,
    ) -> Result<(Installation, String)> {
        let url = self.place.fresh(name)?;
        let folder = self.data.join(name);
        Ok((Installation::make(program, Path::new(&folder), &url, guard)?, url))
    }

    /// Does `work` when the shared cache is left alone, or patience has ended. With what it gives come the nanoseconds that
    /// a step through the cache took, before or behind it, whatever is more.
    ///
    /// # Errors
    /// Those of `work`.
    pub(crate) fn undisturbed<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<(T, f64)> {
        self.undisturbed_within(self.quiet, work)
    }

    /// The same with a patience of its own.
    ///
    /// # Errors
    /// Those of `work`.
    pub(crate) fn undisturbed_within<T>(
        &self,
        patience: Duration,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<(T, f64)> {
        let before = self.cache.borrow_mut().wait(patience);
        let done = work()?;
        Ok((done, before.max(self.cache.borrow_mut().step())))
    }

    /// Does `work`, and once more if it was void: one answer in a million may be lost to the machine, and a run of
    /// forty minutes should not be. It is told, and stands in the result.
    ///
    /// # Errors
    /// Those of the second time.
    pub(crate) fn twice<T>(&self, what: &str, mut work: impl FnMut() -> Result<T>) -> Result<T> {
        let failure = match work() {
            Ok(done) => return Ok(done),
            Err(failure) => failure.of(what),
        };
        output::progress(&format!("{failure}; it is measured once more"));
        self.voided.borrow_mut().push(failure.to_string());
        work().map_err(|failure| failure.of(what))
    }

    /// Notes, and tells, that something could not be measured; the rest goes on.
    pub(crate) fn failed(&self, failure: &Failure) {
        output::progress(&format!("failed: {failure}"));
        self.failed.borrow_mut().push(failure.to_string());
    }

    /// Puts rows into an installation's database, of which the last expires in so many milliseconds.
    ///
    /// # Errors
    /// When the database refuses.
    pub(crate) fn fill(
        &self,
        url: &str,
        rows: Rows,
        tokens: u64,
        expire_in_ms: i64,
        per_milli: u32,
    ) -> Result<()> {
        let mut command = pinned(&self.bench);
        let rows = if rows == Rows::Sessions { "sessions" } else { "audit" };
        command.args(["fill", "--database", url, "--rows", rows, "--tokens", &tokens.to_string()]);
        command.args(["--expire-in-ms", &expire_in_ms.to_string(), "--per-milli", &per_milli.to_string()]);
        run(command).map(drop)
    }
}

/// What the measured core, a server and its database have used, at one moment.
pub(crate) struct Usage {
    /// The server, seconds.
    pub(crate) server: f64,
    /// The database server's processes, seconds.
    pub(crate) database: f64,
    /// The core, seconds.
    core: f64,
}

impl Usage {
    /// Looks.
    ///
    /// # Errors
    /// When one of them has ended.
    pub(crate) fn now(context: &Context, server: &Server) -> Result<Self> {
        let (server, database) = (server.processor()?, context.place.processor()?);
        Ok(Self { server, database, core: proc::core_busy(proc::MEASURED)? })
    }

    /// What was used since `start`.
    pub(crate) fn since(self, start: &Self) -> Self {
        Self {
            server: self.server - start.server,
            database: self.database - start.database,
            core: self.core - start.core,
        }
    }

    /// The share of the core that others took in this span.
    pub(crate) fn others(&self, span: Duration) -> f64 {
        ((self.core - self.server - self.database) / span.as_secs_f64().max(0.001)).max(0.0)
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
