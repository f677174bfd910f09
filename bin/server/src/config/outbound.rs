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
    /// `answer_within` are the milliseconds that a request has, which may have to wait for a fetch.
    pub(super) fn check(&self, answer_within: u64) -> Result<(), ConfigError> {
        if self.timeout_ms == 0 {
            return Err(ConfigError::value("outbound.timeout_ms", "must be at least 1"));
        }
        if self.timeout_ms >= answer_within {
            let problem =
                "must be less than server.answer_timeout_ms: who waits for a fetch is told what it came to";
            return Err(ConfigError::value("outbound.timeout_ms", problem));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fetch_has_less_time_than_the_request_that_waits_for_it() {
        let section = |timeout_ms| OutboundSection { timeout_ms, ..OutboundSection::default() };
        assert!(section(2999).check(3000).is_ok());
        for timeout_ms in [3000, 3001, u64::MAX] {
            let told = section(timeout_ms).check(3000).unwrap_err().to_string();
            assert!(
                told.starts_with("outbound.timeout_ms: must be less than server.answer_timeout_ms"),
                "{told}"
            );
        }
        let mut raw = crate::config::RawConfig::default();
        raw.server.answer_timeout_ms = raw.outbound.timeout_ms;
        assert!(crate::config::Config::check(raw).is_err());
    }
}
