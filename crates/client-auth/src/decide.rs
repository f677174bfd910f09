//! Whether what was presented proves the client.

use domain::port::{KeyedDigest, PasswordHash, StoredClient, Verified};
use domain::{
    AuditEvent, AuditKind, AuditOutcome, AuthMethod, AuthenticatedClient, AuthenticationPolicy, ChainProblem,
    Client, ClientId, Env, Fault, Origin, Refusal, Secret, SecretDigest, SourceAddr, SourceFailures,
    WireProfile, Write, WriteBatch, machine_secret,
};

use crate::attest::attest;
use crate::{Presented, Reason, SignatureBy, assertion, certificate, lock};

/// What the decision rests on.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// The client that was named, as stored.
    pub stored: Option<&'a StoredClient>,
    /// The policy that its `client_pwd_policy` names. Needed for chosen secrets only.
    pub policy: Option<&'a AuthenticationPolicy>,
    /// The failures on record for the client and the source's lock unit. Needed for chosen secrets only.
    pub failures: Option<SourceFailures>,
    /// What the tenant's truststore says of the certificate's chain. Needed where [`crate::needs_chain`] says so.
    pub chain: Option<Result<(), ChainProblem>>,
    /// Whether the client has registered the certificate. Needed where [`crate::needs_registration`] says so.
    pub registered: Option<bool>,
    /// From where the request comes.
    pub source: SourceAddr,
    /// The request, for the audit log.
    pub origin: &'a Origin,
    /// What an assertion may call us: the issuer first, the token endpoint's URL, and that of the endpoint that was asked.
    /// Needed for assertions only.
    pub audiences: &'a [&'a str],
    /// The tenant's profile. A client may be held to a stricter one.
    pub profile: WireProfile,
}

/// How far client authentication has come.
#[derive(Debug)]
pub enum AuthStep {
    /// Proved, with what must be written first.
    Authenticated(AuthenticatedClient, WriteBatch),
    /// A slow hash must be compared; then [`resume`].
    NeedHash(NeedHash),
    /// A signature must be verified; then [`crate::resume_assertion`].
    NeedSignature(SignatureBy),
    /// Refused, with what must be written first.
    Refused(Refusal, WriteBatch),
}

/// A slow comparison to be done outside.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NeedHash {
    /// The hash to compare with; `None`: do the same work against a dummy, so that nobody can tell.
    pub hash: Option<PasswordHash>,
}

/// What storage keeps of a secret that the server generated: the keyed digest of its whole text.
pub fn generated_digest(secret: &Secret, digest: &dyn KeyedDigest) -> SecretDigest {
    digest.keyed(secret.expose().as_bytes())
}

/// Whether [`begin`] will ask for a slow hash: so the host looks up failures, and applies its token bucket, only
/// then (DECISIONS 5.6). It depends on the form of the secret alone.
pub fn is_chosen_secret(presented: &Presented) -> bool {
    matches!(presented, Presented::Secret { secret, .. } if !machine_secret::recognise(secret.expose()))
}

/// Decides as far as it goes without a slow hash. Bearers go to [`crate::by_bearer`] instead.
///
/// # Errors
/// [`Fault::Invariant`] when the host asks about a bearer token here, or the facts are another client's.
pub fn begin(
    presented: &Presented,
    facts: &Facts<'_>,
    digest: &dyn KeyedDigest,
    env: &Env<'_>,
) -> Result<AuthStep, Fault> {
    match presented {
        Presented::Nothing => Ok(refused(facts, Reason::NoCredentials)),
        Presented::Bearer { token: None, .. } => Ok(refused(facts, Reason::MalformedBearer)),
        Presented::Bearer { token: Some(_), .. } => {
            Err(Fault::Invariant("a bearer is judged with its session"))
        }
        Presented::Certificate { client_id, certificate, explicit } => {
            certificate::decide((client_id, certificate, *explicit), facts, env)
        }
        Presented::Assertion(assertion) => assertion::begin(assertion, facts, env),
        Presented::Public { client_id } => only_named(facts, client_id, Reason::ProofMissing),
        // A public client's certificate proves nothing, read or not.
        Presented::Unreadable { client_id } => only_named(facts, client_id, Reason::CertificateUnreadable),
        Presented::Secret { method, client_id, secret } if machine_secret::recognise(secret.expose()) => {
            let presented = generated_digest(secret, digest);
            let named = named(facts, client_id)?;
            Ok(match generated(facts, named, *method, &presented) {
                Ok(stored) => proved(&stored.client, *method, WriteBatch::new()),
                Err(reason) => refused(facts, reason),
            })
        }
        Presented::Secret { method, client_id, secret } => {
            let holder = named(facts, client_id)?.and_then(|stored| holder(facts, stored, *method));
            let open = holder.is_ok_and(|(stored, _)| {
                source_allowed(facts, &stored.client) && !lock::is_locked(facts.failures, env.now)
            });
            let hash = holder.ok().filter(|_| open && !secret.is_empty()).map(|(_, hash)| hash.clone());
            Ok(AuthStep::NeedHash(NeedHash { hash }))
        }
    }
}

