//! `countersign migrate`: brings a database to the schema that this version needs.

use storage::Database;

use super::CliError;
use crate::{config::Config, setup::SetupError};

/// Migrates. A missing SQLite file is an error: a mistyped path must not become a new database.
///
/// # Errors
/// [`CliError`]; a schema that is newer than this program is refused and left alone.
pub(super) fn run(config: &Config) -> Result<Vec<String>, CliError> {
    let database = Database::open(&config.raw.database.storage())
        .map_err(|error| SetupError::Open(error.to_string()))?;
    let names = database.migrate()?;
    if names.is_empty() {
        return Ok(vec!["= the schema is current".to_owned()]);
    }
    Ok(names.into_iter().map(|name| format!("+ migration {name}")).collect())
}
