//! The pool's connection manager.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::config::Target;
use crate::counters::Meter;
use crate::dialect::{Db, Role};
use crate::failure::Trouble;
use crate::link::Link;

/// Opens connections of one database.
pub(crate) struct Connector {
    pub(crate) target: Target,
    pub(crate) timeout: Duration,
    pub(crate) meter: Arc<Meter>,
    /// Grows when a connection is found lost: every older one is then suspect, and is not handed out again.
    epoch: AtomicU64,
    last_error: Mutex<Option<String>>,
}

impl Connector {
    pub(crate) fn new(target: Target, timeout: Duration, meter: Arc<Meter>) -> Self {
        Self { target, timeout, meter, epoch: AtomicU64::new(0), last_error: Mutex::new(None) }
    }

    /// Opens one.
    pub(crate) fn connect(&self, role: Role) -> Result<Link, Trouble> {
        let epoch = self.epoch.load(Ordering::Acquire);
        let opened =
            Db::connect(&self.target, self.timeout, role).map_err(|words| self.target.without_secrets(words));
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = opened.as_ref().err().cloned();
        opened.map(|db| Link::new(db, Arc::clone(&self.meter), epoch)).map_err(not_connected)
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

/// Tells the log of connections that could not be opened.
#[derive(Debug)]
pub(crate) struct LogErrors;

impl r2d2::HandleError<Trouble> for LogErrors {
    fn handle_error(&self, error: Trouble) {
        tracing::warn!(error = %error, "a database connection could not be opened or was dropped");
    }
}
