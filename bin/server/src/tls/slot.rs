//! The acceptor of a listener, made anew when its files change.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use openssl::ssl::SslAcceptor;

use super::{
    ContextError,
    context::{Pair, acceptor},
};
use crate::config::TlsSection;

/// The present acceptor of a listener.
pub struct Slot {
    section: TlsSection,
    present: RwLock<Arc<SslAcceptor>>,
    /// What was read last, good or bad.
    read: Mutex<Option<Pair>>,
}

impl Slot {
    /// Reads certificate and key for the first time.
    ///
    /// # Errors
    /// [`ContextError`].
    pub fn open(section: TlsSection) -> Result<Self, ContextError> {
        let pair = Pair::read(&section)?;
        let present = RwLock::new(Arc::new(acceptor(&section, &pair)?));
        Ok(Self { section, present, read: Mutex::new(Some(pair)) })
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
    /// logged once, and the old one stays. Blocking.
    pub fn refresh(&self) {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let made = match Pair::read(&self.section) {
            Ok(pair) if read.as_ref() == Some(&pair) => return,
            Ok(pair) => {
                let made = acceptor(&self.section, &pair);
                *read = Some(pair);
                made
            }
            // Said once: until they can be read again there is nothing to compare with.
            Err(_unreadable) if read.is_none() => return,
            Err(error) => {
                *read = None;
                Err(error)
            }
        };
        drop(read);
        let listen = &self.section.listen;
        match made {
            Ok(acceptor) => {
                *self.present.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(acceptor);
                tracing::info!(%listen, "the TLS certificate has been read again");
            }
            Err(error) => {
                tracing::error!(%listen, %error, "the new TLS certificate is not used; the old one stays");
            }
        }
    }
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slot").field("listen", &self.section.listen).finish_non_exhaustive()
    }
}
