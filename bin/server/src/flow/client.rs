//! Client authentication around the pure engine of `client-auth`.

use std::sync::Arc;

use client_auth::{AuthStep, Facts, Inputs, Presented, Scheme};
use domain::{
    Applied, AuthenticatedClient, ClientId, Detail, Fault, OAuthErrorCode, PresentedToken, Refusal, Secret,
    SourceFailures, WriteBatch,
    port::{SessionLookup as _, SourceFailureLookup as _, StoredClient},
};

use super::{ROUNDS, assertion, certificate, comparison::Comparison, misses};
use crate::{
    bucket::BucketKey,
    extract::Call,
    hashing::Hashing,
    proven::{Memory, ProvenKey},
    respond::Stop,
};

/// Authenticates the caller. `named` is the client that a refresh token names, where that stands in for `client_id`
/// (DECISIONS 2).
///
/// # Errors
/// [`Stop::Refused`] with the scheme that was tried, [`Stop::Fault`].
pub async fn authenticate(call: &Call, named: Option<&ClientId>) -> Result<AuthenticatedClient, Stop> {
    let headers: Vec<&[u8]> = call.authorization.iter().map(Vec::as_slice).collect();
    let inputs = Inputs {
        authorization: &headers,
        client_id: call.params.present("client_id").or_else(|| named.map(ClientId::as_str)),
        client_secret: call.params.present("client_secret"),
        certificate: call.shown.as_ref().map(|shown| shown.as_ref().map_err(|unreadable| *unreadable)),
        by_certificate: call.by_certificate,
        client_assertion: call.params.present("client_assertion"),
        client_assertion_type: call.params.present("client_assertion_type"),
        url_decoded_basic: call.layout.url_decoded_basic(),
    };
    let scheme = client_auth::scheme_tried(&inputs);
    let refuse = |refusal| Stop::Refused(refusal, scheme);
    let presented = client_auth::parse(&inputs, &call.facts.profile).map_err(refuse)?;
    let step = judged(call, &presented, scheme).await?;
    let client = match step {
        AuthStep::Authenticated(client, writes) if matches!(presented, Presented::Assertion(_)) => {
            // Used up together with whatever the request comes to.
            let replayed = client_auth::replayed(&call.facts.profile);
            call.uses.owe(writes, replayed);
            client
        }
        AuthStep::Authenticated(client, writes) => {
            commit_if_any(call, writes).await?;
            client
        }
        AuthStep::Refused(refusal, writes) if client_auth::is_chosen_secret(&presented) => {
            commit_if_any(call, writes).await?;
            return Err(refuse(refusal));
        }
        AuthStep::Refused(refusal, writes) => {
            let told = misses::refuse(call, refusal);
            if told.code != OAuthErrorCode::TooManyRequests {
                commit_if_any(call, writes).await?;
            }
            return Err(refuse(told));
        }
        AuthStep::NeedHash(_) | AuthStep::NeedSignature(_) => {
            return Err(Fault::Invariant("a proof was asked for twice").into());
        }
    };
    call.client(client.client().client_id.as_str());
    conforms(call, &client).map_err(refuse)?;
    Ok(client)
}

/// What the credentials come to.
async fn judged(call: &Call, presented: &Presented, scheme: Scheme) -> Result<AuthStep, Stop> {
    Ok(match presented {
        Presented::Bearer { token: Some(token), client_id } => {
            bearer(call, token, client_id.as_ref()).await?
        }
        Presented::Secret { client_id, secret, .. } if client_auth::is_chosen_secret(presented) => {
            call.client(client_id.as_str());
            chosen(call, presented, client_id, secret, scheme).await?
        }
        Presented::Assertion(assertion) => {
            call.client(assertion.client_id().as_str());
            assertion::judge(call, presented, assertion).await?
        }
        Presented::Secret { client_id, .. }
        | Presented::Public { client_id }
        | Presented::Unreadable { client_id }
        | Presented::Certificate { client_id, .. } => {
            call.client(client_id.as_str());
            quick(call, presented, client_id).await?
        }
        Presented::Bearer { token: None, .. } | Presented::Nothing => {
            begin(call, presented, None, None).await?
        }
    })
}

/// A client that is held to a stricter profile than its tenant may not use the laxer encodings (DECISIONS 2).
fn conforms(call: &Call, client: &AuthenticatedClient) -> Result<(), Refusal> {
    let profile = call.profile(client.client());
    if call.params.is_merged() && !profile.merged_encodings {
        return Err(Refusal::new(
            OAuthErrorCode::InvalidRequest,
            "merged_encoding",
            "The client must send its parameters in a form body",
        ));
    }
    Ok(())
}

/// A client from memory or storage.
///
/// # Errors
/// Those of storage and of the lane.
pub async fn client(call: &Call, id: &ClientId) -> Result<Option<Arc<StoredClient>>, Fault> {
    let known = call.app.facts.client(&call.facts, id);
    call.app.metrics.cache("clients", known.is_some());
    if known.is_some() {
        return Ok(known);
    }
    load(call, id).await
}

