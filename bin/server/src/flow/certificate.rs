//! The certificate of a connection around the pure engine of `client-auth`: what the tenant's truststore says of it, and
//! whether the client has registered it.

use client_auth::Presented;
use domain::{AuthMethod, ChainProblem, Client, ClientKeys, PeerCertificate, port::StoredClient};
use jose::KeyChoice;

use super::{published, revocation};
use crate::{extract::Call, fetch::KeySet};

/// What the tenant's truststore says of the certificate, where that matters.
pub(super) async fn chain(
    call: &Call,
    presented: &Presented,
    stored: Option<&StoredClient>,
) -> Option<Result<(), ChainProblem>> {
    let certificate = call.certificate().filter(|_| client_auth::needs_chain(presented, stored))?;
    Some(revocation::judge(call, certificate).await)
}

/// Whether the client has registered the certificate, where that matters.
pub(super) async fn registered(
    call: &Call,
    presented: &Presented,
    stored: Option<&StoredClient>,
) -> Option<bool> {
    let needed = client_auth::needs_registration(presented, stored);
    let certificate = call.certificate().filter(|_| needed)?;
    let client = &stored?.client;
    match &client.keys {
        Some(ClientKeys::At(uri)) => is_published(call, client, uri, certificate).await,
        Some(ClientKeys::Inline(_)) | None => {
            Some(call.app.chains.registered(&call.facts, client)?.contain(certificate))
        }
    }
}

/// Whether the certificate is in the set at the client's `jwks_uri` (RFC 8705 §2.2.2). When it is not, the client may have
/// changed the set. What is published elsewhere is no credential of `client_secret_pki`.
async fn is_published(
    call: &Call,
    client: &Client,
    uri: &str,
    certificate: &PeerCertificate,
) -> Option<bool> {
    if client.auth_methods.contains(&AuthMethod::ClientSecretPki) {
        return None;
    }
    let choice = KeyChoice::preferring_unmarked(call.profile(client).lenient_assertions);
    let contains = |held: &KeySet| held.certificates(choice).contain(certificate);
    published::judged(call, (&client.client_id, uri), contains, |contained| !contained).await
}
