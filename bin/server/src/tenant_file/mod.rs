//! The tenant file: one tenant as declarative TOML (`docs/tenant-file.md`).
//!
//! [`apply`] compares a file with what is stored, and writes the difference in one transaction; a second apply writes
//! nothing. Passwords and secrets are set only where something is created, counters and locks are never reset, and
//! only `--prune` deletes (DECISIONS 5.8). [`export`] writes a file that changes nothing when it is applied.

mod apply;
mod builtin;
mod change;
mod check;
pub mod date;
mod document;
mod execute;
mod export;
#[doc(hidden)]
pub mod outside;
mod parse;
mod phc;
mod plan;
mod problem;
mod redirect_uri;
mod sealed_digest;
pub mod sealed_secret;
mod stored;
mod written;

#[cfg(test)]
pub(crate) mod tests;

use domain::{Fault, Secret, TenantName};

pub use apply::{apply, apply_file};
pub use export::export;

/// What is wrong with a redirect URI, if anything (RFC 6749 §3.1.2, RFC 8252 §7, RFC 9700 §4.1.1).
pub fn redirect_uri_problem(text: &str) -> Option<&'static str> {
    redirect_uri::check(text).err()
}
pub use problem::Problem;

/// How to apply a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ApplyOptions {
    /// Tell what would change, and write nothing.
    pub dry_run: bool,
    /// Remove clients, users, authenticators and policies that the file does not name, and set built-in policies that
    /// it does not name back to their defaults.
    pub prune: bool,
}

/// What came of it.
#[derive(Debug)]
pub struct Report {
    /// Whether the tenant was made (or, in a dry run, would be).
    pub created: bool,
    /// One line a change, `+`, `~` or `-`; a single `= nothing to change` when there is none.
    pub lines: Vec<String>,
    /// Secrets that were made: for whom, and the secret. They cannot be had again.
    pub shown_once: Vec<(String, Secret)>,
}

/// Why a file was not applied. Nothing was written then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// The file cannot be read.
    #[error("{path}: {error}")]
    Read {
        /// Which.
        path: String,
        /// Why not.
        error: std::io::Error,
    },
    /// The file is too large.
    #[error("a tenant file has at most {} bytes", parse::LIMIT)]
    TooLarge,
    /// The file is no TOML, or has unknown keys, or lacks some, or has values of the wrong kind.
    #[error("line {line}, column {column}: {problem}")]
    Syntax {
        /// From 1.
        line: usize,
        /// From 1, bytes.
        column: usize,
        /// What is wrong.
        problem: String,
    },
    /// Values are wrong: all of them.
    #[error("{}", listed(.0))]
    Problems(Vec<Problem>),
    /// There is no such tenant.
    #[error("there is no tenant {0}")]
    NoSuchTenant(TenantName),
    /// Our side failed.
    #[error("{0}")]
    Fault(#[from] Fault),
}

fn listed(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
