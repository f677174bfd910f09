//! Moves SQLite's log into its file, beside the committer.
//!
//! A checkpoint reads thousands of pages, writes them, and waits for the disk twice. Were it the committer's, all that
//! wait for a commit would wait for it as well. So another thread moves what is in the log while commits go on, and the
//! committer then moves the little that was added meanwhile: only when nothing is left does SQLite begin the log anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use crate::dialect::Role;
use crate::link::Link;
use crate::manager::Connector;

/// About how many pages of the log are worth moving.
const WORTH_IT: usize = 1500;

/// About how many pages a commit writes besides those of its batches.
const PAGES_OF_A_COMMIT: usize = 4;

/// The committer's side.
pub(super) struct Checkpointer {
    wanted: Option<SyncSender<()>>,
    moved: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    pages: usize,
}

impl Checkpointer {
    /// Starts the thread. It connects when there is something to do.
    pub(super) fn start(connector: &Arc<Connector>) -> std::io::Result<Self> {
        let (wanted, asked) = sync_channel(1);
        let moved = Arc::new(AtomicBool::new(false));
        let (connector, done) = (Arc::clone(connector), Arc::clone(&moved));
        let thread = std::thread::Builder::new()
            .name("checkpointer".to_owned())
            .spawn(move || run(&connector, &asked, &done))?;
        Ok(Self { wanted: Some(wanted), moved, thread: Some(thread), pages: 0 })
    }

    /// After a commit of so many batches and removals over `link`, which has no transaction.
    pub(super) fn committed(&mut self, link: &mut Link, changes: usize) {
        if self.moved.swap(false, Ordering::AcqRel) {
            warn(link.db().move_log());
            self.pages = 0;
        }
        self.pages = self.pages.saturating_add(changes).saturating_add(PAGES_OF_A_COMMIT);
        if self.pages >= WORTH_IT
            && let Some(wanted) = &self.wanted
            // It is full while the thread is at work, and closed when the thread has crashed: SQLite then does it.
            && wanted.try_send(()).is_ok()
        {
            self.pages = 0;
        }
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
    while asked.recv().is_ok() {
        if link.is_none() {
            match connector.connect(Role::Writer) {
                Ok(opened) => link = Some(opened),
                // The committer will meet the same trouble and tell it.
                Err(trouble) => tracing::debug!(error = %trouble, "the checkpointer cannot connect"),
            }
        }
        if let Some(result) = link.as_mut().map(|link| link.db().move_log()) {
            if result.is_err() {
                link = None;
            }
            warn(result);
            moved.store(true, Ordering::Release);
        }
    }
}

fn warn(result: diesel::QueryResult<()>) {
    if let Err(error) = result {
        tracing::warn!(%error, "the log could not be moved into the database's file; it will be tried again");
    }
}
