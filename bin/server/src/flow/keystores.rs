//! The tenant's truststore, set and told by an administrator (CONTRACT 2.1).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{
    AdminWrite, Applied, AuditEvent, AuditKind, AuditOutcome, Claims, Fault, OAuthErrorCode, Permission,
    Refusal, TenantSettings,
};
use jose::{Truststore, TruststoreRejected};
use serde_json::{Value, json};

use super::{
    ROUNDS,
    administrator::{self, presented},
};
use crate::{
    extract::Call,
    respond::{Reply, Stop},
};

const SCHEMA: &str = "urn:hid:scim:api:idp:2.0:Customization";
const ID: &str = "mtls_truststore";

const fn bad(reason: &'static str, description: &'static str) -> Refusal {
    Refusal::new(OAuthErrorCode::InvalidRequest, reason, description)
}

const NONE: Refusal = bad("no_truststore", "The tenant has no mtls_truststore");

/// Replaces the truststore. What is asked with counts on this node at once, and on others within two seconds
/// (DECISIONS 5.7).
///
/// # Errors
/// `invalid_token`, `access_denied`, `invalid_request` for what is no truststore, those of storage.
pub async fn put(call: &Call) -> Result<Reply, Stop> {
    allowed(call).await?;
    let pem = truststore(&call.document)?;
    for _ in 0..ROUNDS {
        let seen = settings(call).await?;
        let mut settings = seen.clone();
        settings.mtls_truststore = Some(pem.clone());
        let answer = told(&pem);
        if settings == seen {
            return Ok(Reply::Json(answer));
        }
        let writes = vec![AdminWrite::RequireSettings(Box::new(seen)), AdminWrite::PutSettings(settings)];
        if change(call, writes).await? == Applied::Committed {
            return Ok(Reply::Json(answer));
        }
    }
    Err(Fault::Contended(ROUNDS).into())
}

/// Tells what is set: certificates are no secrets.
///
/// # Errors
/// As [`put`].
pub async fn get(call: &Call) -> Result<Reply, Stop> {
    allowed(call).await?;
    let pem = settings(call).await?.mtls_truststore.ok_or(NONE)?;
    Ok(Reply::Json(told(&pem)))
}

async fn allowed(call: &Call) -> Result<(), Stop> {
    let (_session, known) = administrator::of(call, &presented(call)?, Permission::CUSTOMIZE).await?;
    call.client(known.client.client_id.as_str());
    Ok(())
}

/// As stored now: what a cache says may be two seconds old, and all of it is written back.
async fn settings(call: &Call) -> Result<TenantSettings, Stop> {
    let (database, name) = (call.app.database.clone(), call.facts.tenant.name.clone());
    let tenant = call.read(1, move |_store| database.system().tenant_named(&name)).await?;
    Ok(tenant.ok_or(Fault::Invariant("a tenant that is asked is there"))?.settings)
}

async fn change(call: &Call, writes: Vec<AdminWrite>) -> Result<Applied, Fault> {
    call.app.database.available()?;
    let (kind, outcome) = (AuditKind::TenantChange, AuditOutcome::Success);
    let event = AuditEvent::new(&call.env(), &call.origin, kind, outcome, "mtls_truststore_replaced")?;
    let by = call.told.borrow().client_id.clone().unwrap_or_default();
    let event = event.client(&by);
    let store = call.store.clone();
    let applied = call.app.reads.run(move || store.change(writes, vec![event])).await??;
    if applied == Applied::Committed {
        call.app.facts.forget(&call.facts.tenant.name);
    }
    Ok(applied)
}

/// The truststore in a body, as PEM.
///
/// # Errors
/// `invalid_request` for what is no truststore.
pub fn truststore(body: &[u8]) -> Result<String, Refusal> {
    let broken = bad("broken_json", "The body must be a JSON object");
    let body: Value = serde_json::from_slice(body).map_err(|_error| broken)?;
    let schemas = body.get("schemas").and_then(Value::as_array);
    if !schemas.is_some_and(|schemas| schemas.iter().any(|schema| schema == SCHEMA)) {
        return Err(bad("schemas", "schemas must have urn:hid:scim:api:idp:2.0:Customization"));
    }
    if body.get("id").and_then(Value::as_str) != Some(ID) {
        return Err(bad("id", "id must be mtls_truststore: there is no other keystore"));
    }
    let member = |name: &str| body.get("payload")?.get(name)?.as_str();
    if !member("truststore_type").is_some_and(|kind| kind.eq_ignore_ascii_case("pem")) {
        return Err(bad("truststore_type", "payload.truststore_type must be pem"));
    }
    let text: String = member("truststore_b64").unwrap_or_default().split_ascii_whitespace().collect();
    let pem = STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let pem =
        pem.ok_or(bad("truststore_b64", "payload.truststore_b64 must be the base64 of certificates in PEM"))?;
    match Truststore::from_pem(&pem) {
        Ok(_) => Ok(pem),
        Err(TruststoreRejected::TooLarge) => {
            Err(bad("truststore_size", "The truststore is too large: at most 64 certificates and 256 KiB"))
        }
        Err(TruststoreRejected::Unreadable | TruststoreRejected::Empty) => Err(bad(
            "truststore_b64",
            "payload.truststore_b64 must be the base64 of certificates in PEM, and of nothing else",
        )),
    }
}

/// What is told of a truststore: [`truststore`] reads it.
pub fn told(pem: &str) -> Claims {
    let payload = json!({ "truststore_type": "pem", "truststore_b64": STANDARD.encode(pem) });
    [("schemas", json!([SCHEMA])), ("id", ID.into()), ("payload", payload)]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
