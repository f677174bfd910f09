//! Issuer identifiers, and the paths below them.

use serde::{Deserialize, Serialize};

use crate::TenantName;

/// How the paths are laid out under which a tenant is reached. Each layout has an issuer of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// `/idp/{tenant}/authn/…` (DECISIONS 1): every tenant has it.
    #[default]
    Idp,
    /// `/auth/realms/{tenant}/protocol/openid-connect/…`, as Keycloak and seed 001 have it: tenants that turn it on.
    Realms,
}

impl Layout {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Idp, Self::Realms];

    /// The path of the issuer of `tenant`, a name or a placeholder for one. It begins with a slash and ends without.
    pub fn issuer(self, tenant: &str) -> String {
        match self {
            Self::Idp => format!("/idp/{tenant}/authn"),
            Self::Realms => format!("/auth/realms/{tenant}"),
        }
    }

    /// The path of an endpoint below the issuer's, by its name in [`Layout::Idp`], e.g. `/token`.
    pub fn below(self, name: &str) -> String {
        let realms = match (self, name) {
            (Self::Idp, _) => return format!("/{name}"),
            // Keycloak has clients registered beside its protocols.
            (Self::Realms, "register") => return "/clients-registrations/openid-connect".to_owned(),
            (Self::Realms, "introspect") => "token/introspect",
            (Self::Realms, "jwks") => "certs",
            (Self::Realms, other) => other,
        };
        format!("/protocol/openid-connect/{realms}")
    }

    /// Whether both halves of Basic credentials are form-url-encoded (RFC 6749 §2.3.1). The clients that seed 001
    /// describes send them as they are.
    pub const fn url_decoded_basic(self) -> bool {
        matches!(self, Self::Idp)
    }
}

/// An issuer identifier: `{public_url}/idp/{tenant}/authn`, one per tenant and layout (DECISIONS 1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    text: String,
    layout: Layout,
}

impl Issuer {
    /// The issuer of `tenant` under a public base URL without a trailing slash.
    pub fn new(public_url: &str, tenant: &TenantName) -> Self {
        Self::laid_out(Layout::Idp, public_url, tenant)
    }

    /// The same in a layout.
    pub fn laid_out(layout: Layout, public_url: &str, tenant: &TenantName) -> Self {
        let path = layout.issuer(tenant.as_str());
        Self { text: format!("{}{path}", public_url.trim_end_matches('/')), layout }
    }

    /// The identifier.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// In which layout its paths are.
    pub const fn layout(&self) -> Layout {
        self.layout
    }

    /// The URL of an endpoint by its name in [`Layout::Idp`], e.g. `token`.
    pub fn endpoint(&self, name: &str) -> String {
        format!("{}{}", self.text, self.layout.below(name))
    }
}
