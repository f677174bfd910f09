//! A client's assertion around the pure engine of `client-auth`: keys are found, signatures verified, uses recorded.

use std::sync::Arc;

use client_auth::{Assertion, AuthStep, Presented, SignatureBy, SignatureFinding};
use domain::{ClientKeys, Fault, Issuer, port::StoredClient};
use jose::{JoseVerifier, JwsRejected, KeyChoice, verify_hs256};

use super::{client, misses, published};
use crate::{extract::Call, fetch::KeySet, tenant_file::sealed_secret};

/// Judges an assertion. Memory is compared with storage before a refusal, as with secrets, unless its source has brought
/// too many that were wrong.
///
/// # Errors
/// Those of storage and of the lanes.
pub(super) async fn judge(
    call: &Call,
    presented: &Presented,
    assertion: &Assertion,
) -> Result<AuthStep, Fault> {
    let stored = client::client(call, assertion.client_id()).await?;
    let step = once(call, presented, assertion, stored.as_deref()).await?;
    if let (AuthStep::Refused(..), Some(known)) = (&step, &stored)
        && !misses::are_many(call)
        && let Some(fresh) = client::changed(call, known).await?
    {
        return once(call, presented, assertion, Some(&fresh)).await;
    }
    Ok(step)
}

async fn once(
    call: &Call,
    presented: &Presented,
    assertion: &Assertion,
    stored: Option<&StoredClient>,
) -> Result<AuthStep, Fault> {
    let audiences = audiences(call);
    let audiences: Vec<&str> = audiences.iter().map(String::as_str).collect();
    let facts = client_auth::Facts { audiences: &audiences, ..client::facts(call, stored, None) };
    let step = client_auth::begin(presented, &facts, call.app.master.as_ref(), &call.env())?;
    let (AuthStep::NeedSignature(by), Some(stored)) = (&step, stored) else { return Ok(step) };
    let finding = match by {
        SignatureBy::Secret => by_secret(call, assertion, stored),
        SignatureBy::Keys { prefer_unmarked } => {
            by_keys(call, assertion, stored, KeyChoice::preferring_unmarked(*prefer_unmarked)).await?
        }
    };
    client_auth::resume_assertion(presented, &facts, finding, &call.env())
}

/// What `aud` may say: the issuer, or the URL of the token endpoint or of the one asked; also under the name that asks for
/// certificates, where the metadata give those endpoints' aliases (RFC 8705 §5).
fn audiences(call: &Call) -> Vec<String> {
    let issuer = call.issuer();
    let bases = call.app.bases();
    let alias = bases.mtls.filter(|_| bases.sees_certificates);
    let alias = alias.map(|base| Issuer::laid_out(issuer.layout(), base, &call.facts.tenant.name));
    let endpoints = std::iter::once(issuer).chain(alias.as_ref());
    let endpoints = endpoints.flat_map(|one| [one.endpoint("token"), one.endpoint(call.endpoint)]);
    std::iter::once(issuer.as_str().to_owned()).chain(endpoints).collect()
}

fn by_secret(call: &Call, assertion: &Assertion, stored: &StoredClient) -> SignatureFinding {
    let (master, tenant) = (&call.app.master, &call.facts.tenant.name);
    let sealed = stored.secrets.sealed.as_deref();
    let secret = sealed.and_then(|text| sealed_secret::open(master, tenant, assertion.client_id(), text));
    match secret {
        Some(secret) if verify_hs256(&secret, assertion.compact().expose()) => SignatureFinding::Good,
        Some(_) => SignatureFinding::Wrong,
        None => SignatureFinding::KeysUnavailable,
    }
}

async fn by_keys(
    call: &Call,
    assertion: &Assertion,
    stored: &StoredClient,
    choice: KeyChoice,
) -> Result<SignatureFinding, Fault> {
    match &stored.client.keys {
        None => Ok(SignatureFinding::KeysUnavailable),
        Some(ClientKeys::Inline(text)) => {
            let verifier = inline(call, assertion, text).await?;
            Ok(finding(&verifier, assertion, choice))
        }
        Some(ClientKeys::At(uri)) => Ok(by_published(call, assertion, uri, choice).await),
    }
}

/// The verifier of a set that the client gave: from memory, or made on a reading thread, because making it costs more
/// than using it.
async fn inline(call: &Call, assertion: &Assertion, text: &str) -> Result<Arc<JoseVerifier>, Fault> {
    let (tenant, client) = (call.facts.tenant.id, assertion.client_id());
    let known = call.app.verifiers.known(tenant, client, text);
    call.app.metrics.cache("verifiers", known.is_some());
    if let Some(known) = known {
        return Ok(known);
    }
    let (app, client, text) = (Arc::clone(&call.app), client.clone(), text.to_owned());
    call.app.reads.run(move || app.verifiers.make(tenant, client, text)).await
}

/// Keys from the client's `jwks_uri`. It may have rotated when no key is the one that the header means.
async fn by_published(call: &Call, assertion: &Assertion, uri: &str, choice: KeyChoice) -> SignatureFinding {
    let judge = |held: &KeySet| {
        let is_named = assertion.kid().is_some_and(|kid| held.verifier.has_key(kid));
        (finding(&held.verifier, assertion, choice), is_named)
    };
    let may_have_rotated = |(finding, is_named): (_, bool)| match finding {
        SignatureFinding::Good | SignatureFinding::KeysUnavailable => false,
        SignatureFinding::UnknownKey => true,
        // By a key that may not have been the one that is meant.
        SignatureFinding::Wrong => !is_named,
    };
    let found = published::judged(call, (assertion.client_id(), uri), judge, may_have_rotated).await;
    found.map_or(SignatureFinding::KeysUnavailable, |(finding, _is_named)| finding)
}

fn finding(verifier: &JoseVerifier, assertion: &Assertion, choice: KeyChoice) -> SignatureFinding {
    match verifier.verify_by(assertion.compact().expose(), choice) {
        Ok(_) => SignatureFinding::Good,
        Err(JwsRejected::UnknownKey | JwsRejected::KeyMismatch) => SignatureFinding::UnknownKey,
        Err(_) => SignatureFinding::Wrong,
    }
}
