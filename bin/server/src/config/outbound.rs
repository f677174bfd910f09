//! `[outbound]`: what the server fetches from others, such as the key sets that clients publish.

use std::{net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// `[outbound]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutboundSection {
    /// Milliseconds that one fetch may take, from the name to the last byte.
    pub timeout_ms: u64,
    /// Fetches that may be under way.
    pub max_concurrent: usize,
    /// Fetches of what clients publish that may be under way from one host.
    pub max_per_host: usize,
    /// Name servers to ask, with their ports. None: those of the system's `resolv.conf`.
    pub name_servers: Vec<SocketAddr>,
    /// Certificates (PEM) of authorities that are trusted besides the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

impl Default for OutboundSection {
    fn default() -> Self {
        Self {
            timeout_ms: 2000,
            max_concurrent: 32,
            max_per_host: 2,
            name_servers: Vec::new(),
            ca_file: None,
        }
    }
}

impl OutboundSection {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.timeout_ms == 0 {
            return Err(ConfigError::value("outbound.timeout_ms", "must be at least 1"));
        }
        if self.max_concurrent == 0 {
            return Err(ConfigError::value("outbound.max_concurrent", "must be at least 1"));
        }
        if self.max_per_host == 0 {
            return Err(ConfigError::value("outbound.max_per_host", "must be at least 1"));
        }
        Ok(())
    }
}
