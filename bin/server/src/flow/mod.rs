//! Use cases that need more than one lookup: look up, decide, commit, and again on a conflict.

pub mod access_token;
mod administrator;
mod assertion;
mod certificate;
pub mod client;
pub mod comparison;
pub mod endpoint;
pub mod keystores;
pub mod misses;
pub mod password;
mod published;
pub mod refresh;
pub mod registration;
mod revocation;
pub mod sender;

/// How often a decision is made again after a conflict before the caller hears 503. Parallel guesses at one
/// password conflict with each other; ten rounds let as many through in turn.
pub const ROUNDS: u32 = 10;
