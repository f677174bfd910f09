//! Registering clients, and what may be done with a registration afterwards.

mod caller;
mod pace;
mod quota;
mod record;

use std::collections::BTreeSet;

use domain::{
    AdminWrite, Applied, AuthMethod, Client, ClientId, ClientKeys, ClientSecrets, Env, Fault, Minted,
    OAuthErrorCode, Refusal, Registration, Secret, SubjectId, Timestamp, TokenKind, encoding, machine_secret,
    port::{ClientLookup as _, KeyedDigest as _, StoredClient, UserLookup as _},
    token_text,
};
use serde_json::{Map, Value};
use storage::TenantStore;

use super::ROUNDS;
use crate::{
    extract::Call,
    registration::{self, Bounds, Registrar},
    respond::{Reply, Stop},
    tenant_file::sealed_secret,
};

const DUPLICATE: Refusal =
    Refusal::new(OAuthErrorCode::DuplicateClient, "duplicate_client", "There is a client of that id");

/// Registers a client (RFC 7591 §3.1).
///
/// # Errors
/// [`Stop::Refused`]: `invalid_token`, `access_denied`, `temporarily_unavailable` beyond the quota, those of
/// [`registration::client`], `duplicate_client`. [`Stop::Fault`].
pub async fn register(call: &Call) -> Result<Reply, Stop> {
    let result = registered_client(call).await;
    record::told(call, "register", result).await
}

async fn registered_client(call: &Call) -> Result<Reply, Stop> {
    for round in 0..ROUNDS {
        // Each round anew: a token may have been used up or revoked meanwhile.
        let registrar = caller::registrar(call).await?;
        let members = registration::document(&call.document)?;
        let chosen = chosen_id(call, &members, &registrar)?;
        if let Some(id) = chosen.clone()
            && is_taken(call, id).await?
        {
            return Err(DUPLICATE.into());
        }
        let id = chosen.clone().map_or_else(|| generated_id(call), Ok)?;
        let bounds = bounds(call, &registrar, None);
        let mut client = registration::client(&members, id, bounds)?;
        let mut writes = quota::writes(call, &registrar).await?;
        // Who loses a race has not asked twice, and the document has the same keys as before.
        if round == 0 {
            if registrar == Registrar::Anyone && client.keys.is_some() {
                pace::source(call)?;
            }
            check_keys(call, &client).await?;
        }
        let token = token_text::mint(TokenKind::Registration, &call.env())?;
        let auth_methods = match &registrar {
            Registrar::Holder(allowance) => allowance.auth_methods.clone(),
            Registrar::Administrator { .. } | Registrar::Anyone | Registrar::Itself => BTreeSet::new(),
        };
        client.registration = Some(Registration { auth_methods, ..registered(&token, call.now) });
        client.generation = call.env().generation()?;
        let (secret, secrets) = new_secrets(call, &client)?;
        call.client(client.client_id.as_str());
        writes.push(AdminWrite::InsertClient(Box::new(client.clone()), secrets));
        if record::change(call, writes, &client, "registered").await? == Applied::Committed {
            let answer = answer(call, &client, secret.as_ref(), Some(&token.text));
            return Ok(Reply::Registered { answer, hid: call.facts.profile.hid_members });
        }
    }
    Err(Fault::Contended(ROUNDS).into())
}

/// Whether the client's own keys can be used: up to a millisecond a key, so not on the worker of a request.
async fn check_keys(call: &Call, client: &Client) -> Result<(), Stop> {
    if !matches!(client.keys, Some(ClientKeys::Inline(_))) {
        return Ok(());
    }
    let client = client.clone();
    Ok(call.app.reads.run(move || registration::check_keys(&client)).await??)
}

/// Whether a client has that id, or a user has it as opaque id or as name: in `hid` the one is the `sub` of a machine's
/// token and the other of a user's, and who reads it must be able to tell them apart (RFC 9700 §4.15).
async fn is_taken(call: &Call, id: ClientId) -> Result<bool, Fault> {
    let subject = SubjectId::parse(id.as_str());
    let look = move |store: &mut TenantStore| {
        let user = subject.map(|subject| store.user_by_subject(&subject)).transpose()?.flatten();
        Ok(user.is_some() || store.user_by_name(id.as_str())?.is_some() || store.client(&id)?.is_some())
    };
    call.read(3, look).await
}

/// Reads a registration (RFC 7592 §2.1). The secret was shown once; the registration access token is the one that came.
///
/// # Errors
/// [`Stop::Refused`]: `invalid_token`, `access_denied`, `invalid_request`. [`Stop::Fault`].
pub async fn read(call: &Call, id: &str) -> Result<Reply, Stop> {
    let result = caller::of(call, id).await.map(|(_registrar, kept, presented)| {
        Reply::Json(answer(call, &kept.client, None, presented.as_ref()))
    });
    record::told(call, "read", result).await
}

