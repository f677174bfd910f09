//! What is wrong with a configuration's text, told without its values: any of them may be a secret.

use std::path::Path;

use super::ConfigError;

/// Checks that a file is TOML.
///
/// # Errors
/// [`ConfigError::Read`] with file, line and column, and without the line itself.
pub(super) fn check_syntax(file: &Path) -> Result<(), ConfigError> {
    let said = |problem: String| ConfigError::Read(format!("{}{problem}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| said(format!(": {error}")))?;
    check_text(&text).map_err(|problem| said(format!(", {problem}")))
}

/// Checks that a text is TOML.
///
/// # Errors
/// Line and column and what is wrong there.
pub(super) fn check_text(text: &str) -> Result<(), String> {
    toml::from_str::<toml::Table>(text).map(drop).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        let before = text.as_bytes().get(..offset).unwrap_or_default();
        let line = before.split(|byte| *byte == b'\n').count();
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count().saturating_add(1);
        format!("line {line}, column {column}: {}", error.message())
    })
}

/// The words of the configuration reader, without values.
pub(super) fn told(error: &config::ConfigError) -> String {
    let named = |key: &Option<String>, origin: &Option<String>| {
        let key = key.as_ref().map(|key| format!(" for {key}")).unwrap_or_default();
        key + &origin.as_ref().map(|origin| format!(" in {origin}")).unwrap_or_default()
    };
    match error {
        config::ConfigError::Type { origin, expected, key, .. } => {
            format!("a value is of the wrong kind: {expected} is expected{}", named(key, origin))
        }
        config::ConfigError::At { error, origin, key } => told(error) + &named(key, origin),
        config::ConfigError::FileParse { .. } => "the file is not TOML".to_owned(),
        error => without_value(&error.to_string()),
    }
}

/// Cuts the value out of serde's words for a wrong one.
fn without_value(text: &str) -> String {
    let what = ["invalid type", "invalid value", "invalid length", "unknown variant"];
    if text.starts_with("enum ") {
        return "a value is not among those allowed (docs/config.md)".to_owned();
    }
    let Some(what) = what.into_iter().find(|what| text.starts_with(what)) else { return text.to_owned() };
    let expected = text.rsplit_once(", expected ").map(|(_, expected)| format!(", expected {expected}"));
    what.to_owned() + &expected.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::RawConfig;

    fn refused(text: &str) -> String {
        let file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
        std::fs::write(file.path(), text).unwrap();
        let said = RawConfig::read(Some(file.path())).unwrap_err().to_string();
        assert!(!said.contains("hunter2"), "{said}");
        said
    }

    #[test]
    fn what_is_no_toml_is_told_by_its_place_without_the_line() {
        for text in [
            "[security]\nmaster_key = \"hunter2",
            "[security]\nmaster_key = hunter2",
            "[security]\nmaster_key = \"hunter2\" x",
        ] {
            let said = refused(text);
            assert!(said.contains(".toml, line 2, column "), "{said}");
        }
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_told_by_its_key_without_the_value() {
        assert!(refused("[security]\nguess_burst = \"hunter2\"").contains("security.guess_burst"));
        assert!(refused("[log]\nformat = \"hunter2\"").contains("log.format"));
        assert!(refused("[server]\ntrusted_proxies = [\"hunter2\"]").contains("trusted_proxies"));
        assert!(refused("[security]\nargon2 = \"hunter2\"").contains("argon2"));
    }
}
