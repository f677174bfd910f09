//! The grants: each a function from request and facts to what was authorised, or a refusal.

pub mod client_credentials;
pub mod password;
pub mod refresh_token;

use domain::{AuthenticatedClient, Client, GrantType, OAuthErrorCode, Refusal, Scopes, WireProfile};

/// Checks that a client may use a grant (RFC 6749 §5.2 `unauthorized_client`).
///
/// # Errors
/// `unauthorized_client` when the grant is neither in the client's list nor, without a list, in the profile's.
pub fn allow(client: &Client, grant: GrantType, profile: &WireProfile) -> Result<(), Refusal> {
    if client.lists(grant, profile) && profile.has_grant(grant) { Ok(()) } else { Err(GRANT_NOT_ALLOWED) }
}

/// The scopes that a request gets: those asked for, or with none asked for all of the client's (CONTRACT 4.16).
pub(crate) fn scopes(client: &AuthenticatedClient, asked: Option<&Scopes>) -> Result<Scopes, Refusal> {
    let own = &client.client().scopes;
    match asked {
        None => Ok(own.clone()),
        Some(asked) if asked.is_subset(own) => Ok(asked.clone()),
        Some(_) => Err(SCOPE_NOT_ALLOWED),
    }
}

const GRANT_NOT_ALLOWED: Refusal = Refusal::new(
    OAuthErrorCode::UnauthorizedClient,
    "grant_not_allowed",
    "The client is not authorized to use this authorization grant type",
);

const SCOPE_NOT_ALLOWED: Refusal = Refusal::new(
    OAuthErrorCode::InvalidScope,
    "scope_not_allowed",
    "The requested scope exceeds what the client may have",
);