async fn load(call: &Call, id: &ClientId) -> Result<Option<Arc<StoredClient>>, Fault> {
    let (app, facts, id) = (Arc::clone(&call.app), Arc::clone(&call.facts), id.clone());
    call.read(1, move |_store| app.facts.load_client(&app.database, &facts, &id)).await
}

/// The client as stored now, when that is not what memory said: another node may have changed its secret a moment
/// ago, and a secret that is right must not count as wrong.
pub(super) async fn changed(call: &Call, known: &StoredClient) -> Result<Option<Arc<StoredClient>>, Fault> {
    let stored = load(call, &known.client.client_id).await?;
    Ok(stored.filter(|stored| !same_proof(known, stored)))
}

fn same_proof(one: &StoredClient, other: &StoredClient) -> bool {
    let generated = match (one.secrets.generated, other.secrets.generated) {
        (Some(one), Some(other)) => one.matches(&other),
        (None, None) => true,
        _ => false,
    };
    generated && one.secrets.chosen == other.secrets.chosen && one.client == other.client
}

async fn begin(
    call: &Call,
    presented: &Presented,
    stored: Option<&StoredClient>,
    failures: Option<SourceFailures>,
) -> Result<AuthStep, Fault> {
    // Both may wait for somebody else's server: whoever is waited for, it is once.
    let (chain, registered) = tokio::join!(
        certificate::chain(call, presented, stored),
        certificate::registered(call, presented, stored)
    );
    let facts = Facts { chain, registered, ..facts(call, stored, failures) };
    client_auth::begin(presented, &facts, call.app.master.as_ref(), &call.env())
}

/// A generated secret, a certificate, or none at all: no slow hash.
async fn quick(call: &Call, presented: &Presented, id: &ClientId) -> Result<AuthStep, Fault> {
    let stored = client(call, id).await?;
    let step = begin(call, presented, stored.as_deref(), None).await?;
    if let (AuthStep::Refused(..), Some(known)) = (&step, &stored)
        && !misses::are_many(call)
        && let Some(fresh) = changed(call, known).await?
    {
        return begin(call, presented, Some(&fresh), None).await;
    }
    Ok(step)
}

pub(super) fn facts<'a>(
    call: &'a Call,
    stored: Option<&'a StoredClient>,
    failures: Option<SourceFailures>,
) -> Facts<'a> {
    let policy = stored.and_then(|stored| call.facts.policies.get(&stored.client.client_pwd_policy));
    Facts {
        stored,
        policy,
        failures,
        chain: None,
        registered: None,
        source: call.source,
        origin: &call.origin,
        audiences: &[],
        profile: call.facts.profile,
    }
}

async fn bearer(call: &Call, token: &PresentedToken, named: Option<&ClientId>) -> Result<AuthStep, Fault> {
    let locator = token.locator;
    let session = call.read(1, move |store| store.session(&locator)).await?;
    let stored = match &session {
        Some(session) => client(call, &session.client_id).await?,
        None => None,
    };
    let audiences = [call.issuer().as_str()];
    let facts = Facts { audiences: &audiences, ..facts(call, stored.as_deref(), None) };
    client_auth::by_bearer(token, named, session.as_ref(), &facts, &call.env())
}

/// A chosen secret: from memory when it was proven a moment ago, else behind a token bucket and the hashing lane.
async fn chosen(
    call: &Call,
    presented: &Presented,
    id: &ClientId,
    secret: &Secret,
    scheme: Scheme,
) -> Result<AuthStep, Stop> {
    let stored = client(call, id).await?;
    let key = ProvenKey {
        tenant: call.facts.tenant.id,
        hash: stored.as_deref().and_then(|stored| stored.secrets.chosen.clone()),
        client_id: id.clone(),
        source: call.source.lock_unit(),
    };
    let memory =
        if stored.is_some() { call.app.proven.recall(&key, secret, call.now) } else { Memory::Unknown };
    call.app.metrics.cache("proven_secrets", memory != Memory::Unknown);
    if memory == Memory::Proven {
        return Ok(client_auth::proven_before(
            presented,
            &facts(call, stored.as_deref(), None),
            &call.env(),
        )?);
    }
    if memory == Memory::ProvenReadLock {
        let failures = failures(call, id).await?;
        let step =
            client_auth::proven_before(presented, &facts(call, stored.as_deref(), failures), &call.env())?;
        remember(call, key, secret, &step);
        return Ok(step);
    }
    // What is refused here costs no read.
    spend(call, id, scheme)?;
    let step = compared(call, presented, stored, (key, secret)).await;
    // Who was told to come again has not guessed either.
    let none = match &step {
        Ok(AuthStep::Authenticated(..)) => true,
        Err(Stop::Fault(fault)) => Hashing::refused(fault),
        _ => false,
    };
    if none {
        give_back(call, id);
    }
    step
}

async fn compared(
    call: &Call,
    presented: &Presented,
    stored: Option<Arc<StoredClient>>,
    (key, secret): (ProvenKey, &Secret),
) -> Result<AuthStep, Stop> {
    call.app.hashing.room(call.facts.tenant.id)?;
    let failures = failures(call, &key.client_id).await?;
    slow(call, presented, stored, failures, (key, secret)).await
}

