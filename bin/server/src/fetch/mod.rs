//! What the server fetches from others: only what a tenant's file or a registration names, and only from where it may.
//!
//! Fetches have a thread of their own: no request worker waits for a name server, a handshake or a slow body, and a
//! caller that goes away ends no fetch that others wait for.

mod client;
mod held;
mod keys;
mod names;
pub mod target;
mod turns;

pub use client::causes;
pub use held::HeldKeys;
pub use keys::{KeySets, KeysWanted};
