//! The parsers of this module one by one, for the fuzz targets (docs/fuzzing.md).

use domain::{Timestamp, port::PasswordHash};
use jose::MasterKey;

use super::{ApplyError, Problem, check, parse, phc, redirect_uri, stored::Stored};

/// Whether a redirect URI may be registered.
///
/// # Errors
/// What is wrong.
pub fn redirect_uri(text: &str) -> Result<(), &'static str> {
    redirect_uri::check(text)
}

/// Reads the form of a slow hash.
pub fn password_hash(text: &str) -> Option<PasswordHash> {
    phc::read(text)
}

/// Reads a file's form and writes it again.
///
/// # Errors
/// As [`super::apply`] refuses it; [`domain::Fault::Inconsistent`] when it does not write.
pub fn document(text: &str) -> Result<String, ApplyError> {
    let document = parse::parse(text)?;
    toml::to_string(&document)
        .map_err(|error| domain::Fault::Inconsistent(format!("a tenant file does not write: {error}")).into())
}

/// Reads a file's meaning, as for a tenant that is not there yet.
///
/// # Errors
/// As [`super::apply`] refuses it.
pub fn meaning(text: &str, master: &MasterKey, now: Timestamp) -> Result<(), Vec<Problem>> {
    let Ok(document) = parse::parse(text) else { return Ok(()) };
    let around =
        check::Surroundings { stored: &Stored::default(), base_dir: None, prune: false, master, now };
    check::check(text, document, around).map(drop)
}
