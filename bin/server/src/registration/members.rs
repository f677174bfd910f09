//! Reading the members of a JSON object, each within bounds.

use domain::Refusal;
use serde_json::{Map, Value};

use super::bad;

/// Most values of a list.
const MOST: usize = 32;
/// Longest text, bytes.
const LONGEST: usize = 4096;

/// The members of a registration.
#[derive(Clone, Copy)]
pub(super) struct Members<'a>(pub(super) &'a Map<String, Value>);

impl<'a> Members<'a> {
    /// A text; `null` and absence are the same, and so is an empty text.
    pub(super) fn text(self, name: &str, problem: Refusal) -> Result<Option<&'a str>, Refusal> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) if text.len() <= LONGEST => Ok(Some(text)),
            Some(_) => Err(problem),
        }
    }

    /// A list of texts.
    pub(super) fn list(self, name: &str, problem: Refusal) -> Result<Option<Vec<&'a str>>, Refusal> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Array(values)) if values.len() <= MOST => {
                let texts = values.iter().map(Value::as_str).collect::<Option<Vec<_>>>();
                texts.map(Some).ok_or(problem)
            }
            Some(_) => Err(problem),
        }
    }

    /// Whether there is something under `name`.
    pub(super) fn has(self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| !value.is_null() && value.as_str() != Some(""))
    }

    /// The value under `name` as it is.
    pub(super) fn value(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }
}

/// A refusal about a member's form.
pub(super) const fn malformed(description: &'static str) -> Refusal {
    bad("malformed_member", description)
}
