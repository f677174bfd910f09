//! Scope values.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// A set of scope values (RFC 6749 §3.3), kept in alphabetical order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Scopes(BTreeSet<String>);

impl Scopes {
    /// Parses a `scope` parameter. Values are separated by spaces, and by commas too when `commas` is set
    /// (DECISIONS 2). `None` when a value has a character outside RFC 6749's `scope-token`, is longer than 128
    /// bytes, or there are more than 64 of them.
    pub fn parse(text: &str, commas: bool) -> Option<Self> {
        let values = text.split(|c: char| c == ' ' || (commas && c == ',')).filter(|v| !v.is_empty());
        Self::collect(values.map(str::to_owned))
    }

    fn collect(values: impl Iterator<Item = String>) -> Option<Self> {
        let mut set = BTreeSet::new();
        for value in values {
            let token = |b: u8| matches!(b, 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
            if value.is_empty() || value.len() > 128 || !value.bytes().all(token) || set.len() >= 64 {
                return None;
            }
            set.insert(value);
        }
        Some(Self(set))
    }

    /// Whether `value` is among them.
    pub fn contains(&self, value: &str) -> bool {
        self.0.contains(value)
    }

    /// Whether every one of these is among `others`.
    pub fn is_subset(&self, others: &Self) -> bool {
        self.0.is_subset(&others.0)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The values in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// These, as far as they are among `others`.
    #[must_use]
    pub fn shared_with(mut self, others: &Self) -> Self {
        self.0.retain(|value| others.contains(value));
        self
    }

    /// The wire form: values separated by single spaces.
    pub fn to_text(&self) -> String {
        self.0.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}

impl TryFrom<Vec<String>> for Scopes {
    type Error = &'static str;
    fn try_from(values: Vec<String>) -> Result<Self, Self::Error> {
        Self::collect(values.into_iter()).ok_or("a scope value has a character that RFC 6749 §3.3 forbids")
    }
}

impl From<Scopes> for Vec<String> {
    fn from(scopes: Scopes) -> Self {
        scopes.0.into_iter().collect()
    }
}
