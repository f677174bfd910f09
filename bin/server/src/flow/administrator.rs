//! Clients that administer their tenant: by their own bearer (DECISIONS 5.4), and a permission for what they do.

use std::sync::Arc;

use domain::{
    OAuthErrorCode, PresentedToken, Refusal, Secret, Session,
    port::{SessionLookup as _, StoredClient},
};
use oidc_core::sender;

use super::client;
use crate::{extract::Call, respond::Stop};

/// No bearer, or none that is good here.
pub(super) const INVALID: Refusal = Refusal::new(
    OAuthErrorCode::InvalidToken,
    "invalid_token",
    "The token is not known, has expired, or is for another client",
);

/// A good bearer of somebody who may not do this.
const FORBIDDEN: Refusal = Refusal::new(
    OAuthErrorCode::AccessDenied,
    "permission_missing",
    "The client has not the permission that this needs",
);

/// The bearer in the one `Authorization` header.
///
/// # Errors
/// [`INVALID`].
pub(super) fn bearer(call: &Call) -> Result<Secret, Refusal> {
    let [value] = call.authorization.as_slice() else { return Err(INVALID) };
    let text = std::str::from_utf8(value).ok().and_then(|text| text.split_once(' '));
    let token = text.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    token.map(|(_, token)| Secret::new(token.trim().to_owned())).ok_or(INVALID)
}

/// Whose `token` it is: a live, unbound session of a client with `permission`, without a user in it (DECISIONS 5.4), for
/// no other resource than this server (RFC 8707 §2), and used from where the client may be. A session of another tenant
/// is not found.
///
/// # Errors
/// `invalid_token`, `access_denied`, those of storage.
pub(super) async fn of(
    call: &Call,
    token: &PresentedToken,
    permission: &str,
) -> Result<(Session, Arc<StoredClient>), Stop> {
    let locator = token.locator;
    let session = call.read(1, move |store| store.session(&locator)).await?;
    let session = session.filter(|session| {
        token.digest.matches(&session.digest)
            && session.is_live(call.now)
            && session.subject.is_none()
            && session.confirmation.is_none()
            && sender::is_for_issuer(session, call.issuer())
    });
    let session = session.ok_or(INVALID)?;
    let known = client::client(call, &session.client_id).await?.filter(|known| known.client.enabled);
    let known = known.ok_or(INVALID)?;
    let client = &known.client;
    call.proven(format!("client {}", client.client_id));
    let near = client.allowed_sources.iter().any(|net| net.contains(&call.source.ip()));
    if !near && !client.allowed_sources.is_empty() {
        return Err(INVALID.into());
    }
    if !client.may(permission) {
        return Err(FORBIDDEN.into());
    }
    Ok((session, known))
}
