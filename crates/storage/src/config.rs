//! How to reach a database.

use std::path::PathBuf;
use std::time::Duration;

/// How to reach a database and how hard to lean on it.
#[derive(Clone)]
pub struct DatabaseConfig {
    /// `sqlite:/path/to/file.sqlite3`, `sqlite:relative/path`, `postgres://…` or `postgresql://…`.
    pub url: String,
    /// Connections for lookups. The committer has its own.
    pub max_connections: u32,
    /// How long a lookup waits for a connection before it is refused as busy.
    pub acquire_timeout: Duration,
    /// How long one statement may take (PostgreSQL), or wait for another process's lock (SQLite).
    pub statement_timeout: Duration,
    /// How long a batch waits for its transaction to begin, because others are in front of it or because another
    /// process holds SQLite's lock, before it is withdrawn and refused as busy.
    pub commit_timeout: Duration,
    /// How many batches may wait for the committer; one more is refused as busy.
    pub commit_queue: usize,
    /// How many batches one transaction takes at most.
    pub commit_batch: usize,
}

impl DatabaseConfig {
    /// 8 connections, 2 s to get one, 5 s for a statement, 4096 batches waiting for at most 1 s, 256 in a
    /// transaction.
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            max_connections: 8,
            acquire_timeout: Duration::from_secs(2),
            statement_timeout: Duration::from_secs(5),
            commit_timeout: Duration::from_secs(1),
            commit_queue: 4096,
            commit_batch: 256,
        }
    }
}

impl std::fmt::Debug for DatabaseConfig {
    /// Without the URL, which may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DatabaseConfig")
            .field("max_connections", &self.max_connections)
            .field("acquire_timeout", &self.acquire_timeout)
            .field("statement_timeout", &self.statement_timeout)
            .field("commit_timeout", &self.commit_timeout)
            .field("commit_queue", &self.commit_queue)
            .field("commit_batch", &self.commit_batch)
            .finish_non_exhaustive()
    }
}

/// Why a database could not be opened. No text repeats the URL, which may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL has another scheme, or none.
    #[error(
        "the database URL must begin with sqlite:, postgres:// or postgresql:// \
         (for example sqlite:/var/lib/countersign/db.sqlite3 or postgres://user@host/name)"
    )]
    Scheme,
    /// A SQLite URL without a file, or one for a database in memory.
    #[error("the sqlite: URL must name a file (for example sqlite:/var/lib/countersign/db.sqlite3)")]
    NoFile,
    /// There is no such SQLite file, and it was not to be created.
    #[error("there is no database file {}", .0.display())]
    Missing(PathBuf),
    /// The SQLite file is empty while its log is not. To open it would delete the log.
    #[error(
        "the database file {file} is empty (0 bytes), but {file}-wal is not: the file was truncated; keep a copy of \
         both, and restore the last backup; nothing was overwritten",
        file = .0.display()
    )]
    Truncated(PathBuf),
    /// The SQLite file could not be created.
    #[error("cannot create the database file {}: {source}", .path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The driver could not connect; these are its words.
    #[error("cannot open the database: {0}")]
    Connect(String),
    /// A setting that durability or integrity rests on did not take.
    #[error("the database has {name} = {found} where {wanted} is needed")]
    Setting {
        /// The setting.
        name: &'static str,
        /// What it must be.
        wanted: &'static str,
        /// What it is.
        found: String,
    },
    /// A committer thread could not be started.
    #[error("cannot start a committer thread: {0}")]
    Thread(std::io::Error),
}

/// A URL that has been understood.
#[derive(Clone)]
pub(crate) enum Target {
    /// A SQLite file.
    File(PathBuf),
    /// A libpq connection URI.
    Server(String),
}

