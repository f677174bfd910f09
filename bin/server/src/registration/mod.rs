//! Client registration (RFC 7591, RFC 7592; CONTRACT 4.16): what may be registered, and what is answered.

mod answer;
mod application;
mod certificate;
mod document;
mod grants;
mod kept;
mod members;
mod metadata;
mod unsupported;
mod vendor;
mod within;

pub use answer::answer;
pub use document::document;
pub use kept::check as check_kept;
pub use metadata::{Bounds, check_keys, client};

use std::collections::BTreeSet;

use domain::{AuthMethod, Locator, OAuthErrorCode, Refusal, Scopes};

/// Who registers or changes a client, and what they may give it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registrar {
    /// A client with the permission to register clients: it gives away nothing that it has not.
    Administrator {
        /// The scopes that it may give.
        scopes: Scopes,
        /// The resources that its own tokens may be for, and so those of what it registers; `None`: all.
        resources: Option<BTreeSet<String>>,
    },
    /// The holder of an initial access token: what the token says, no resources, and no grant that takes users' passwords.
    Holder(Allowance),
    /// Anyone, where the tenant is open: no scopes, no resources, and no grant that takes users' passwords.
    Anyone,
    /// The client itself, with its registration access token: nothing that it has not already.
    Itself,
}

/// What an initial access token lets its holder give to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Which token.
    pub token: Locator,
    /// Scopes.
    pub scopes: Scopes,
    /// Methods of authentication; empty: all that can be registered.
    pub auth_methods: BTreeSet<AuthMethod>,
}

/// How clients that are registered may authenticate.
pub const METHODS: [AuthMethod; 7] = [
    AuthMethod::ClientSecretBasic,
    AuthMethod::ClientSecretPost,
    AuthMethod::ClientSecretJwt,
    AuthMethod::PrivateKeyJwt,
    AuthMethod::TlsClientAuth,
    AuthMethod::SelfSignedTlsClientAuth,
    AuthMethod::None,
];

/// A member has a value that will not do (RFC 7591 §3.2.2).
pub const fn bad(reason: &'static str, description: &'static str) -> Refusal {
    Refusal::new(OAuthErrorCode::InvalidClientMetadata, reason, description)
}
