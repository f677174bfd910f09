//! The disk alone.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use crate::failure::Result;

/// How many appends of 4 kB, each made durable (`fdatasync`) before the next one, the disk under `folder` does per
/// second: what one commit at a time could reach at the very most.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn syncs(folder: &Path, span: Duration) -> Result<f64> {
    let path = folder.join("syncs");
    let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
    let page = [0x5a_u8; 4096];
    let rate = super::rate(span, || {
        file.write_all(&page)?;
        Ok(file.sync_data()?)
    })?;
    std::fs::remove_file(path)?;
    Ok(rate)
}