impl Target {
    /// Reads a URL. Nothing is opened.
    pub(crate) fn parse(url: &str) -> Result<Self, OpenError> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Server(url.to_owned()));
        }
        let rest = url.strip_prefix("sqlite:").ok_or(OpenError::Scheme)?;
        let path = rest.strip_prefix("//").unwrap_or(rest);
        if path.is_empty() || path == ":memory:" || path.ends_with('/') {
            return Err(OpenError::NoFile);
        }
        Ok(Self::File(PathBuf::from(path)))
    }

    /// The driver's words, which may repeat parts of the URL, without what may be its password. Where a short one
    /// would be all over them, none of them is left.
    pub(crate) fn without_secrets(&self, words: String) -> String {
        let Self::Server(url) = self else { return words };
        let mut words = words;
        for secret in secrets(url) {
            if secret.len() >= 4 {
                words = words.replace(&secret, "(redacted)");
            } else if !secret.is_empty() && words.contains(&secret) {
                return "the driver's words are not shown: they may repeat the password".to_owned();
            }
        }
        words
    }

    /// The file, if it is one.
    pub(crate) fn file(&self) -> Option<&std::path::Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Server(_) => None,
        }
    }

    /// Whether one writer has to do all the writing.
    pub(crate) const fn has_single_writer(&self) -> bool {
        matches!(self, Self::File(_))
    }
}

/// What may be a password in a URL, as written and decoded, longest first. A driver takes a URL apart at characters that
/// should have been encoded, and repeats the pieces: so they count, too.
fn secrets(url: &str) -> Vec<String> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let user_info = rest.rsplit_once('@').map_or("", |(user_info, _)| user_info);
    let password = user_info.split_once(':').map_or("", |(_, password)| password);
    let query = rest.split_once('?').map_or("", |(_, query)| query);
    let of_query = query.split('&').filter_map(|pair| {
        pair.split_once('=').filter(|(name, _)| name.ends_with("password")).map(|(_, value)| value)
    });
    let pieces = password.split(['/', '@', ':', '?', '#', '&', '=']);
    let mut found: Vec<String> =
        of_query.chain([password]).chain(pieces).flat_map(|text| [text.to_owned(), decoded(text)]).collect();
    found.retain(|text| !text.is_empty());
    found.sort_by_key(|text| std::cmp::Reverse(text.len()));
    found.dedup();
    found
}

/// Percent-encoding undone (RFC 3986 §2.1); what is none stays.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let byte = after.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(b'%'));
        rest = byte.and_then(|_| after.get(2..)).unwrap_or(after);
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(url: &str) -> Option<PathBuf> {
        match Target::parse(url) {
            Ok(Target::File(path)) => Some(path),
            _ => None,
        }
    }

    #[test]
    fn understands_every_form_of_a_file() {
        assert_eq!(file("sqlite:/a/b.db"), Some("/a/b.db".into()));
        assert_eq!(file("sqlite:///a/b.db"), Some("/a/b.db".into()));
        assert_eq!(file("sqlite:b.db"), Some("b.db".into()));
        assert_eq!(file("sqlite://b.db"), Some("b.db".into()));
    }

    #[test]
    fn refuses_what_names_no_database() {
        for url in ["", "b.db", "/a/b.db", "mysql://x/y", "host=/tmp dbname=x", "SQLITE:/x", "postgres:x"] {
            assert!(matches!(Target::parse(url), Err(OpenError::Scheme)), "{url}");
        }
        for url in ["sqlite:", "sqlite://", "sqlite::memory:", "sqlite:/a/"] {
            assert!(matches!(Target::parse(url), Err(OpenError::NoFile)), "{url}");
        }
    }

    #[test]
    fn no_error_of_the_driver_repeats_a_password() {
        for url in [
            "postgres://user:hunter2@127.0.0.1:1/db",
            "postgres://user:hunter2%zz@127.0.0.1:1/db",
            "postgres://user:hunter2/x@127.0.0.1:1/db",
            "postgres://user:x@hunter2@127.0.0.1:1/db",
            "postgres://user:hunter2@[127.0.0.1/db",
            "postgres://127.0.0.1:1/db?password=hunter2%zz",
            "postgres://user:%68unter2@127.0.0.1:1/db?nosuch=1",
        ] {
            let error = crate::Database::open(&DatabaseConfig::new(url)).err().unwrap();
            assert!(matches!(error, OpenError::Connect(_)), "{url}: {error}");
            assert!(!error.to_string().contains("hunter2"), "{url}: {error}");
        }
        let target = Target::parse("postgres://user:db@host/db").ok().unwrap();
        assert!(!target.without_secrets("no db here".to_owned()).contains("db"));
    }

    #[test]
    fn debug_hides_the_url() {
        let config = DatabaseConfig::new("postgres://user:hunter2@host/db");
        assert!(!format!("{config:?}").contains("hunter2"));
        assert!(!format!("{:?}", Target::parse("mysql://user:hunter2@host/db").err()).contains("hunter2"));
    }
}
