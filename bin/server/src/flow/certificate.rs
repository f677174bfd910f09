//! The certificate of a connection around the pure engine of `client-auth`: what the tenant's truststore says of it, and
//! whether the client has registered it.

use client_auth::Presented;
use domain::{AuthMethod, ChainProblem, Client, ClientKeys, PeerCertificate, port::StoredClient};

use crate::{
    extract::Call,
    fetch::{HeldKeys, KeysWanted},
};

/// What the tenant's truststore says of the certificate, where that matters.
pub(super) fn chain(
    call: &Call,
    presented: &Presented,
    stored: Option<&StoredClient>,
) -> Option<Result<(), ChainProblem>> {
    let certificate = call.certificate.as_ref().filter(|_| client_auth::needs_chain(presented, stored))?;
    Some(call.app.chains.judge(&call.facts, certificate, call.now))
}

/// Whether the client has registered the certificate, where that matters.
pub(super) async fn registered(
    call: &Call,
    presented: &Presented,
    stored: Option<&StoredClient>,
) -> Option<bool> {
    let needed = client_auth::needs_registration(presented, stored);
    let certificate = call.certificate.as_ref().filter(|_| needed)?;
    let client = &stored?.client;
    match &client.keys {
        Some(ClientKeys::At(uri)) => published(call, client, uri, certificate).await,
        Some(ClientKeys::Inline(_)) | None => {
            Some(call.app.chains.registered(&call.facts, client)?.contain(certificate))
        }
    }
}

/// Whether the certificate is in the set at the client's `jwks_uri` (RFC 8705 §2.2.2). When it is not, the set is fetched
/// again at once: the client may have changed it. How often is the fetcher's to limit. What is published elsewhere is no
/// credential of `client_secret_pki`.
async fn published(call: &Call, client: &Client, uri: &str, certificate: &PeerCertificate) -> Option<bool> {
    if client.auth_methods.contains(&AuthMethod::ClientSecretPki) {
        return None;
    }
    let tenant = &call.facts.tenant;
    let wanted = KeysWanted {
        tenant: tenant.id,
        client: &client.client_id,
        uri,
        private: tenant.settings.fetch_private,
    };
    let lenient = call.profile(client).lenient_assertions;
    let contains = |held: &HeldKeys| held.certificates(lenient).contain(certificate);
    let begun = call.app.clock.steady();
    let held = call.app.key_sets.held(&wanted, begun).await?;
    if contains(&held) || held.is_fetched_since(begun) {
        return Some(contains(&held));
    }
    let newer = call.app.key_sets.newer(&wanted, &held, call.app.clock.steady()).await;
    Some(newer.is_some_and(|newer| contains(&newer)))
}
