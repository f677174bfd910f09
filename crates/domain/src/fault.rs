//! When our side fails.

/// Our side failed: never the caller's fault, on the wire `server_error` or `temporarily_unavailable`.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A lane or a queue is full; try again in a moment. Nothing was done.
    #[error("{0} is busy")]
    Busy(&'static str),
    /// The database could not do it. `table` and `operation` say what was tried.
    #[error("storage failed: {operation} on {table}: {message}")]
    Storage {
        /// The table or object concerned.
        table: &'static str,
        /// What was tried.
        operation: &'static str,
        /// The driver's words.
        message: String,
    },
    /// No answer came in time. What was asked may still be done.
    #[error("{0} did not answer in time")]
    Late(&'static str),
    /// Stored data does not read back.
    #[error("stored data is inconsistent: {0}")]
    Inconsistent(String),
    /// A signature could not be made.
    #[error("signing failed: {0}")]
    Signing(&'static str),
    /// A hash, a seal or a digest failed.
    #[error("cryptography failed: {0}")]
    Crypto(&'static str),
    /// No randomness could be had.
    #[error("the source of randomness failed")]
    Entropy,
    /// Work in a lane panicked; it was logged there.
    #[error("work crashed")]
    Crashed,
    /// Concurrent changes won too often.
    #[error("concurrent changes won {0} times")]
    Contended(u32),
    /// Something that cannot happen did.
    #[error("invariant broken: {0}")]
    Invariant(&'static str),
}
