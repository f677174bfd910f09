//! `GET|POST …/userinfo` (OpenID Connect Core §5.3; CONTRACT 4.14).

use actix_web::{HttpRequest, HttpResponse, web};
use domain::{
    OAuthErrorCode, Refusal, ResponseSigning, Session, TokenKind, User, Write,
    port::{SessionLookup as _, UserLookup as _},
    token_text,
};
use oidc_core::{sender::Presentation, userinfo};

use crate::{
    extract::Call,
    flow::{self, access_token, client, endpoint},
    respond::{Reply, Stop},
};

/// Answers a userinfo request.
pub async fn answer(http: HttpRequest, payload: web::Payload) -> HttpResponse {
    endpoint::serve("userinfo", http, payload, |call| async move {
        claims(&call).await.map_err(|stop| match stop {
            Stop::Refused(refusal, _) => {
                let scheme = flow::sender::challenge(&call, &refusal);
                Stop::Refused(refusal, scheme)
            }
            fault @ Stop::Fault(_) => fault,
        })
    })
    .await
}

async fn claims(call: &Call) -> Result<Reply, Stop> {
    let (presentation, text) = token(call)?;
    let (session, user) = session(call, text.ok_or(userinfo::INVALID)?).await?;
    call.client(session.client_id.as_str());
    let stored = client::client(call, &session.client_id).await?.filter(|stored| stored.client.enabled);
    let stored = stored.ok_or(userinfo::INVALID)?;
    let token = (presentation, text.unwrap_or_default());
    let spent = flow::sender::at_resource(call, (&session, &stored.client), token)?;
    let profile = call.profile(&stored.client);
    let claims = userinfo::claims(&session, user.as_ref(), &profile)?;
    let touch = session
        .needs_touch(call.now)
        .then_some(Write::TouchSession { locator: session.locator, at: call.now });
    match (spent, touch) {
        (Some(spent), touch) => flow::sender::use_up(call, spent, touch).await?,
        (None, Some(touch)) => call.touch(touch).await,
        (None, None) => {}
    }
    match userinfo::form(&stored.client, &profile) {
        ResponseSigning::Json => Ok(Reply::Json(claims)),
        ResponseSigning::Signed(alg) => {
            let claims = userinfo::signed(claims, &stored.client, call.issuer());
            let jwt = call.facts.signer(alg, call.now)?.sign("JWT", &claims)?;
            Ok(Reply::Jwt("application/jwt; charset=UTF-8", jwt))
        }
    }
}

/// The session that a token opens userinfo for, with its user.
async fn session(call: &Call, text: &str) -> Result<(Session, Option<User>), Stop> {
    let issuer = call.issuer();
    if let Some(read) = access_token::read(call, text) {
        let (session, user) = access_token::standing(call, read).await?.ok_or(userinfo::INVALID)?;
        userinfo::authorize_session(&session, issuer, &call.env())?;
        return Ok((session, user));
    }
    let presented = token_text::parse(TokenKind::Access, text).ok_or(userinfo::INVALID)?;
    let (session, user) = call
        .read(2, move |store| {
            let session = store.session(&presented.locator)?;
            let subject = session.as_ref().and_then(|session| session.subject.as_ref());
            let user = subject.map(|subject| store.user(subject.user_id)).transpose()?.flatten();
            Ok((session, user))
        })
        .await?;
    userinfo::authorize(Some(&presented), session.as_ref(), issuer, &call.env())?;
    session.map(|session| (session, user)).ok_or_else(|| userinfo::INVALID.into())
}

/// The token: in the header, or as `access_token` in the body (RFC 6750 §2), never both. A token that is bound to a key
/// comes in the header only, with a scheme of its own (RFC 9449 §7.1).
fn token(call: &Call) -> Result<(Presentation, Option<&str>), Refusal> {
    let header = match call.authorization.as_slice() {
        [] => None,
        [value] => Some(flow::sender::presentation(value).ok_or(userinfo::INVALID)?),
        _ => return Err(TWICE),
    };
    match (header, call.params.value("access_token")) {
        (Some(_), Some(_)) => Err(TWICE),
        (Some((presentation, text)), None) => Ok((presentation, Some(text))),
        (None, parameter) => Ok((Presentation::Bearer, parameter)),
    }
}

const TWICE: Refusal = Refusal::new(
    OAuthErrorCode::InvalidRequest,
    "two_bearers",
    "The access token is sent in more than one way",
);
