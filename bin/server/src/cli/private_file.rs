//! Files and directories that only their owner may read.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

/// A path that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {error}")]
pub struct FileError {
    path: String,
    error: io::Error,
}

/// Makes a directory with mode 0700 where there is none.
///
/// # Errors
/// [`FileError`].
pub fn directory(path: &Path) -> Result<(), FileError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| named(path, error))
}

/// Writes a file with mode 0600 that must not exist yet, and makes it durable.
///
/// # Errors
/// [`FileError`], also when it exists.
pub fn write_new(path: &Path, text: &str) -> Result<(), FileError> {
    let write = || {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()
    };
    write().map_err(|error| named(path, error))
}

fn named(path: &Path, error: io::Error) -> FileError {
    FileError { path: path.display().to_string(), error }
}
