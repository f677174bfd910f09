//! `GET|POST …/userinfo` (OpenID Connect Core §5.3; CONTRACT 4.14).

use actix_web::{HttpRequest, HttpResponse, web};
use client_auth::Scheme;
use domain::{
    OAuthErrorCode, PresentedToken, Refusal, ResponseSigning, TokenKind, Write,
    port::{SessionLookup as _, UserLookup as _},
    token_text,
};
use oidc_core::userinfo;

use crate::{
    extract::Call,
    flow::{client, endpoint},
    respond::{Reply, Stop},
};

/// Answers a userinfo request.
pub async fn answer(http: HttpRequest, payload: web::Payload) -> HttpResponse {
    endpoint::serve("userinfo", http, payload, |call| async move {
        claims(&call).await.map_err(|stop| match stop {
            Stop::Refused(refusal, _) => Stop::Refused(refusal, Scheme::Bearer),
            fault @ Stop::Fault(_) => fault,
        })
    })
    .await
}

async fn claims(call: &Call) -> Result<Reply, Stop> {
    let presented = bearer(call)?;
    let (session, user) = call
        .read(2, move |store| {
            let session = presented.map(|token| store.session(&token.locator)).transpose()?.flatten();
            let subject = session.as_ref().and_then(|session| session.subject.as_ref());
            let user = subject.map(|subject| store.user(subject.user_id)).transpose()?.flatten();
            Ok((session, user))
        })
        .await?;
    let session = userinfo::authorize(presented.as_ref(), session.as_ref(), &call.env())?;
    call.client(session.client_id.as_str());
    let stored = client::client(call, &session.client_id).await?.filter(|stored| stored.client.enabled);
    let stored = stored.ok_or(userinfo::INVALID)?;
    let profile = call.profile(&stored.client);
    let claims = userinfo::claims(session, user.as_ref(), &profile)?;
    if session.needs_touch(call.now) {
        call.touch(Write::TouchSession { locator: session.locator, at: call.now }).await;
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

/// The token: in the header, or as `access_token` in the body (RFC 6750 §2), never both.
fn bearer(call: &Call) -> Result<Option<PresentedToken>, Refusal> {
    let header = match call.authorization.as_slice() {
        [] => None,
        [value] => {
            let text = std::str::from_utf8(value).ok().and_then(|text| text.split_once(' '));
            let token = text.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
            Some(token.ok_or(userinfo::INVALID)?.1.trim())
        }
        _ => return Err(TWICE),
    };
    let text = match (header, call.params.value("access_token")) {
        (Some(_), Some(_)) => return Err(TWICE),
        (Some(text), None) | (None, Some(text)) => text,
        (None, None) => return Ok(None),
    };
    Ok(token_text::parse(TokenKind::Access, text))
}

const TWICE: Refusal = Refusal::new(
    OAuthErrorCode::InvalidRequest,
    "two_bearers",
    "The access token is sent in more than one way",
);
