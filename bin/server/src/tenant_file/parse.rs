//! Text → [`TenantDocument`].

use super::{ApplyError, document::TenantDocument, problem::line_at};

/// Most bytes of a tenant file.
pub(super) const LIMIT: usize = 1024 * 1024;

/// Reads a file's text.
///
/// # Errors
/// [`ApplyError::TooLarge`], and [`ApplyError::Syntax`] for what is no TOML, an unknown key, a missing key or a
/// value of the wrong kind.
pub(super) fn parse(text: &str) -> Result<TenantDocument, ApplyError> {
    if text.len() > LIMIT {
        return Err(ApplyError::TooLarge);
    }
    toml::from_str(text).map_err(|error| syntax(text, &error))
}

/// Not the parser's own text: that quotes the line, and with it perhaps a password.
fn syntax(text: &str, error: &toml::de::Error) -> ApplyError {
    let offset = error.span().map_or(0, |span| span.start);
    let line = line_at(text, offset);
    let before = text.as_bytes().get(..offset).unwrap_or_default();
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count().saturating_add(1);
    let written = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let quotes_a_value = ["invalid type", "invalid value", "unknown variant", "data did not match", "not a "]
        .iter()
        .any(|words| error.message().starts_with(words));
    let secret = ["secret", "password"].iter().any(|word| written.contains(word));
    let problem = if quotes_a_value && secret {
        "this value is of the wrong kind (it is not shown, because it may be a secret)".to_owned()
    } else {
        error.message().to_owned()
    };
    ApplyError::Syntax { line, column, problem }
}
