//! Who may register, and who may touch a registration.

use std::sync::Arc;

use domain::{
    Client, Fault, OAuthErrorCode, Permission, PresentedToken, Refusal, Scopes, Secret, SecretDigest,
    TokenKind, encoding, port::StoredClient, role::permissions_of,
};

use super::stored;
use crate::{
    extract::Call,
    flow::administrator::{self, INVALID, Presented},
    registration::{Allowance, Registrar},
    respond::Stop,
};

/// The vendor's word for it (CONTRACT 4.16).
const NO_CLIENT: Refusal =
    Refusal::new(OAuthErrorCode::InvalidRequest, "no_registered_client", "No client found");

const BEYOND: Refusal = Refusal::new(
    OAuthErrorCode::AccessDenied,
    "client_has_more",
    "The client has scopes or permissions that its administrator has not",
);

/// The same answer as to any token that will not do; the audit log tells the difference.
const SPENT: Refusal = Refusal::new(
    OAuthErrorCode::InvalidToken,
    "registration_token_spent",
    "The token is not known, has expired, or is for another client",
);

/// Who may register a client: an administrator, the holder of an initial access token, or anyone where the tenant is
/// open.
pub(super) async fn registrar(call: &Call) -> Result<Registrar, Stop> {
    let open = call.facts.tenant.settings.open_registrations_per_day > 0;
    if call.authorization.is_empty() && open {
        return Ok(Registrar::Anyone);
    }
    let presented = administrator::presented(call)?;
    if let Some(token) = presented.parse(TokenKind::InitialAccess) {
        return holder(call, &token).await.map(Registrar::Holder);
    }
    Ok(administrator(call, &presented).await?.0)
}

/// The holder of an initial access token that is good for another registration (RFC 7591 §3). Its use is counted
/// where the client is written.
async fn holder(call: &Call, token: &PresentedToken) -> Result<Allowance, Stop> {
    let locator = token.locator;
    let known = call.read(1, move |store| store.registration_token(&locator)).await?;
    let known = known.filter(|known| token.digest.matches(&known.digest)).ok_or(INVALID)?;
    call.proven(format!("registration token {}", known.id()));
    if !known.is_live(call.now) {
        return Err(SPENT.into());
    }
    Ok(Allowance { token: known.locator, scopes: known.scopes, auth_methods: known.auth_methods })
}

/// Who may touch the registration of client `id`, the client with its secrets as stored now, and its own registration access token if
/// that is what came. A token that is none of this client's gets one answer, whether or not the client exists.
pub(super) async fn of(call: &Call, id: &str) -> Result<(Registrar, StoredClient, Option<Secret>), Stop> {
    let presented = administrator::presented(call)?;
    if presented.is_access_token() {
        let (registrar, administrator) = administrator(call, &presented).await?;
        let kept = stored(call, id).await?.ok_or(NO_CLIENT)?;
        call.client(kept.client.client_id.as_str());
        if !covers(&registrar, &administrator.client, &kept.client) {
            return Err(BEYOND.into());
        }
        return Ok((registrar, kept, None));
    }
    let token = presented.parse(TokenKind::Registration).ok_or(INVALID)?;
    let kept = stored(call, id).await?;
    let digest = kept.as_ref().and_then(|kept| kept.client.registration.as_ref());
    let digest = digest.and_then(|own| encoding::from_base64url(&own.token));
    let digest = digest.and_then(|bytes| SecretDigest::from_slice(&bytes));
    let matches = token.digest.matches(&digest.unwrap_or(SecretDigest::from_bytes([0; 32])));
    let near = |client: &Client| client.may_call_from(call.source.ip());
    let own = kept.filter(|kept| matches && digest.is_some() && kept.client.enabled && near(&kept.client));
    let kept = own.ok_or(INVALID)?;
    call.client(kept.client.client_id.as_str());
    call.proven("its registration access token".to_owned());
    Ok((Registrar::Itself, kept, Some(presented.text)))
}

/// A client with the permission, and what it may give: a token that was narrowed gives no more than it has.
async fn administrator(call: &Call, token: &Presented) -> Result<(Registrar, Arc<StoredClient>), Stop> {
    let (session, known) = administrator::of(call, token, Permission::REGISTER_CLIENTS).await?;
    let scopes = session.scopes.iter().filter(|scope| known.client.scopes.contains(scope));
    let scopes = Scopes::try_from(scopes.map(str::to_owned).collect::<Vec<_>>());
    let scopes = scopes.or(Err(Fault::Invariant("fewer scopes are scopes")))?;
    let resources = known.client.resources.clone();
    Ok((Registrar::Administrator { scopes, resources }, known))
}

/// Whether an administrator may do whatever a client may: who changes a client's keys can act as it. Grants
/// are any administrator's to give to a client of its own, so they tell nothing here.
fn covers(registrar: &Registrar, administrator: &Client, client: &Client) -> bool {
    let Registrar::Administrator { scopes, resources } = registrar else { return false };
    let resources = match (resources, &client.resources) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(own), Some(of_client)) => of_client.is_subset(own),
    };
    let scopes = client.scopes.iter().all(|scope| scopes.contains(scope));
    let own = client.permissions.iter().map(Permission::as_str);
    let by_roles = client.roles.iter().flat_map(|role| permissions_of(role).iter().copied());
    scopes && resources && own.chain(by_roles).all(|permission| administrator.may(permission))
}
