//! `countersign config`: the configuration, checked and shown.

use jose::{Argon2Hasher, Argon2Params, MasterKey};

use super::{CliError, ConfigArg};
use crate::setup::SetupError;

/// What to do with the configuration.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Say whether it can be used. The database is not opened.
    Check(ConfigArg),
    /// Print what holds (defaults, file and environment together), without secrets.
    Print(ConfigArg),
}

/// Runs it.
///
/// # Errors
/// [`CliError`].
pub(super) fn run(command: Command) -> Result<Vec<String>, CliError> {
    match command {
        Command::Check(arg) => check(&arg),
        Command::Print(arg) => print(&arg),
    }
}

fn check(arg: &ConfigArg) -> Result<Vec<String>, CliError> {
    let config = arg.read()?;
    let security = &config.raw.security;
    let key = MasterKey::parse(&security.master_key_text()?);
    key.map_err(|error| SetupError::MasterKey(error.to_string()))?;
    let argon2 = security.argon2;
    let params = Argon2Params {
        memory_kib: argon2.memory_kib,
        iterations: argon2.iterations,
        parallelism: argon2.parallelism,
    };
    Argon2Hasher::new(params).map_err(|error| SetupError::Argon2(error.to_string()))?;
    let mut lines = vec!["the configuration can be used".to_owned()];
    if config.public_url.is_none() {
        lines.push("note: `serve` needs server.public_url".to_owned());
    }
    Ok(lines)
}

fn print(arg: &ConfigArg) -> Result<Vec<String>, CliError> {
    let raw = arg.read()?.raw.redacted();
    let text = toml::to_string_pretty(&raw).map_err(|error| CliError::Other(error.to_string()))?;
    Ok(vec![text.trim_end().to_owned()])
}
