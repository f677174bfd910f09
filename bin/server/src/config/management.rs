//! `[management]`: health, readiness, metrics; never on the public listener (DECISIONS 1).

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// `[management]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ManagementSection {
    /// Address and port; port 0 picks a free one.
    pub listen: String,
}

impl Default for ManagementSection {
    fn default() -> Self {
        Self { listen: "127.0.0.1:9090".to_owned() }
    }
}

impl ManagementSection {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        super::server::listen_address("management.listen", &self.listen).map(|_address| ())
    }
}
