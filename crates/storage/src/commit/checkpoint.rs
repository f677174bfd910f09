//! Moves SQLite's log into its file, beside the committer.
//!
//! A checkpoint reads thousands of pages, writes them, and waits for the disk twice. Were it the committer's, all that
//! wait for a commit would wait for it as well. So another thread moves what is in the log while commits go on, and the
//! committer then moves the little that was added meanwhile: only when nothing is left does SQLite begin the log anew.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use crate::dialect::Role;
use crate::link::Link;
use crate::manager::Connector;

/// About how many pages of the log are worth moving.
const WORTH_IT: usize = 4000;

/// More than so many, added while the thread worked, are its affair once more, a few times in a row: on a slow disk all
/// would wait for the committer else.
const MANY: usize = 1000;

/// How often in a row.
const ROUNDS: u8 = 3;

/// And how many, when the thread is no more, are the committer's affair.
const TOO_MANY: usize = 24_000;

/// About how many pages a commit writes besides those of its batches.
const PAGES_OF_A_COMMIT: usize = 4;

/// The committer's side.
pub(super) struct Checkpointer {
    connector: Arc<Connector>,
    wanted: Option<SyncSender<()>>,
    moved: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    /// Whether the thread was asked, and has not been heard of since. Meanwhile the committer moves nothing: what fails in
    /// the thread must be known before the log is begun anew.
    at_work: bool,
    pages: usize,
    /// How often in a row the thread was asked once more.
    rounds: u8,
}

impl Checkpointer {
    /// Starts the thread. It connects when there is something to do.
    pub(super) fn start(connector: &Arc<Connector>) -> std::io::Result<Self> {
        let (wanted, asked) = sync_channel(1);
        let moved = Arc::new(AtomicBool::new(false));
        let (theirs, done) = (Arc::clone(connector), Arc::clone(&moved));
        let thread = std::thread::Builder::new()
            .name("checkpointer".to_owned())
            .spawn(move || run(&theirs, &asked, &done))?;
        Ok(Self {
            connector: Arc::clone(connector),
            wanted: Some(wanted),
            moved,
            thread: Some(thread),
            at_work: false,
            pages: 0,
            rounds: 0,
        })
    }

    /// After a commit of so many batches and removals over `link`, which has no transaction.
    ///
    /// # Errors
    /// [`Stuck`]: the log must be left as it is.
    pub(super) fn committed(&mut self, link: &mut Link, changes: usize) -> Result<(), Stuck> {
        if self.connector.is_log_left() {
            return Ok(());
        }
        self.pages = self.pages.saturating_add(changes).saturating_add(PAGES_OF_A_COMMIT);
        if self.moved.swap(false, Ordering::AcqRel) {
            return self.finish(link);
        }
        if self.pages < WORTH_IT || (self.at_work && self.is_alive()) {
            return Ok(());
        }
        if !self.ask() && self.pages >= TOO_MANY {
            self.pages = 0;
            return move_some(link);
        }
        Ok(())
    }

    /// The thread has moved what there was: what was added meanwhile is left, and the log begins anew once all is moved.
    fn finish(&mut self, link: &mut Link) -> Result<(), Stuck> {
        self.at_work = false;
        if self.pages > MANY && self.rounds < ROUNDS && self.ask() {
            self.rounds = self.rounds.saturating_add(1);
            return Ok(());
        }
        (self.pages, self.rounds) = (0, 0);
        move_some(link)
    }

    /// Has the thread move what there is; not when it has crashed.
    fn ask(&mut self) -> bool {
        self.at_work = self.wanted.as_ref().is_some_and(|wanted| wanted.try_send(()).is_ok());
        if self.at_work {
            self.pages = 0;
        }
        self.at_work
    }

