//! Clients that administer their tenant: by their own bearer (DECISIONS 5.4), and a permission for what they do.

use std::sync::Arc;

use domain::{
    OAuthErrorCode, PresentedToken, Refusal, Secret, Session, TokenKind,
    port::{SessionLookup as _, StoredClient},
    token_text,
};
use oidc_core::{
    jwt_access,
    sender::{self, Presentation},
};

use super::{access_token, client, sender as sender_flow};
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

/// What came in the one `Authorization` header.
#[derive(Debug)]
pub(super) struct Presented {
    /// `Bearer`, or `DPoP` (RFC 9449 §7.1).
    pub(super) presentation: Presentation,
    pub(super) text: Secret,
}

/// The token in the one `Authorization` header.
///
/// # Errors
/// [`INVALID`].
pub(super) fn presented(call: &Call) -> Result<Presented, Refusal> {
    let [value] = call.authorization.as_slice() else { return Err(INVALID) };
    let (presentation, token) = sender_flow::presentation(value).ok_or(INVALID)?;
    Ok(Presented { presentation, text: Secret::new(token.to_owned()) })
}

impl Presented {
    /// Whether it has the form of an access token of ours.
    pub(super) fn is_access_token(&self) -> bool {
        let text = self.text.expose();
        token_text::parse(TokenKind::Access, text).is_some() || jwt_access::looks_like_one(text)
    }

    /// A token that is none for access: those are bearers always.
    pub(super) fn parse(&self, kind: TokenKind) -> Option<PresentedToken> {
        let parsed = token_text::parse(kind, self.text.expose());
        parsed.filter(|_token| self.presentation == Presentation::Bearer)
    }
}

/// Whose access token it is: a live session of a client with `permission`, without a user in it (DECISIONS 5.4), for
/// no other resource than this server (RFC 8707 §2), and used from where the client may be; where it is bound to a
/// certificate, on a connection with that (RFC 8705 §3); where it is bound to a key, with a proof, which is used up by
/// it (RFC 9449 §7). A session of another tenant is not found.
///
/// # Errors
/// `invalid_token`, `access_denied`, `invalid_dpop_proof`, `use_dpop_nonce`, those of storage.
pub(super) async fn of(
    call: &Call,
    presented: &Presented,
    permission: &str,
) -> Result<(Session, Arc<StoredClient>), Stop> {
    let session = session(call, &presented.text).await?.filter(|session| {
        session.is_live(call.now)
            && session.subject.is_none()
            && sender::is_for_issuer(session, call.issuer())
    });
    let session = session.ok_or(INVALID)?;
    let known = client::client(call, &session.client_id).await?.filter(|known| known.client.enabled);
    let known = known.ok_or(INVALID)?;
    let client = &known.client;
    let token = (presented.presentation, presented.text.expose());
    let spent = sender_flow::at_resource(call, (&session, client), token)?;
    call.proven(format!("client {}", client.client_id));
    if !client.may_call_from(call.source.ip()) {
        return Err(INVALID.into());
    }
    if !client.may(permission) {
        return Err(FORBIDDEN.into());
    }
    if let Some(spent) = spent {
        sender_flow::use_up_once(call, spent).await?;
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
