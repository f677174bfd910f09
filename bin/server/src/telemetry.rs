//! Logging (docs/logging.md).

use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, LogSection};

/// Sends log lines to standard error in the configured form. A second call changes nothing.
///
/// # Errors
/// The text of what is wrong with the filter.
pub fn start(section: &LogSection) -> Result<(), String> {
    let filter = EnvFilter::try_new(&section.filter).map_err(|error| error.to_string())?;
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let started = match section.format {
        LogFormat::Human => builder.with_ansi(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
    Ok(())
}
