//! `POST …/introspect` (RFC 7662; signed: RFC 9701).

use actix_web::{HttpRequest, HttpResponse, web};
use domain::{
    AuthenticatedClient,
    port::{RefreshLookup as _, SessionLookup as _},
};
use oidc_core::introspect::{self, Decision, Found, Target};

use crate::{
    extract::{Call, accept},
    flow::{access_token, client, endpoint},
    respond::{Reply, Stop},
};

/// The media type of a signed answer (RFC 9701 §4).
const MEDIA_TYPE: &str = "application/token-introspection+jwt";

/// Answers an introspection request.
pub async fn post(http: HttpRequest, payload: web::Payload) -> HttpResponse {
    endpoint::serve("introspect", http, payload, |call| async move { answer(&call).await }).await
}

async fn answer(call: &Call) -> Result<Reply, Stop> {
    let caller = client::authenticate(call, None).await?;
    let decision = decide(call, &caller).await?;
    if let Some(touch) = decision.touch {
        call.touch(touch).await;
    }
    if !call.accept.as_deref().is_some_and(|accept| accept::names(accept, MEDIA_TYPE)) {
        return Ok(Reply::Json(decision.answer));
    }
    let claims = introspect::signed(decision.answer, &caller, call.issuer(), &call.env());
    let signer = call.facts.signer(caller.client().introspection_signed_response_alg, call.now)?;
    Ok(Reply::Jwt(MEDIA_TYPE, signer.sign("token-introspection+jwt", &claims)?))
}

async fn decide(call: &Call, caller: &AuthenticatedClient) -> Result<Decision, Stop> {
    let profile = call.profile(caller.client());
    let issuer = call.issuer();
    Ok(match introspect::target(&call.params, &profile)? {
        _ if caller.is_public() => Decision::inactive(),
        Target::Nothing => Decision::inactive(),
        Target::Jwt(text) => match access_token::read(call, text) {
            None => Decision::inactive(),
            Some(read) => {
                let standing = access_token::standing(call, read).await?;
                let session = standing.as_ref().map(|(session, _)| session);
                introspect::jwt(caller, session, issuer, &profile, &call.env())
            }
        },
        Target::Access(token) => {
            let session = call.read(1, move |store| store.session(&token.locator)).await?;
            let owner = match session.as_ref().and_then(|session| introspect::owner(caller, session)) {
                Some(id) => client::client(call, id).await?,
                None => None,
            };
            let owner = owner.as_ref().map(|stored| &*stored.client);
            let found = session.as_ref().map(|session| Found { session, owner });
            introspect::access(caller, &token, found, issuer, &profile, &call.env())
        }
        Target::Refresh(token) => {
            let stored = call.read(1, move |store| store.refresh(&token.locator)).await?;
            introspect::refresh(caller, &token, stored.as_ref(), issuer, &profile, &call.env())
        }
    })
}