/// Replaces a registration (RFC 7592 §2.2). The client's registration access token is spent by it, and the answer has
/// another: to whoever updates it, or an administrator could not give one to a client that has lost its own.
///
/// # Errors
/// As [`register`], but for the quota.
pub async fn replace(call: &Call, id: &str) -> Result<Reply, Stop> {
    let result = replaced_client(call, id).await;
    record::told(call, "replace", result).await
}

async fn replaced_client(call: &Call, id: &str) -> Result<Reply, Stop> {
    for round in 0..ROUNDS {
        let (registrar, kept, _presented) = caller::of(call, id).await?;
        if round == 0 {
            pace::change(call, &registrar, id)?;
        }
        let (stored, secrets) = (&kept.client, &kept.secrets);
        let members = registration::document(&call.document)?;
        fits(call, &members, stored)?;
        let bounds = bounds(call, &registrar, Some(stored));
        let mut client = registration::client(&members, stored.client_id.clone(), bounds)?;
        let reset = resets_secret(call, &members, (&registrar, &client), secrets)?;
        if round == 0 {
            check_keys(call, &client).await?;
        }
        let mut writes = vec![unchanged(stored)?];
        let token = token_text::mint(TokenKind::Registration, &call.env())?;
        let renewed = registered(&token, call.now);
        client.registration = Some(match stored.registration.clone() {
            Some(own) => Registration { token: renewed.token, ..own },
            None => renewed,
        });
        let secret =
            if reset { Some(new_secrets(call, &client)?) } else { missing_secret(call, &client, secrets)? };
        writes.push(AdminWrite::UpdateClient(Box::new(client.clone())));
        let (secret, secrets) = secret.map_or((None, None), |(secret, secrets)| (secret, Some(secrets)));
        writes.extend(secrets.map(|secrets| AdminWrite::SetClientSecrets(client.client_id.clone(), secrets)));
        if record::change(call, writes, &client, "registration_replaced").await? == Applied::Committed {
            return Ok(Reply::Json(answer(call, &client, secret.as_ref(), Some(&token.text))));
        }
    }
    Err(Fault::Contended(ROUNDS).into())
}

/// Removes a registration, with all that was granted to the client (RFC 7592 §2.3).
///
/// # Errors
/// As [`read`].
pub async fn remove(call: &Call, id: &str) -> Result<Reply, Stop> {
    let result = removed_client(call, id).await;
    record::told(call, "remove", result).await
}

async fn removed_client(call: &Call, id: &str) -> Result<Reply, Stop> {
    for round in 0..ROUNDS {
        let (registrar, kept, _presented) = caller::of(call, id).await?;
        if round == 0 {
            pace::change(call, &registrar, id)?;
        }
        let client = &kept.client;
        let writes = vec![unchanged(client)?, AdminWrite::RemoveClient(client.client_id.clone())];
        if record::change(call, writes, client, "registration_removed").await? == Applied::Committed {
            return Ok(Reply::NoContent);
        }
    }
    Err(Fault::Contended(ROUNDS).into())
}

fn bounds<'a>(call: &'a Call, registrar: &'a Registrar, existing: Option<&'a Client>) -> Bounds<'a> {
    let facts = &call.facts;
    let (settings, policies) = (&facts.tenant.settings, &facts.policies);
    Bounds { settings, policies, profile: facts.profile, registrar, existing }
}

/// In `hid` an administrator may choose the id (CONTRACT 4.16); it stands in a path, so it is of unreserved characters
/// (RFC 3986 §2.3). Nobody else may: they would take a name that somebody else is about to be known by (RFC 9700 §4.15).
fn chosen_id(
    call: &Call,
    members: &Map<String, Value>,
    registrar: &Registrar,
) -> Result<Option<ClientId>, Stop> {
    let Some(value) = members.get("client_id").filter(|_| call.facts.profile.hid_members) else {
        return Ok(None);
    };
    if !is_administrator(registrar) {
        let text = "client_id is for an administrator to choose";
        return Err(registration::bad("client_id_not_granted", text).into());
    }
    // "." and ".." lead elsewhere (RFC 3986 §5.2.4).
    let plain = |text: &&str| {
        text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b)) && ![".", ".."].contains(text)
    };
    let id = value.as_str().filter(plain).and_then(ClientId::parse);
    let text = "client_id must be 1 to 255 of A-Z a-z 0-9 - . _ ~, and not only dots";
    id.map(Some).ok_or_else(|| registration::bad("client_id", text).into())
}

/// 48 decimal digits in `hid`, as the vendor's; else 128 random bits as text.
fn generated_id(call: &Call) -> Result<ClientId, Fault> {
    let mut bytes = [0_u8; 48];
    call.env().entropy.fill(&mut bytes)?;
    let text = if call.facts.profile.hid_members {
        let digit = |byte: &u8| char::from(b'0' + byte % 10);
        bytes.iter().map(digit).collect()
    } else {
        encoding::base64url(bytes.first_chunk::<16>().map_or(&bytes, |half| half.as_slice()))
    };
    ClientId::parse(&text).ok_or(Fault::Invariant("a generated id is a client id"))
}

