//! TLS under the public listeners: contexts, their reload, handshakes.

mod context;
mod handshake;
mod slot;
#[cfg(test)]
mod tests;

pub use context::ContextError;
pub use handshake::{Handshake, NameRule, accept};
pub use slot::Slot;
