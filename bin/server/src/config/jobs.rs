//! `[jobs]`: what runs by itself.

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// `[jobs]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JobsSection {
    /// Milliseconds between two batches of expiry when nothing is left over.
    pub expiry_interval_ms: u64,
    /// Most rows per table that one batch of expiry removes.
    pub expiry_batch: i64,
    /// Seconds that a row must have expired before it is removed: what a clock that is wrong may cost nobody.
    pub expiry_lag: i64,
    /// Months of audit log that are kept besides the present one.
    pub audit_retention_months: u32,
    /// Milliseconds between two looks at what other nodes changed; at most 1000, so that all obey within 2 s.
    pub revision_interval_ms: u64,
    /// Seconds between two looks at the life of signing keys.
    pub key_interval: u64,
}

impl Default for JobsSection {
    fn default() -> Self {
        Self {
            expiry_interval_ms: 1000,
            expiry_batch: 100,
            expiry_lag: 3600,
            audit_retention_months: 13,
            revision_interval_ms: 1000,
            key_interval: 60,
        }
    }
}

impl JobsSection {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if !(1..=10_000).contains(&self.expiry_batch) {
            return Err(ConfigError::value("jobs.expiry_batch", "must be between 1 and 10000"));
        }
        if !(0..=86_400).contains(&self.expiry_lag) {
            return Err(ConfigError::value("jobs.expiry_lag", "must be between 0 and 86400 seconds"));
        }
        if !(50..=1000).contains(&self.revision_interval_ms) {
            return Err(ConfigError::value("jobs.revision_interval_ms", "must be between 50 and 1000"));
        }
        if self.expiry_interval_ms < 50 || self.key_interval == 0 {
            return Err(ConfigError::value(
                "jobs.expiry_interval_ms",
                "must be at least 50, key_interval at least 1",
            ));
        }
        Ok(())
    }
}
