//! The acceptor of a listener, made anew when its files change.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use domain::{Timestamp, Ttl};
use openssl::ssl::SslAcceptor;

use super::{
    ContextError,
    context::{Pair, acceptor},
};
use crate::config::TlsSection;

/// For how long an acceptor is used. The library makes the keys of session tickets with it, and never others: whoever came by
/// them could read every session that was resumed by them (RFC 9325 §3.4), so they do not stay for as long as the server does.
const TICKET_KEYS: Ttl = Ttl::from_secs(12 * 3600);

/// The present acceptor of a listener.
pub struct Slot {
    section: TlsSection,
    present: RwLock<Arc<SslAcceptor>>,
    files: Mutex<Files>,
}

/// What has been read.
struct Files {
    /// What the present acceptor is made from.
    used: Arc<Pair>,
    /// What was read last, good or bad.
    last: Option<Arc<Pair>>,
    /// When the present acceptor was first looked at, by a steady clock.
    since: Option<Timestamp>,
}

/// Why there is another acceptor.
#[derive(Clone, Copy)]
enum Why {
    Changed,
    Old,
}

impl Slot {
    /// Reads certificate and key for the first time.
    ///
    /// # Errors
    /// [`ContextError`].
    pub fn open(section: TlsSection) -> Result<Self, ContextError> {
        let used = Arc::new(Pair::read(&section)?);
        let present = RwLock::new(Arc::new(acceptor(&section, &used)?));
        let files = Files { last: Some(Arc::clone(&used)), used, since: None };
        Ok(Self { section, present, files: Mutex::new(files) })
    }

    /// The acceptor for a new connection.
    pub fn acceptor(&self) -> Arc<SslAcceptor> {
        Arc::clone(&self.present.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What it was made from.
    pub const fn section(&self) -> &TlsSection {
        &self.section
    }

    /// Reads both files again, and takes them for new connections if they have changed and fit. A pair that does not is
    /// logged once, and the old one stays. Twice a day the acceptor is made anew in any case: see `TICKET_KEYS`. `now` is of
    /// a steady clock. Blocking.
    pub fn refresh(&self, now: Timestamp) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let since = *files.since.get_or_insert(now);
        let listen = &self.section.listen;
        match self.next(&mut files) {
            Some(Ok((pair, made))) => self.take((&mut files, now), (pair, made), Why::Changed),
            Some(Err(error)) => {
                tracing::error!(%listen, %error, "the new TLS certificate is not used; the old one stays");
            }
            None => {}
        }
        if files.since == Some(since) && since.plus(TICKET_KEYS).has_passed(now) {
            let pair = Arc::clone(&files.used);
            match acceptor(&self.section, &pair) {
                Ok(made) => self.take((&mut files, now), (pair, made), Why::Old),
                Err(error) => tracing::error!(%listen, %error, "the keys of session tickets stay"),
            }
        }
    }

    /// What the files say now, where that is something new.
    fn next(&self, files: &mut Files) -> Option<Result<(Arc<Pair>, SslAcceptor), ContextError>> {
        match Pair::read(&self.section) {
            Ok(pair) if files.last.as_deref() == Some(&pair) => None,
            Ok(pair) => {
                let pair = Arc::new(pair);
                files.last = Some(Arc::clone(&pair));
                Some(acceptor(&self.section, &pair).map(|made| (pair, made)))
            }
            // Said once: until they can be read again there is nothing to compare with.
            Err(error) => files.last.take().map(|_known| Err(error)),
        }
    }

    fn take(&self, (files, now): (&mut Files, Timestamp), (pair, made): (Arc<Pair>, SslAcceptor), why: Why) {
        *self.present.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(made);
        (files.used, files.since) = (pair, Some(now));
        let listen = &self.section.listen;
        match why {
            Why::Changed => tracing::info!(%listen, "the TLS certificate has been read again"),
            Why::Old => tracing::debug!(%listen, "session tickets have new keys"),
        }
    }
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slot").field("listen", &self.section.listen).finish_non_exhaustive()
    }
}
