//! The command line.

mod audit;
mod config_cmd;
mod demo;
mod init;
mod keys;
mod migrate;
pub mod output;
pub mod private_file;
mod proxy_check;
mod registration_token;
mod serve;
mod tenant;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::{
    config::{Config, ConfigError, RawConfig},
    server::ServeError,
    setup::{Setup, SetupError},
    tenant_file::ApplyError,
};

/// The open OAuth 2.0 and OpenID Connect server that speaks the HID Authentication Service API.
#[derive(Debug, Parser)]
#[command(name = "countersign", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// Where the configuration is.
#[derive(Clone, Debug, clap::Args)]
pub struct ConfigArg {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make (once) and serve three demo tenants.
    Demo(demo::Args),
    /// Serve as configured.
    Serve(ConfigArg),
    /// Make a new installation: database, first tenant, first administrator client.
    Init(init::Args),
    /// Tenants as files.
    #[command(subcommand)]
    Tenant(tenant::Command),
    /// Signing keys.
    #[command(subcommand)]
    Keys(keys::Command),
    /// Initial access tokens, with which clients are registered.
    #[command(subcommand)]
    RegistrationToken(registration_token::Command),
    /// Print the audit log of a tenant.
    Audit(audit::Args),
    /// The configuration.
    #[command(subcommand)]
    Config(config_cmd::Command),
    /// Prove from outside that certificate headers cannot be forged past the proxy.
    ProxyCheck(proxy_check::Args),
    /// Bring the database to the schema that this version needs.
    Migrate(ConfigArg),
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The configuration is wrong: exit code 3.
    #[error("configuration: {0}")]
    Config(#[from] ConfigError),
    /// The database or the keys cannot be used: exit code 4, or 3 when the configuration is to blame.
    #[error("{0}")]
    Setup(#[from] SetupError),
    /// A tenant file cannot be applied.
    #[error("{0}")]
    Apply(#[from] ApplyError),
    /// The server could not start or did not end well: exit code 5 when work was left behind.
    #[error("{0}")]
    Serve(#[from] ServeError),
    /// A file cannot be used.
    #[error("{0}")]
    File(#[from] private_file::FileError),
    /// Storage, keys or randomness failed.
    #[error("{0}")]
    Fault(#[from] domain::Fault),
    /// Something else a person can act on.
    #[error("{0}")]
    Other(String),
}

impl CliError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_)
            | Self::Setup(
                SetupError::Config(_)
                | SetupError::MasterKey(_)
                | SetupError::WrongMasterKey
                | SetupError::Argon2(_),
            ) => 3,
            // A database that opens and cannot be read is damaged, locked or half there.
            Self::Setup(
                SetupError::Open(_)
                | SetupError::Schema(_)
                | SetupError::Fault(domain::Fault::Storage { .. }),
            ) => 4,
            Self::Serve(ServeError::LeftBehind) => 5,
            _ => 1,
        }
    }
}

/// Parses the command line, runs the command, and says how it ended.
pub fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(lines) => {
            output::lines(&lines);
            ExitCode::SUCCESS
        }
        Err(error) => {
            output::error(&error.to_string());
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(command: Command) -> Result<Vec<String>, CliError> {
    match command {
        Command::Demo(args) => demo::run(args).map(|()| Vec::new()),
        Command::Serve(arg) => serve::run(arg.read()?).map(|()| Vec::new()),
        Command::Init(args) => init::run(args),
        Command::Tenant(command) => tenant::run(command),
        Command::Keys(command) => keys::run(command),
        Command::RegistrationToken(command) => registration_token::run(command),
        Command::Audit(args) => audit::run(args),
        Command::Config(command) => config_cmd::run(command),
        Command::ProxyCheck(args) => proxy_check::run(&args),
        Command::Migrate(arg) => migrate::run(&arg.read()?),
    }
}

impl ConfigArg {
    /// Reads and checks the configuration.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn read(&self) -> Result<Config, ConfigError> {
        Config::check(RawConfig::read(Some(&self.config))?)
    }

    /// Opens what it configures.
    ///
    /// # Errors
    /// [`CliError`].
    pub fn open(&self) -> Result<Setup, CliError> {
        Ok(Setup::open(&self.read()?)?)
    }
}