fn registered(token: &Minted, issued_at: Timestamp) -> Registration {
    let token = encoding::base64url(token.digest.as_bytes());
    Registration { token, issued_at, auth_methods: BTreeSet::new() }
}

/// That nobody else has changed anything of the client since: not its token, and not its roles.
fn unchanged(client: &Client) -> Result<AdminWrite, Fault> {
    if client.registration.is_none() {
        return Err(Fault::Invariant("only what was registered is changed here"));
    }
    Ok(AdminWrite::RequireClient(Box::new(client.clone())))
}

/// What must be the same, if it comes at all (RFC 7592 §2.2).
fn fits(call: &Call, members: &Map<String, Value>, stored: &Client) -> Result<(), Refusal> {
    let same = |value: &Value| value.as_str() == Some(stored.client_id.as_str());
    let named = members.get("client_id").map_or(call.facts.profile.hid_members, same);
    if !named {
        let text = "client_id must be there, and be the one that is changed (RFC 7592 §2.2)";
        return Err(registration::bad("client_id", text));
    }
    for name in [
        "registration_access_token",
        "registration_client_uri",
        "client_secret_expires_at",
        "client_id_issued_at",
    ] {
        if members.contains_key(name) && !call.facts.profile.hid_members {
            let text = "An update must not have registration_access_token, registration_client_uri, client_secret_expires_at or client_id_issued_at (RFC 7592 §2.2)";
            return Err(registration::bad("member_not_allowed", text));
        }
    }
    Ok(())
}

/// Whether an update asks for another secret: in `hid` any `client_secret` but the client's own is how an administrator
/// resets it (CONTRACT 4.16). What it says is not taken: the server generates one (docs/decisions/0033).
fn resets_secret(
    call: &Call,
    members: &Map<String, Value>,
    (registrar, client): (&Registrar, &Client),
    kept: &ClientSecrets,
) -> Result<bool, Refusal> {
    let Some(secret) = members.get("client_secret") else { return Ok(false) };
    let given = call.app.master.keyed(secret.as_str().unwrap_or_default().as_bytes());
    if kept.generated.as_ref().is_some_and(|own| own.matches(&given)) {
        return Ok(false);
    }
    let resets = call.facts.profile.hid_members && is_administrator(registrar) && secret.is_string();
    if resets && client.needs_secret() {
        return Ok(true);
    }
    let text = "client_secret must be the client's own; it cannot be chosen (RFC 7592 §2.2)";
    Err(registration::bad("client_secret", text))
}

const fn is_administrator(registrar: &Registrar) -> bool {
    matches!(registrar, Registrar::Administrator { .. })
}

type Secrets = (Option<Secret>, ClientSecrets);

/// A new secret for a client that needs one.
fn new_secrets(call: &Call, client: &Client) -> Result<Secrets, Fault> {
    if !client.needs_secret() {
        return Ok((None, ClientSecrets::default()));
    }
    let env: Env<'_> = call.env();
    let secret = machine_secret::mint(&env)?;
    let master = &call.app.master;
    let by_hmac = client.auth_methods.contains(&AuthMethod::ClientSecretJwt);
    let sealed = by_hmac
        .then(|| sealed_secret::seal(master, &call.facts.tenant.name, &client.client_id, &secret))
        .transpose()?;
    let generated = Some(master.keyed(secret.expose().as_bytes()));
    Ok((Some(secret), ClientSecrets { generated, chosen: None, sealed }))
}

/// What a changed client needs: a secret that it has not yet, or none any more; `None` when what it has will do.
fn missing_secret(call: &Call, client: &Client, kept: &ClientSecrets) -> Result<Option<Secrets>, Fault> {
    let holds = kept.generated.is_some() || kept.chosen.is_some();
    let sealed = kept.sealed.is_some() || !client.auth_methods.contains(&AuthMethod::ClientSecretJwt);
    match (client.needs_secret(), holds) {
        (true, true) if sealed => Ok(None),
        (false, false) => Ok(None),
        (true, _) | (false, true) => new_secrets(call, client).map(Some),
    }
}

fn answer(call: &Call, client: &Client, secret: Option<&Secret>, token: Option<&Secret>) -> domain::Claims {
    let uri = format!("{}/{}", call.issuer().endpoint("register"), client.client_id);
    let issued_at = client.registration.as_ref().map_or(call.now, |own| own.issued_at);
    registration::answer(client, uri, issued_at, (secret, token), call.facts.profile.hid_members)
}

/// The client of that id, with its secrets, as stored now, if it was registered.
async fn stored(call: &Call, id: &str) -> Result<Option<StoredClient>, Fault> {
    let Some(id) = ClientId::parse(id) else { return Ok(None) };
    let found = call.read(1, move |store| store.client(&id)).await?;
    Ok(found.filter(|found| found.client.registration.is_some()))
}
