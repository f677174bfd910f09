//! The pool's connection manager.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::advice;
use crate::commit::Stuck;
use crate::config::Target;
use crate::counters::Meter;
use crate::dialect::{Db, Role};
use crate::failure::Trouble;
use crate::file::OpenFile;
use crate::health::Health;
use crate::link::Link;
use crate::pulse::Pulse;

/// Opens connections of one database.
pub(crate) struct Connector {
    pub(crate) target: Target,
    pub(crate) timeout: Duration,
    pub(crate) meter: Arc<Meter>,
    pub(crate) health: Health,
    /// The file, where the database is one.
    file: Option<OpenFile>,
    /// Grows when a connection is found lost: every older one is then suspect, and is not handed out again.
    epoch: AtomicU64,
    last_error: Mutex<Option<String>>,
    /// Whether the last attempt to connect failed.
    failing: AtomicBool,
    /// Whether SQLite's log is left as it is until the process ends.
    log_left: AtomicBool,
    /// The pulse of what goes over the pool.
    pub(crate) reads: Pulse,
    /// The pulse of the committers.
    pub(crate) commits: Pulse,
}

impl Connector {
    pub(crate) fn new(target: Target, timeout: Duration, meter: Arc<Meter>) -> Self {
        let file = target.file().map(OpenFile::new);
        Self {
            target,
            timeout,
            meter,
            health: Health::default(),
            file,
            epoch: AtomicU64::new(0),
            last_error: Mutex::new(None),
            failing: AtomicBool::new(false),
            log_left: AtomicBool::new(false),
            reads: Pulse::new("reads"),
            commits: Pulse::new("commits"),
        }
    }

    /// Opens one.
    pub(crate) fn connect(&self, role: Role) -> Result<Link, Trouble> {
        let epoch = self.epoch.load(Ordering::Acquire);
        if role == Role::Committer {
            self.forget_log();
        }
        let opened = self.open(role);
        self.note(opened.as_ref().err());
        opened.map(|db| Link::new(db, Arc::clone(&self.meter), epoch)).map_err(not_connected)
    }

    fn open(&self, role: Role) -> Result<Db, String> {
        // SQLite would mix another file with the log and the memory of the one that is in use.
        let in_place = || self.is_in_place().map_err(|trouble| trouble.message);
        in_place()?;
        let db = Db::connect(&self.target, self.timeout, role)
            .map_err(|words| self.explained(self.target.without_secrets(words)))?;
        in_place().map(|()| db)
    }

    /// Takes the file that the path names now for the one that was opened.
    pub(crate) fn opened(&self) {
        self.file.iter().for_each(OpenFile::opened);
    }

    /// Whether the file that was opened is still the one that a start would open; always, where there is none.
    pub(crate) fn is_in_place(&self) -> Result<(), Trouble> {
        self.file.as_ref().map_or(Ok(()), OpenFile::check)
    }

    /// The same for what has just been committed, with the log that holds it.
    pub(crate) fn commit_is_in_place(&self) -> Result<(), Trouble> {
        self.file.as_ref().map_or(Ok(()), OpenFile::check_commit)
    }

    /// The committer's connection goes.
    pub(crate) fn forget_log(&self) {
        self.file.iter().for_each(OpenFile::forget_log);
    }

    /// Whether SQLite's log may no longer be moved into its file.
    pub(crate) fn is_log_left(&self) -> bool {
        self.log_left.load(Ordering::Acquire)
    }

    /// Leaves SQLite's log as it is from now on. It grows, and holds everything that may be missing in the file: the next
    /// start reads all of it. `link` is never closed, for whoever closes the last one moves the log; and it reads for ever,
    /// so that no other process begins the log anew either, such as a command or a shell that does not know.
    pub(crate) fn leave_log(&self, mut link: Link, why: &Stuck) {
        self.log_left.store(true, Ordering::Release);
        if let Err(error) = link.db().hold_log() {
            tracing::error!(%error, "the log cannot be held against other programs: run none over this database");
        }
        let _never_closed: &mut Link = Box::leak(Box::new(link));
        let error = self.explained(why.0.clone());
        tracing::error!(
            %error,
            "the disk failed while the log was moved into the database's file: the log is left as it is, holds all that was \
             told, and grows; nothing is lost: look after the disk, make sure that there is room, end whatever else has \
             this database open, and restart"
        );
    }

    /// What happened, with what to do about it where that is known.
    pub(crate) fn explain(&self, trouble: Trouble) -> Trouble {
        match &self.file {
            Some(file) => advice::explain(trouble, &file.path),
            None => trouble,
        }
    }

    fn explained(&self, words: String) -> String {
        match &self.file {
            Some(file) => advice::explained(words, &file.path),
            None => words,
        }
    }

    /// Notes how an attempt to connect went, and tells the log of a change: an outage is one line, not one for each
    /// attempt.
    fn note(&self, error: Option<&String>) {
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = error.cloned();
        match (error, self.failing.swap(error.is_some(), Ordering::AcqRel)) {
            (Some(error), false) => tracing::error!(%error, "the database cannot be reached; trying on"),
            (None, true) => tracing::info!("the database can be reached again"),
            _ => {}
        }
    }

    /// Whether the last attempt to connect failed.
    pub(crate) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Acquire)
    }

    /// Why the last attempt to connect failed, if it did.
    pub(crate) fn last_error(&self) -> Option<Trouble> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone().map(not_connected)
    }

    /// Lets no connection as old as this one be handed out again.
    pub(crate) fn lost(&self, link: &mut Link) {
        link.discard();
        self.epoch.fetch_max(link.epoch.saturating_add(1), Ordering::AcqRel);
    }
}

const fn not_connected(message: String) -> Trouble {
    Trouble { table: "connection", operation: "connect", message, lost: true }
}

/// What the pool asks for connections.
pub(crate) struct Manager(pub(crate) Arc<Connector>);

impl r2d2::ManageConnection for Manager {
    type Connection = Link;
    type Error = Trouble;

    fn connect(&self) -> Result<Link, Trouble> {
        self.0.connect(Role::Reader)
    }

    /// Costs no round trip.
    fn is_valid(&self, link: &mut Link) -> Result<(), Trouble> {
        if link.epoch == self.0.epoch.load(Ordering::Acquire) && !link.is_broken() {
            Ok(())
        } else {
            Err(not_connected("the connection was lost".to_owned()))
        }
    }

    fn has_broken(&self, link: &mut Link) -> bool {
        // Whoever panicked may have left a transaction open.
        std::thread::panicking() || link.is_broken()
    }
}

/// Tells the log of each connection that could not be opened or was dropped. [`Connector`] tells of the change.
#[derive(Debug)]
pub(crate) struct LogErrors;

impl r2d2::HandleError<Trouble> for LogErrors {
    fn handle_error(&self, error: Trouble) {
        tracing::debug!(error = %error, "a database connection could not be opened or was dropped");
    }
}