async fn failures(call: &Call, id: &ClientId) -> Result<Option<SourceFailures>, Fault> {
    let (id, source) = (id.clone(), call.source.lock_unit());
    call.read(1, move |store| store.source_failures(&id, source)).await
}

/// Takes from the buckets of source × client, and of the source over all names, before any hashing (DECISIONS 5.6):
/// a name that is made up costs as much as one that exists.
fn spend(call: &Call, id: &ClientId, scheme: Scheme) -> Result<(), Stop> {
    let source = call.source.lock_unit().to_string();
    let key = BucketKey::new(call.facts.tenant.id, &["client", &source, id.as_str()]);
    let one = call.app.buckets.take(key, call.app.clock.steady());
    one.and_then(|()| whole_source(call)).map_err(|wait| Stop::Refused(too_many(wait), scheme))
}

/// Gives back what [`spend`] took: who knows the secret did not guess (DECISIONS 5.6), however many of its calls came
/// at once.
fn give_back(call: &Call, id: &ClientId) {
    let (source, now) = (call.source.lock_unit().to_string(), call.app.clock.steady());
    let tenant = call.facts.tenant.id;
    call.app.buckets.give_back(&BucketKey::new(tenant, &["client", &source, id.as_str()]), now);
    give_back_source(call);
}

/// Gives back what [`whole_source`] took.
pub fn give_back_source(call: &Call) {
    let key = BucketKey::new(call.facts.tenant.id, &["source", &call.source.lock_unit().to_string()]);
    call.app.source_buckets.give_back(&key, call.app.clock.steady());
}

/// Takes from the bucket of a source over all that it may try.
///
/// # Errors
/// Seconds to wait.
pub fn whole_source(call: &Call) -> Result<(), i64> {
    let source = call.source.lock_unit().to_string();
    call.app
        .source_buckets
        .take(BucketKey::new(call.facts.tenant.id, &["source", &source]), call.app.clock.steady())
}

/// 429 with `Retry-After` (DECISIONS 4.6).
pub fn too_many(wait: i64) -> Refusal {
    Refusal::new(OAuthErrorCode::TooManyRequests, "too_many_attempts", "Too many attempts; try again later")
        .with(Detail::RetryAfter(wait))
}

async fn slow(
    call: &Call,
    presented: &Presented,
    mut stored: Option<Arc<StoredClient>>,
    mut failures: Option<SourceFailures>,
    (key, secret): (ProvenKey, &Secret),
) -> Result<AuthStep, Stop> {
    let mut comparison = Comparison::default();
    let mut current = false;
    for _ in 0..ROUNDS {
        let AuthStep::NeedHash(need) = begin(call, presented, stored.as_deref(), failures).await? else {
            return Err(Fault::Invariant("a chosen secret needs a slow hash").into());
        };
        let (verified, rehash) = comparison.with(call, secret, need.hash).await?;
        if let (false, false, Some(known)) = (verified.matches, current, &stored) {
            // Before a failure counts, memory is compared with storage, once.
            current = true;
            if let Some(fresh) = changed(call, known).await? {
                stored = Some(fresh);
                continue;
            }
        }
        let facts = facts(call, stored.as_deref(), failures);
        let step = client_auth::resume(presented, &facts, verified, rehash, &call.env())?;
        let writes = match &step {
            AuthStep::Authenticated(_, writes) | AuthStep::Refused(_, writes) => writes.clone(),
            AuthStep::NeedHash(_) | AuthStep::NeedSignature(_) => WriteBatch::new(),
        };
        if writes.is_empty() || call.commit(writes).await? == Applied::Committed {
            remember(call, key, secret, &step);
            return Ok(committed(step));
        }
        failures = self::failures(call, &key.client_id).await?;
    }
    Err(Fault::Contended(ROUNDS).into())
}

/// The step without the writes that have just been committed.
fn committed(step: AuthStep) -> AuthStep {
    match step {
        AuthStep::Authenticated(client, _) => AuthStep::Authenticated(client, WriteBatch::new()),
        AuthStep::Refused(refusal, _) => AuthStep::Refused(refusal, WriteBatch::new()),
        AuthStep::NeedHash(_) | AuthStep::NeedSignature(_) => step,
    }
}

fn remember(call: &Call, key: ProvenKey, secret: &Secret, step: &AuthStep) {
    match step {
        AuthStep::Authenticated(..) => call.app.proven.remember(key, secret, call.now),
        AuthStep::Refused(..) | AuthStep::NeedHash(_) | AuthStep::NeedSignature(_) => {
            call.app.proven.forget(&key);
        }
    }
}

async fn commit_if_any(call: &Call, writes: WriteBatch) -> Result<(), Stop> {
    if writes.is_empty() {
        return Ok(());
    }
    match call.commit(writes).await? {
        Applied::Committed => Ok(()),
        Applied::Conflict => Err(Fault::Contended(1).into()),
    }
}
