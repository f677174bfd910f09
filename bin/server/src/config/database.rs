//! `[database]`

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// `[database]`
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseSection {
    /// `sqlite:/path/to/file.sqlite3` or `postgres://user@host/name`. Required.
    pub url: String,
    /// Connections for reading.
    pub max_connections: u32,
    /// Milliseconds to wait for a connection.
    pub acquire_timeout_ms: u64,
    /// Milliseconds that a statement may take.
    pub statement_timeout_ms: u64,
    /// Milliseconds that a batch waits for its transaction to begin.
    pub commit_timeout_ms: u64,
    /// Batches that may wait for the group committer.
    pub commit_queue: usize,
    /// Most batches in one commit.
    pub commit_batch: usize,
}

impl Default for DatabaseSection {
    fn default() -> Self {
        Self {
            url: String::new(),
            max_connections: 8,
            acquire_timeout_ms: 2000,
            statement_timeout_ms: 5000,
            commit_timeout_ms: 1000,
            commit_queue: 4096,
            commit_batch: 256,
        }
    }
}

impl DatabaseSection {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.url.is_empty() {
            return Err(ConfigError::value(
                "database.url",
                "is required: sqlite:/path/file.sqlite3 or postgres://…",
            ));
        }
        let server = ["postgres://", "postgresql://"].iter().any(|scheme| self.url.starts_with(scheme));
        if server && !is_percent_encoded(&self.url) {
            // The driver would repeat the whole URL.
            return Err(ConfigError::value(
                "database.url",
                "has a % that begins no character: two hexadecimal digits must follow it (a % itself is %25)",
            ));
        }
        for (key, value) in [
            ("database.max_connections", u64::from(self.max_connections)),
            ("database.acquire_timeout_ms", self.acquire_timeout_ms),
            ("database.statement_timeout_ms", self.statement_timeout_ms),
            ("database.commit_timeout_ms", self.commit_timeout_ms),
            ("database.commit_queue", self.commit_queue as u64),
            ("database.commit_batch", self.commit_batch as u64),
        ] {
            if value == 0 {
                return Err(ConfigError::value(key, "must be at least 1"));
            }
        }
        Ok(())
    }

    /// What storage needs.
    pub fn storage(&self) -> storage::DatabaseConfig {
        let mut config = storage::DatabaseConfig::new(&self.url);
        config.max_connections = self.max_connections;
        config.acquire_timeout = Duration::from_millis(self.acquire_timeout_ms);
        config.statement_timeout = Duration::from_millis(self.statement_timeout_ms);
        config.commit_timeout = Duration::from_millis(self.commit_timeout_ms);
        config.commit_queue = self.commit_queue;
        config.commit_batch = self.commit_batch;
        config
    }
}

impl std::fmt::Debug for DatabaseSection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DatabaseSection").field("url", &redact_url(&self.url)).finish_non_exhaustive()
    }
}

/// Whether two hexadecimal digits follow each `%` (RFC 3986 §2.1), and none stands for a zero byte.
fn is_percent_encoded(text: &str) -> bool {
    text.split('%').skip(1).all(|rest| {
        rest.as_bytes().get(..2).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit) && hex != b"00")
    })
}

/// Hides a password in a URL.
pub(super) fn redact_url(text: &str) -> String {
    let Ok(mut url) = url::Url::parse(text) else {
        return "(not a URL)".to_owned();
    };
    if url.password().is_some() && url.set_password(Some("redacted")).is_err() {
        return "(redacted)".to_owned();
    }
    // `password`, and the `sslpassword` of a client's key.
    if url.query_pairs().any(|(name, _)| name.contains("password")) {
        url.set_query(Some("redacted"));
    }
    // libpq knows no fragment: to it, what stands behind a # may belong to the password.
    if url.fragment().is_some() {
        return "(redacted)".to_owned();
    }
    if url.scheme() == "sqlite" { text.to_owned() } else { url.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_shown_wherever_it_stands() {
        for url in [
            "postgres://user:hunter2@host/db",
            "postgres://user:54#hunter2@host/db",
            "postgres://user:#hunter2@host/db",
            "postgres://host/db?user=me&password=hunter2",
            "postgres://host/db?sslpassword=hunter2",
            "postgres://host/db?a=b#&password=hunter2",
        ] {
            let shown = redact_url(url);
            assert!(!shown.contains("hunter2"), "{url} is shown as {shown}");
        }
        assert_eq!(
            redact_url("postgres://user@host/db?sslmode=require"),
            "postgres://user@host/db?sslmode=require"
        );
    }

    #[test]
    fn a_broken_percent_encoding_is_told_without_the_url() {
        for password in ["hunter2%zz", "hunter2%", "hunter2%4", "hunter2%00"] {
            let url = format!("postgres://user:{password}@host/db");
            let said = DatabaseSection { url, ..Default::default() }.check().unwrap_err().to_string();
            assert!(said.starts_with("database.url: has a %"), "{said}");
            assert!(!said.contains("hunter2") && !said.contains("host"), "{said}");
        }
        for url in ["postgres://user:hunter2%25@host/db", "sqlite:/a/100%"] {
            assert!(DatabaseSection { url: url.to_owned(), ..Default::default() }.check().is_ok(), "{url}");
        }
    }
}
