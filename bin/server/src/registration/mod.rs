//! Client registration (RFC 7591, RFC 7592; CONTRACT 4.16): what may be registered, and what is answered.

mod answer;
mod certificate;
mod members;
mod metadata;
mod vendor;
mod within;

pub use answer::answer;
pub use metadata::{Bounds, client};

use domain::{OAuthErrorCode, Refusal, Scopes};

/// Who registers or changes a client, and what they may give it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registrar {
    /// A client with the permission to register clients: it gives away no scope that it has not.
    Administrator(Scopes),
    /// Anyone, where the tenant is open: no scopes, and no grant that takes users' passwords.
    Anyone,
    /// The client itself, with its registration access token: nothing that it has not already.
    Itself,
}

/// A member has a value that will not do (RFC 7591 §3.2.2).
pub const fn bad(reason: &'static str, description: &'static str) -> Refusal {
    Refusal::new(OAuthErrorCode::InvalidClientMetadata, reason, description)
}