/// Decides about a client that only named itself; `lacking` is what a confidential one is told.
fn only_named(facts: &Facts<'_>, client_id: &ClientId, lacking: Reason) -> Result<AuthStep, Fault> {
    let named = named(facts, client_id)?;
    Ok(match named.and_then(|stored| admitted(facts, stored, AuthMethod::None)) {
        Ok(stored) => proved(&stored.client, AuthMethod::None, WriteBatch::new()),
        Err(Reason::MethodNotAllowed) => refused(facts, lacking),
        Err(reason) => refused(facts, reason),
    })
}

/// Decides after the slow hash. `facts` must be those that [`begin`] saw, or newer ones for which it asks for the
/// same hash. `rehash` is the same secret under today's parameters, made when `verified` says outdated.
///
/// # Errors
/// [`Fault::Invariant`] when `presented` is no chosen secret, or the facts are another client's;
/// [`Fault::Entropy`] when the audit row can have no key.
pub fn resume(
    presented: &Presented,
    facts: &Facts<'_>,
    verified: Verified,
    rehash: Option<PasswordHash>,
    env: &Env<'_>,
) -> Result<AuthStep, Fault> {
    let (Presented::Secret { method, client_id, secret }, true) = (presented, is_chosen_secret(presented))
    else {
        return Err(Fault::Invariant("only a chosen secret has a slow hash"));
    };
    let (stored, hash) = match named(facts, client_id)?.and_then(|stored| holder(facts, stored, *method)) {
        Ok(holder) => holder,
        Err(reason) => return Ok(refused(facts, reason)),
    };
    let mut writes = WriteBatch::new();
    let source = facts.source.lock_unit();
    if !source_allowed(facts, &stored.client) {
        writes.push(audit(facts, client_id, *method, Reason::SourceNotAllowed, env)?);
        return Ok(AuthStep::Refused(Reason::SourceNotAllowed.refusal(&facts.profile), writes));
    }
    // A locked source stores nothing more: the failures that locked it are on record (DECISIONS 3.6).
    if lock::is_locked(facts.failures, env.now) {
        return Ok(refused(facts, Reason::SourceLocked));
    }
    if !verified.matches || secret.is_empty() {
        let now = lock::after_failure(facts.failures, facts.policy, env.now);
        writes.push(Write::SourceFailed { client_id: client_id.clone(), source, seen: facts.failures, now });
        writes.push(audit(facts, client_id, *method, Reason::WrongSecret, env)?);
        return Ok(AuthStep::Refused(Reason::WrongSecret.refusal(&facts.profile), writes));
    }
    if let Some(seen) = facts.failures {
        writes.push(Write::SourceSucceeded { client_id: client_id.clone(), source, seen });
    }
    if let Some(new) = rehash.filter(|_| verified.outdated) {
        writes.push(Write::RehashClientSecret {
            client_id: client_id.clone(),
            seen: hash.clone(),
            hash: new,
        });
    }
    Ok(proved(&stored.client, *method, writes))
}

/// Decides about a chosen secret that the host has seen proved a moment ago, for the hash that `facts` hold:
/// every check of [`resume`] but the hash.
///
/// # Errors
/// As [`resume`].
pub fn proven_before(presented: &Presented, facts: &Facts<'_>, env: &Env<'_>) -> Result<AuthStep, Fault> {
    resume(presented, facts, Verified { matches: true, outdated: false }, None, env)
}

