//! `[security]`: the master key, hashing, and what limits guessing.

use std::path::PathBuf;

use domain::Secret;
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// `[security]`
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SecuritySection {
    /// 32 bytes as base64url or hex. Seals private keys at rest. This or `master_key_file` is required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master_key: Option<String>,
    /// A file that holds nothing but the master key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master_key_file: Option<PathBuf>,
    /// Threads that hash passwords; 0: one per core.
    pub hash_threads: usize,
    /// Hash requests of one tenant that may wait, per thread; fewer where they would wait for too long.
    pub hash_queue: usize,
    /// Guesses in a row that one source × authenticator may make before 429.
    pub guess_burst: u32,
    /// Guesses per minute after that.
    pub guesses_per_minute: u32,
    /// Seconds that a proven chosen client secret is remembered in memory.
    pub proven_secret_seconds: u64,
    /// `[security.argon2]`
    pub argon2: Argon2Section,
}

/// `[security.argon2]`: Argon2id.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Argon2Section {
    /// Memory, KiB.
    pub memory_kib: u32,
    /// Passes.
    pub iterations: u32,
    /// Lanes.
    pub parallelism: u32,
}

impl Default for Argon2Section {
    /// OWASP's first choice.
    fn default() -> Self {
        Self { memory_kib: 19_456, iterations: 2, parallelism: 1 }
    }
}

impl Default for SecuritySection {
    fn default() -> Self {
        Self {
            master_key: None,
            master_key_file: None,
            hash_threads: 0,
            hash_queue: 32,
            guess_burst: 30,
            guesses_per_minute: 60,
            proven_secret_seconds: 300,
            argon2: Argon2Section::default(),
        }
    }
}

impl std::fmt::Debug for SecuritySection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecuritySection")
            .field("master_key_file", &self.master_key_file)
            .finish_non_exhaustive()
    }
}

impl SecuritySection {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.master_key.is_some() && self.master_key_file.is_some() {
            return Err(ConfigError::value(
                "security.master_key",
                "give either the key or master_key_file, not both",
            ));
        }
        if self.guess_burst == 0 || self.guesses_per_minute == 0 {
            return Err(ConfigError::value(
                "security.guess_burst",
                "and guesses_per_minute must be at least 1",
            ));
        }
        if self.hash_queue == 0 {
            return Err(ConfigError::value("security.hash_queue", "must be at least 1"));
        }
        Ok(())
    }

    /// Reads the master key's text.
    ///
    /// # Errors
    /// [`ConfigError::Value`] when none is configured or the file cannot be read.
    pub fn master_key_text(&self) -> Result<Secret, ConfigError> {
        match (&self.master_key, &self.master_key_file) {
            (Some(text), _) => Ok(Secret::new(text.trim().to_owned())),
            (None, Some(path)) => {
                let text = std::fs::read_to_string(path).map_err(|error| {
                    ConfigError::value("security.master_key_file", format!("{}: {error}", path.display()))
                })?;
                Ok(Secret::new(text.trim().to_owned()))
            }
            (None, None) => Err(ConfigError::value(
                "security.master_key",
                "is required; `countersign init` makes one, or set COUNTERSIGN__SECURITY__MASTER_KEY",
            )),
        }
    }
}
