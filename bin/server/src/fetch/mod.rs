//! What the server fetches from others: only what a tenant's file or a registration names, and only from where it may.

mod answers;
mod client;
pub mod document;
mod engine;
mod held;
mod hosts;
mod keys;
mod lists;
mod names;
mod shelf;
pub mod target;
mod turns;

use std::sync::Arc;

pub use client::causes;
pub use held::{Held, Kept, freshness};
pub use keys::KeySet;
pub use shelf::{Shelf, Wanted};

use jose::{Crls, OcspAnswer};

use crate::config::OutboundSection;

/// What was fetched, by kind.
#[derive(Debug)]
pub struct Outbound {
    /// Key sets that clients publish.
    pub keys: Shelf<KeySet>,
    /// Lists of revoked certificates.
    pub lists: Shelf<Crls>,
    /// What responders say of certificates.
    pub answers: Shelf<OcspAnswer>,
}

impl Outbound {
    /// Nothing yet; no thread is started before something is wanted.
    pub fn new(section: &OutboundSection) -> Self {
        let engine = Arc::new(engine::Engine::new(section));
        Self { keys: Shelf::new(&engine), lists: Shelf::new(&engine), answers: Shelf::new(&engine) }
    }
}