    fn is_alive(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Ends the thread.
    pub(super) fn stop(&mut self) {
        self.wanted = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the checkpointer had crashed");
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(connector: &Connector, asked: &Receiver<()>, moved: &AtomicBool) {
    let mut link: Option<Link> = None;
    let mut file = None;
    while asked.recv().is_ok() {
        if link.is_none() && !connector.is_log_left() {
            match connector.connect(Role::Writer) {
                Ok(opened) => link = Some(opened),
                // The committer will meet the same trouble and tell it.
                Err(trouble) => tracing::debug!(error = %trouble, "the checkpointer cannot connect"),
            }
        }
        let Some(mut mover) = link.take() else {
            moved.store(true, Ordering::Release);
            continue;
        };
        match move_some(&mut mover).and_then(|()| sync(connector, &mut file)) {
            Ok(()) => {
                link = Some(mover);
                moved.store(true, Ordering::Release);
            }
            Err(stuck) => connector.leave_log(mover, &stuck),
        }
    }
}

/// Why the log must be left as it is: some of what was moved may not be on the disk, and would not be moved again.
///
/// A failed sync may have lost what was written before it, and the next one knows nothing of that. SQLite goes on with
/// what it has not moved yet; only a start looks at the whole log again.
#[derive(Debug)]
pub(crate) struct Stuck(pub(crate) String);

/// Moves what can be moved now. What is harmless is tried again, or done by the next start: another process has the lock,
/// there is no room.
pub(super) fn move_some(link: &mut Link) -> Result<(), Stuck> {
    judged(link.db().move_log())
}

/// Moves all, and leaves an empty log.
pub(super) fn move_all(link: &mut Link) -> Result<(), Stuck> {
    judged(link.db().checkpoint())
}

fn judged(moved: diesel::QueryResult<()>) -> Result<(), Stuck> {
    let Err(error) = moved else { return Ok(()) };
    let words = error.to_string();
    tracing::warn!(error = %words, "the log could not be moved into the database's file");
    let harmless = ["database is locked", "database table is locked", "database or disk is full"];
    if harmless.iter().any(|harmless| words.starts_with(harmless)) { Ok(()) } else { Err(Stuck(words)) }
}

/// Has the disk take what was moved. SQLite syncs the file only when it has moved all of the log; then the committer would
/// wait for all of it.
fn sync(connector: &Connector, file: &mut Option<&'static File>) -> Result<(), Stuck> {
    let Some(path) = connector.target.file() else { return Ok(()) };
    if file.is_none() {
        // Never closed: with any descriptor of the file a process closes, it loses its locks on it (fcntl(2)).
        *file = File::open(path).ok().map(|file| &*Box::leak(Box::new(file)));
    }
    let Some(file) = file else { return Ok(()) };
    file.sync_data().map_err(|error| Stuck(error.to_string()))
}

#[cfg(test)]
mod tests {
    use domain::{ProfileName, TenantName, TenantSettings};

    use super::*;
    use crate::{Database, DatabaseConfig};

    fn insert(database: &Database, name: &str) {
        let name = TenantName::parse(name).expect("a name");
        let settings = TenantSettings::new(ProfileName::Openid);
        database.system().tenant_insert(&name, &settings).expect("an answer").expect("a tenant");
    }

    /// A command that writes moves the log as it ends, and would cut it to nothing.
    #[test]
    fn a_log_that_was_left_is_begun_anew_by_no_other_program() {
        let directory = tempfile::tempdir().expect("a directory");
        let config = DatabaseConfig::new(&format!("sqlite:{}", directory.path().join("db").display()));
        let server = Database::create(&config).expect("a database");
        server.migrate().expect("migrations");
        insert(&server, "one");
        let log = || std::fs::read(directory.path().join("db-wal")).expect("the log");
        let before = log();
        let connector = server.connector();
        let link = connector.connect(Role::Writer).expect("a connection");
        connector.leave_log(link, &Stuck("the disk failed".to_owned()));
        let command = Database::open(&config).expect("a second process");
        insert(&command, "two");
        command.shut_down();
        drop(command);
        insert(&server, "three");
        server.shut_down();
        assert!(log().starts_with(&before), "what was in the log is there");
    }
}
