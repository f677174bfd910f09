//! What people see.

use std::io::Write as _;

/// A line of the result.
///
/// # Errors
/// When standard output is closed.
pub(crate) fn line(text: &str) -> std::io::Result<()> {
    writeln!(std::io::stdout().lock(), "{text}")
}

/// A line about what is going on. A closed standard error is no reason to stop measuring.
pub(crate) fn progress(text: &str) {
    drop(writeln!(std::io::stderr().lock(), "bench: {text}"));
}