/// Refuses and stores nothing.
pub(crate) fn refused(facts: &Facts<'_>, reason: Reason) -> AuthStep {
    AuthStep::Refused(reason.refusal(&facts.profile), WriteBatch::new())
}

/// The client that was named, if it is known and enabled.
pub(crate) fn named<'a>(facts: &Facts<'a>, id: &ClientId) -> Result<Result<&'a StoredClient, Reason>, Fault> {
    let Some(stored) = facts.stored else { return Ok(Err(Reason::UnknownClient)) };
    if stored.client.client_id != *id {
        return Err(Fault::Invariant("the client that was looked up is the one that was named"));
    }
    Ok(if stored.client.enabled { Ok(stored) } else { Err(Reason::ClientDisabled) })
}

/// Whether the client may call from the request's address.
pub(crate) fn source_allowed(facts: &Facts<'_>, client: &Client) -> bool {
    client.may_call_from(facts.source.ip())
}

/// The profile that holds for the client: its own where that is stricter than the tenant's, never a laxer one.
pub(crate) fn effective_profile(facts: &Facts<'_>, client: &Client) -> WireProfile {
    WireProfile::effective(facts.profile.name, client.profile)
}

/// The client if it may use `method` (DECISIONS 5.1).
fn may_use<'a>(
    facts: &Facts<'_>,
    stored: &'a StoredClient,
    method: AuthMethod,
) -> Result<&'a StoredClient, Reason> {
    let client = &stored.client;
    let by_basic = method == AuthMethod::ClientSecretPost
        && effective_profile(facts, client).basic_includes_post
        && client.auth_methods.contains(&AuthMethod::ClientSecretBasic);
    let may = by_basic || client.auth_methods.contains(&method);
    let may = may && effective_profile(facts, client).has_method(method);
    may.then_some(stored).ok_or(Reason::MethodNotAllowed)
}

/// The client if it may use `method` from here.
pub(crate) fn admitted<'a>(
    facts: &Facts<'_>,
    stored: &'a StoredClient,
    method: AuthMethod,
) -> Result<&'a StoredClient, Reason> {
    let stored = may_use(facts, stored, method)?;
    source_allowed(facts, &stored.client).then_some(stored).ok_or(Reason::SourceNotAllowed)
}

/// The client and its chosen secret's hash, if it holds one and may use `method`.
fn holder<'a>(
    facts: &Facts<'_>,
    stored: &'a StoredClient,
    method: AuthMethod,
) -> Result<(&'a StoredClient, &'a PasswordHash), Reason> {
    let stored = may_use(facts, stored, method)?;
    stored.secrets.chosen.as_ref().map(|hash| (stored, hash)).ok_or(Reason::SecretKindNotHeld)
}

/// The client if `presented` is the digest of its generated secret. Compares in any case, with a dummy where there
/// is nothing to compare with (DECISIONS 5.5).
fn generated<'a>(
    facts: &Facts<'_>,
    named: Result<&'a StoredClient, Reason>,
    method: AuthMethod,
    presented: &SecretDigest,
) -> Result<&'a StoredClient, Reason> {
    let kept = named.ok().and_then(|stored| stored.secrets.generated);
    let matches = presented.matches(&kept.unwrap_or(SecretDigest::from_bytes([0; 32])));
    let stored = named.and_then(|stored| admitted(facts, stored, method))?;
    if kept.is_none() {
        return Err(Reason::SecretKindNotHeld);
    }
    matches.then_some(stored).ok_or(Reason::WrongSecret)
}

pub(crate) fn proved(client: &std::sync::Arc<Client>, method: AuthMethod, writes: WriteBatch) -> AuthStep {
    AuthStep::Authenticated(attest(client, Some(method)), writes)
}

fn audit(
    facts: &Facts<'_>,
    client_id: &ClientId,
    method: AuthMethod,
    reason: Reason,
    env: &Env<'_>,
) -> Result<Write, Fault> {
    let kind = AuditKind::ClientAuthentication;
    let event = AuditEvent::new(env, facts.origin, kind, AuditOutcome::Refused, reason.label())?;
    Ok(Write::Audit(Box::new(event.client(client_id.as_str()).detail(method.as_str()))))
}
