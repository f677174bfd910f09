//! Whether a path still names the file that was opened.
//!
//! A file that is deleted or replaced under way goes on taking writes in silence, and all of them are gone when the
//! last process lets go of it.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::failure::Trouble;

/// Device and number: what a file is, whatever it is called.
type Identity = (u64, u64);

/// The database file and the log beside it, as they were when they were opened.
pub(crate) struct OpenFile {
    pub(crate) path: PathBuf,
    log: PathBuf,
    file: OnceLock<Identity>,
    log_file: Mutex<Option<Identity>>,
}

impl OpenFile {
    pub(crate) fn new(path: &Path) -> Self {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        Self { path: path.to_owned(), log: log.into(), file: OnceLock::new(), log_file: Mutex::new(None) }
    }

    /// Takes what the path names now for what was opened.
    pub(crate) fn opened(&self) {
        if let Some(found) = identity(&self.path) {
            self.file.get_or_init(|| found);
        }
    }

    /// The connection that writes is about to be another one: its log may be another one as well.
    pub(crate) fn forget_log(&self) {
        *self.log_file() = None;
    }

    /// Whether the paths still name the file that was opened, and the log that commits are known to go to.
    pub(crate) fn check(&self) -> Result<(), Trouble> {
        let Some(opened) = self.file.get() else { return Ok(()) };
        match identity(&self.path) {
            Some(found) if found == *opened => {}
            Some(_) => {
                return Err(gone(
                    &self.path,
                    "was replaced while it was in use: put the file that was opened back, or restart to serve from \
                     the new one",
                ));
            }
            None => {
                return Err(gone(
                    &self.path,
                    "was deleted or moved while it was in use: put it back, or restore a backup and restart \
                     (until this process ends the file can be copied from /proc/PID/fd)",
                ));
            }
        }
        let known = *self.log_file();
        if known.is_none() || known == identity(&self.log) { Ok(()) } else { Err(self.log_gone()) }
    }

    /// [`OpenFile::check`] after a commit: the log that holds it is where the next start looks for it.
    pub(crate) fn check_commit(&self) -> Result<(), Trouble> {
        self.check()?;
        if self.file.get().is_none() {
            return Ok(());
        }
        let mut known = self.log_file();
        if known.is_none() {
            *known = identity(&self.log);
        }
        if known.is_some() { Ok(()) } else { Err(self.log_gone()) }
    }

    fn log_file(&self) -> MutexGuard<'_, Option<Identity>> {
        self.log_file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log_gone(&self) -> Trouble {
        gone(
            &self.log,
            "was deleted or replaced while it was in use: stop this server with SIGTERM and never with kill -9, for \
             it then moves what it still holds into the database; then start it again",
        )
    }
}

fn gone(path: &Path, what: &str) -> Trouble {
    let message = format!("{} {what}", path.display());
    Trouble { table: "database file", operation: "look", message, lost: false }
}

#[cfg(unix)]
fn identity(path: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

/// Elsewhere a file that is open can be neither deleted nor replaced.
#[cfg(not(unix))]
fn identity(_path: &Path) -> Option<Identity> {
    None
}
