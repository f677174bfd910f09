//! Why a measurement is void.

/// What went wrong, in words for whoever runs the bench.
#[derive(Debug)]
pub(crate) struct Failure(String);

/// A value, or why there is none.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// In these words.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The same, with what it happened to in front.
    pub(crate) fn of(self, what: &str) -> Self {
        Self(format!("{what}: {}", self.0))
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! from {
    ($($source:ty),+) => {$(
        impl From<$source> for Failure {
            fn from(error: $source) -> Self {
                Self(error.to_string())
            }
        }
    )+};
}

from!(
    openssl::error::ErrorStack,
    std::io::Error,
    std::net::AddrParseError,
    std::num::ParseFloatError,
    std::num::ParseIntError,
    std::num::TryFromIntError,
    std::sync::mpsc::RecvError,
    std::sync::mpsc::RecvTimeoutError,
    serde_json::Error,
    domain::Fault,
    storage::OpenError,
    jose::HasherConfigError,
    jose::JwsRejected
);
