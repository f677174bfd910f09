//! Configuration: built-in defaults, then a TOML file, then `COUNTERSIGN__SECTION__KEY` variables.
//!
//! [`RawConfig`] mirrors the file and knows no unknown keys; [`Config`] is what the program uses: typed, checked.
//! Every key is told in `docs/config.md`; a test compares.

mod database;
mod jobs;
mod log;
mod management;
mod outbound;
mod proxy;
mod security;
mod server;
mod source;
mod tls;

use std::path::Path;

use serde::{Deserialize, Serialize};

pub use database::DatabaseSection;
pub use jobs::JobsSection;
pub use log::{LogFormat, LogSection};
pub use management::ManagementSection;
pub use outbound::OutboundSection;
pub use proxy::{CertificateHeader, ProxySection};
pub use security::{Argon2Section, SecuritySection};
pub use server::ServerSection;
pub use tls::{AskFor, TlsSection};

/// The configuration as written. Secrets are text here and hidden by [`RawConfig::redacted`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawConfig {
    /// `[server]`
    pub server: ServerSection,
    /// `[proxy]`
    pub proxy: ProxySection,
    /// `[[tls]]`
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tls: Vec<TlsSection>,
    /// `[management]`
    pub management: ManagementSection,
    /// `[database]`
    pub database: DatabaseSection,
    /// `[security]`
    pub security: SecuritySection,
    /// `[outbound]`
    pub outbound: OutboundSection,
    /// `[jobs]`
    pub jobs: JobsSection,
    /// `[log]`
    pub log: LogSection,
}

/// Why a configuration cannot be used. The text names the key and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file or a variable cannot be read, or has an unknown key or a wrong type. The text repeats no value, because
    /// values may be secrets.
    #[error("{0}")]
    Read(String),
    /// A value is not allowed.
    #[error("{key}: {problem}")]
    Value {
        /// `section.key`
        key: &'static str,
        /// What is wrong, and what would be right.
        problem: String,
    },
}

impl ConfigError {
    /// A wrong value.
    pub fn value(key: &'static str, problem: impl Into<String>) -> Self {
        Self::Value { key, problem: problem.into() }
    }
}

impl RawConfig {
    /// Reads `file` (if any) and the environment over the defaults.
    ///
    /// # Errors
    /// [`ConfigError::Read`] when the file is missing or malformed, or has unknown keys.
    pub fn read(file: Option<&Path>) -> Result<Self, ConfigError> {
        let mut builder = config::Config::builder();
        if let Some(file) = file {
            source::check_syntax(file)?;
            builder = builder.add_source(config::File::from(file).format(config::FileFormat::Toml));
        }
        let variables = config::Environment::with_prefix("COUNTERSIGN")
            .prefix_separator("__")
            .separator("__")
            .try_parsing(true)
            .list_separator(",")
            .with_list_parse_key("server.trusted_proxies")
            .with_list_parse_key("outbound.name_servers")
            .with_list_parse_key("proxy.certificates");
        Self::built(builder.add_source(variables))
    }

    /// Reads a text over the defaults, and no environment.
    ///
    /// # Errors
    /// As [`RawConfig::read`].
    pub fn from_text(text: &str) -> Result<Self, ConfigError> {
        source::check_text(text).map_err(ConfigError::Read)?;
        Self::built(
            config::Config::builder().add_source(config::File::from_str(text, config::FileFormat::Toml)),
        )
    }

    fn built(builder: config::ConfigBuilder<config::builder::DefaultState>) -> Result<Self, ConfigError> {
        let read = builder.build().and_then(config::Config::try_deserialize);
        read.map_err(|error| ConfigError::Read(source::told(&error)))
    }

    /// The same with secrets replaced, fit to be printed.
    #[must_use]
    pub fn redacted(mut self) -> Self {
        self.security.master_key = self.security.master_key.map(|_secret| "(redacted)".to_owned());
        self.database.url = database::redact_url(&self.database.url);
        self
    }
}

/// The configuration, checked.
#[derive(Debug)]
pub struct Config {
    /// As written.
    pub raw: RawConfig,
    /// `server.public_url` without a trailing slash.
    pub public_url: Option<String>,
}

impl Config {
    /// Checks every value.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for the first that is wrong.
    pub fn check(raw: RawConfig) -> Result<Self, ConfigError> {
        let public_url = raw.server.check()?;
        raw.proxy.check(!raw.server.trusted_proxies.is_empty())?;
        raw.tls.iter().try_for_each(TlsSection::check)?;
        raw.management.check()?;
        raw.database.check()?;
        raw.security.check()?;
        raw.outbound.check(raw.server.answer_timeout_ms)?;
        raw.jobs.check()?;
        raw.log.check()?;
        Ok(Self { raw, public_url })
    }
}
