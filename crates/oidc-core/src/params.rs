//! Request parameters after decoding.

use std::collections::BTreeMap;

use domain::{OAuthErrorCode, Refusal, Secret};

/// Most parameters in one request.
const MAX_PARAMETERS: usize = 64;
/// Longest parameter name, bytes.
const MAX_NAME: usize = 128;
/// Longest value, bytes.
const MAX_VALUE: usize = 16 * 1024;

/// The parameters of one request: each name once (RFC 6749 §3.1, §3.2), except `resource` (RFC 8707 §2). Values
/// may be credentials, so `Debug` shows names only.
#[derive(Default)]
pub struct Params {
    single: BTreeMap<String, Secret>,
    resources: Vec<String>,
    merged: bool,
}

impl Params {
    /// Collects decoded pairs. `merged` says that some came from elsewhere than a form body.
    ///
    /// # Errors
    /// `invalid_request` when a name other than `resource` comes twice, or there are too many parameters, or one
    /// is too long or holds a NUL.
    pub fn collect(pairs: impl IntoIterator<Item = (String, String)>, merged: bool) -> Result<Self, Refusal> {
        let mut params = Self { merged, ..Self::default() };
        for (name, value) in pairs {
            let count = params.single.len().saturating_add(params.resources.len());
            if count >= MAX_PARAMETERS || name.len() > MAX_NAME || value.len() > MAX_VALUE {
                return Err(bad("parameter_limit", "Too many parameters, or one that is too long"));
            }
            if name.contains('\0') || value.contains('\0') {
                return Err(bad("parameter_nul", "A parameter contains a NUL character"));
            }
            if name == "resource" {
                params.resources.push(value);
            } else if params.single.insert(name, Secret::new(value)).is_some() {
                return Err(bad("parameter_twice", "A parameter is included more than once"));
            }
        }
        Ok(params)
    }

    /// The value of `name`; one sent without a value counts as omitted (RFC 6749 §3.1).
    pub fn value(&self, name: &str) -> Option<&str> {
        self.single.get(name).map(Secret::expose).filter(|value| !value.is_empty())
    }

    /// The value of `name` even when it is empty.
    pub fn present(&self, name: &str) -> Option<&str> {
        self.single.get(name).map(Secret::expose)
    }

    /// The values of `resource`, in order (RFC 8707 §2).
    pub fn resources(&self) -> &[String] {
        &self.resources
    }

    /// Whether some parameters came from the query or a JSON body.
    pub const fn is_merged(&self) -> bool {
        self.merged
    }
}

const fn bad(reason: &'static str, description: &'static str) -> Refusal {
    Refusal::new(OAuthErrorCode::InvalidRequest, reason, description)
}

impl std::fmt::Debug for Params {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.single.keys()).finish()
    }
}

/// `invalid_request` for a parameter that is missing or empty, in the words of the profile (CONTRACT 4.1.5).
macro_rules! missing {
    ($profile:expr, $name:literal) => {
        domain::Refusal::new(
            domain::OAuthErrorCode::InvalidRequest,
            concat!("missing_", $name),
            if $profile.hid_members {
                concat!(":Missing or empty \"", $name, "\" parameter")
            } else {
                concat!("Missing or empty \"", $name, "\" parameter")
            },
        )
    };
}
pub(crate) use missing;

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn refuses_a_parameter_that_comes_twice_even_when_empty() {
        let refusal = Params::collect(pairs(&[("scope", ""), ("scope", "a")]), false).unwrap_err();
        assert_eq!(refusal.reason, "parameter_twice");
        assert!(Params::collect(pairs(&[("resource", "a"), ("resource", "b")]), false).is_ok());
    }

    #[test]
    fn an_empty_value_counts_as_omitted() {
        let params = Params::collect(pairs(&[("scope", "")]), false).unwrap();
        assert_eq!(params.value("scope"), None);
        assert_eq!(params.present("scope"), Some(""));
    }

    #[test]
    fn debug_shows_no_value() {
        let params = Params::collect(pairs(&[("password", "hunter2")]), false).unwrap();
        assert!(!format!("{params:?}").contains("hunter2"));
    }

    #[test]
    fn limits_number_length_and_nul() {
        let many = (0..65).map(|i| (format!("p{i}"), String::new()));
        assert!(Params::collect(many, false).is_err());
        assert!(Params::collect(pairs(&[("a", &"x".repeat(MAX_VALUE + 1))]), false).is_err());
        assert!(Params::collect(pairs(&[("a", "x\0y")]), false).is_err());
    }
}
