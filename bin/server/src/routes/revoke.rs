//! `POST …/revoke` (RFC 7009; CONTRACT 4.13).

use actix_web::{HttpRequest, HttpResponse, web};
use domain::{
    Applied, AuditEvent, AuditKind, AuditOutcome, Fault, GrantSubject, Locator, StoredRefresh, Write,
    WriteBatch, encoding,
    port::{RefreshLookup as _, SessionLookup as _},
};
use oidc_core::{
    introspect::{self, Target},
    revoke,
};

use crate::{
    extract::Call,
    flow::{ROUNDS, access_token, client, endpoint},
    respond::{Reply, Stop},
};

/// Answers a revocation request: 200 whether or not there was anything to revoke.
pub async fn post(http: HttpRequest, payload: web::Payload) -> HttpResponse {
    endpoint::serve("revoke", http, payload, |call| async move { answer(&call).await }).await
}

/// What the audit log tells of the grant that ended.
#[derive(Default)]
struct Told {
    user_name: Option<String>,
    detail: String,
}

impl Told {
    /// `locator` names the session, or the family: it is the public half of a token.
    fn new(subject: Option<&GrantSubject>, kind: &str, locator: &Locator) -> Self {
        Self {
            user_name: subject.map(|subject| subject.user_name.clone()),
            detail: format!("{kind} {}", encoding::base64url(locator.as_bytes())),
        }
    }
}

async fn answer(call: &Call) -> Result<Reply, Stop> {
    let caller = client::authenticate(call, None).await?;
    let profile = call.profile(caller.client());
    let (mut writes, told) = match introspect::target(&call.params, &profile)? {
        Target::Nothing => (Vec::new(), Told::default()),
        Target::Jwt(text) => {
            access_token::read_to_revoke(call, text).map_or_else(Default::default, |(read, _layout)| {
                let mut told = Told::new(None, "access_token", read.locator());
                told.user_name.clone_from(&read.user);
                (revoke::jwt(&caller, &read), told)
            })
        }
        Target::Access(token) => {
            let session = call.read(1, move |store| store.session(&token.locator)).await?;
            let subject = session.as_ref().and_then(|session| session.subject.as_ref());
            let told = Told::new(subject, "access_token", &token.locator);
            (revoke::access(&caller, &token, session.as_ref()), told)
        }
        Target::Refresh(token) => {
            let stored = call.read(1, move |store| store.refresh(&token.locator)).await?;
            let told = stored.as_ref().map(|StoredRefresh { family, .. }| {
                Told::new(Some(&family.subject), "refresh_token", &family.locator)
            });
            (revoke::refresh(&caller, &token, stored.as_ref()), told.unwrap_or_default())
        }
    };
    if writes.is_empty() {
        return Ok(Reply::Empty);
    }
    let mut event =
        AuditEvent::new(&call.env(), &call.origin, AuditKind::Revocation, AuditOutcome::Success, "")?;
    event.user_name = told.user_name;
    event.detail = told.detail;
    writes.push(Write::Audit(Box::new(event.client(caller.client().client_id.as_str()))));
    let batch = WriteBatch { writes };
    // Nothing here has a precondition, but a database may call a deadlock a conflict: 200 is told after the commit.
    for _ in 0..ROUNDS {
        if call.commit(batch.clone()).await? == Applied::Committed {
            return Ok(Reply::Empty);
        }
    }
    Err(Fault::Contended(ROUNDS).into())
}
