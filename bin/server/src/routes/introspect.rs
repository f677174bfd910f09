//! `POST …/introspect` (RFC 7662; signed: RFC 9701).

use actix_web::{HttpRequest, HttpResponse, web};
use domain::{
    AuthenticatedClient,
    port::{RefreshLookup as _, SessionLookup as _},
};
use oidc_core::introspect::{self, Decision, Target};

use crate::{
    extract::Call,
    flow::{client, endpoint},
    respond::{Reply, Stop},
};

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
    if !wants_jwt(call.accept.as_deref()) {
        return Ok(Reply::Json(decision.answer));
    }
    let claims = introspect::signed(decision.answer, &caller, &call.facts.issuer, &call.env());
    let signer = call.facts.signer(caller.client().introspection_signed_response_alg, call.now)?;
    Ok(Reply::Jwt(MEDIA_TYPE, signer.sign("token-introspection+jwt", &claims)?))
}

async fn decide(call: &Call, caller: &AuthenticatedClient) -> Result<Decision, Stop> {
    let profile = call.profile(caller.client());
    let issuer = &call.facts.issuer;
    Ok(match introspect::target(&call.params, &profile)? {
        _ if caller.is_public() => Decision::inactive(),
        Target::Nothing => Decision::inactive(),
        Target::Access(token) => {
            let session = call.read(1, move |store| store.session(&token.locator)).await?;
            introspect::access(caller, &token, session.as_ref(), issuer, &profile, &call.env())
        }
        Target::Refresh(token) => {
            let stored = call.read(1, move |store| store.refresh(&token.locator)).await?;
            introspect::refresh(caller, &token, stored.as_ref(), issuer, &profile, &call.env())
        }
    })
}

/// Whether `Accept` names the signed form with a quality above nought (RFC 9701 §4).
fn wants_jwt(accept: Option<&str>) -> bool {
    let named = |range: &str| {
        let mut parts = range.split(';').map(str::trim);
        let is_it = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(MEDIA_TYPE));
        let refused = parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
        is_it && !refused
    };
    accept.is_some_and(|accept| accept.split(',').any(named))
}
