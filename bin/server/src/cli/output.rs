//! The only place that writes to standard output and standard error.

use std::io::Write as _;

/// Prints a line. A reader that went away (a closed pipe) is no failure of ours.
pub fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
        tracing::debug!("standard output is closed");
    }
}

/// Prints lines.
pub fn lines(texts: &[String]) {
    for text in texts {
        line(text);
    }
}

/// Prints what went wrong.
pub fn error(text: &str) {
    let mut err = std::io::stderr().lock();
    if writeln!(err, "countersign: {text}").is_err() {
        tracing::debug!("standard error is closed");
    }
}
