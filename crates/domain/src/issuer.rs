//! Issuer identifiers.

use crate::TenantName;

/// An issuer identifier: `{public_url}/idp/{tenant}/authn`, one per tenant (DECISIONS 1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer(String);

impl Issuer {
    /// The issuer of `tenant` under a public base URL without a trailing slash.
    pub fn new(public_url: &str, tenant: &TenantName) -> Self {
        Self(format!("{}/idp/{tenant}/authn", public_url.trim_end_matches('/')))
    }

    /// The identifier.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The URL of an endpoint, e.g. `token`.
    pub fn endpoint(&self, name: &str) -> String {
        format!("{}/{name}", self.0)
    }
}
