//! `[log]`

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// The form of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// Without what the HTTP library says of every malformed request: anyone could fill the log with it.
const DEFAULT_FILTER: &str = "info,actix_http=off,actix_server=warn";

/// `[log]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSection {
    /// `human` or `json`.
    pub format: LogFormat,
    /// What is logged, e.g. `info` or `countersign_server=debug,warn`.
    pub filter: String,
}

impl Default for LogSection {
    fn default() -> Self {
        Self { format: LogFormat::Human, filter: DEFAULT_FILTER.to_owned() }
    }
}

impl LogSection {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        tracing_subscriber::EnvFilter::try_new(&self.filter)
            .map(|_filter| ())
            .map_err(|error| ConfigError::value("log.filter", error.to_string()))
    }
}
