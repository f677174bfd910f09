//! The body of a registration: one JSON object.

use domain::Refusal;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::bad;

/// The members that `body` holds (RFC 7591 §3.1). A name that comes twice is refused: readers differ in which of the
/// two they take (RFC 8259 §4), and a proxy that looked at one would have let the other pass.
///
/// # Errors
/// `invalid_client_metadata`: no JSON, no object, nested deeper than 128, or a name twice.
pub fn document(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    let broken = bad("broken_json", "The body must be a JSON object of client metadata, no name in it twice");
    serde_json::from_slice(body).map(|Document(members)| members).map_err(|_error| broken)
}

struct Document(Map<String, Value>);

impl<'de> serde::Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members).map(Self)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Map::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            if members.insert(name, value).is_some() {
                return Err(serde::de::Error::custom("a name comes twice"));
            }
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::document;

    #[test]
    fn a_document_is_one_object_without_repetitions_and_not_too_deep() {
        assert_eq!(document(b"{\"a\":1,\"b\":{\"c\":2}}").unwrap().len(), 2);
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
        for bad in ["", "[]", "\"a\"", "{", "{\"a\":1,\"a\":1}", "{} {}", &deep] {
            assert_eq!(document(bad.as_bytes()).unwrap_err().reason, "broken_json");
        }
    }
}
