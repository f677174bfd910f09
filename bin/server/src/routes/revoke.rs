//! `POST …/revoke` (RFC 7009; CONTRACT 4.13).

use actix_web::{HttpRequest, HttpResponse, web};
use domain::{
    AuditEvent, AuditKind, AuditOutcome, WireProfile, Write, WriteBatch,
    port::{RefreshLookup as _, SessionLookup as _},
};
use oidc_core::{
    introspect::{self, Target},
    revoke,
};

use crate::{
    extract::Call,
    flow::{client, endpoint},
    respond::{Reply, Stop},
};

/// Answers a revocation request: 200 whether or not there was anything to revoke.
pub async fn post(http: HttpRequest, payload: web::Payload) -> HttpResponse {
    endpoint::serve("revoke", http, payload, |call| async move { answer(&call).await }).await
}

async fn answer(call: &Call) -> Result<Reply, Stop> {
    let caller = client::authenticate(call, None).await?;
    let profile = WireProfile::effective(call.facts.profile.name, caller.client().profile);
    let mut writes = match introspect::target(&call.params, &profile)? {
        Target::Nothing => Vec::new(),
        Target::Access(token) => {
            let session = call.read(1, move |store| store.session(&token.locator)).await?;
            revoke::access(&caller, &token, session.as_ref())
        }
        Target::Refresh(token) => {
            let stored = call.read(1, move |store| store.refresh(&token.locator)).await?;
            revoke::refresh(&caller, &token, stored.as_ref())
        }
    };
    if !writes.is_empty() {
        let event =
            AuditEvent::new(&call.env(), &call.origin, AuditKind::Revocation, AuditOutcome::Success, "")?;
        writes.push(Write::Audit(Box::new(event.client(caller.client().client_id.as_str()))));
        // None of these has a precondition but the audit row's own key.
        call.commit(WriteBatch { writes }).await?;
    }
    Ok(Reply::Empty)
}
