//! Clients that administer their tenant: by their own bearer (DECISIONS 5.4), and a permission for what they do.

use std::sync::Arc;

use domain::{
    OAuthErrorCode, Refusal, Secret, Session, TokenKind,
    port::{SessionLookup as _, StoredClient},
    token_text,
};
use oidc_core::{
    jwt_access,
    sender::{self, Presentation},
};

use super::{access_token, client, sender::certificate as thumbprint};
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

/// Whether a text has the form of an access token of ours.
pub(super) fn is_access_token(presented: &Secret) -> bool {
    token_text::parse(TokenKind::Access, presented.expose()).is_some()
        || jwt_access::looks_like_one(presented.expose())
}

/// Whose access token it is: a live session of a client with `permission`, without a user in it (DECISIONS 5.4), for
/// no other resource than this server (RFC 8707 §2), and used from where the client may be; where it is bound to a
/// certificate, on a connection with that (RFC 8705 §3). A session of another tenant is not found.
///
/// # Errors
/// `invalid_token`, `access_denied`, those of storage.
pub(super) async fn of(
    call: &Call,
    presented: &Secret,
    permission: &str,
) -> Result<(Session, Arc<StoredClient>), Stop> {
    let session = session(call, presented).await?.filter(|session| {
        session.is_live(call.now)
            && session.subject.is_none()
            && sender::is_for_issuer(session, call.issuer())
    });
    let session = session.ok_or(INVALID)?;
    // A proof of a key is not looked at here: who is bound to one is refused.
    let certificate = thumbprint(call);
    if sender::admit(&session, Presentation::Bearer, certificate.as_ref()).map_err(|_bound| INVALID)? {
        return Err(INVALID.into());
    }
    let known = client::client(call, &session.client_id).await?.filter(|known| known.client.enabled);
    let known = known.ok_or(INVALID)?;
    let client = &known.client;
    call.proven(format!("client {}", client.client_id));
    if !client.may_call_from(call.source.ip()) {
        return Err(INVALID.into());
    }
    if !client.may(permission) {
        return Err(FORBIDDEN.into());
    }
    Ok((session, known))
}

/// The session that an access token stands for, opaque or a JWT.
async fn session(call: &Call, presented: &Secret) -> Result<Option<Session>, Stop> {
    if let Some(read) = access_token::read(call, presented.expose()) {
        return Ok(access_token::standing(call, read).await?.map(|(session, _user)| session));
    }
    let Some(token) = token_text::parse(TokenKind::Access, presented.expose()) else { return Ok(None) };
    let locator = token.locator;
    let found = call.read(1, move |store| store.session(&locator)).await?;
    Ok(found.filter(|session| token.digest.matches(&session.digest)))
}
