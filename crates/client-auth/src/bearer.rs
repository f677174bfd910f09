//! A client's own bearer as its authentication (DECISIONS 5.4).

use domain::{ClientId, Env, Fault, PresentedToken, SecretDigest, Session, Write, WriteBatch};

use crate::Reason;
use crate::attest::attest;
use crate::decide::{AuthStep, Facts, effective_profile, named, refused, source_allowed};

/// Decides whether `token` authenticates a client: only the token of a live session that has no user in it, and of
/// the same client if `client_id` is sent. One that is bound to a key or a certificate never does, nor one that is for a
/// resource (RFC 8707 §2), unless `facts.audiences` name it: whoever serves that would be the client. `session` is the row that the token's locator finds; `facts.stored` is
/// the session's client. Success counts as activity of the session (DECISIONS 3.2).
///
/// # Errors
/// [`Fault::Invariant`] when `facts.stored` is another client than the session's.
pub fn by_bearer(
    token: &PresentedToken,
    client_id: Option<&ClientId>,
    session: Option<&Session>,
    facts: &Facts<'_>,
    env: &Env<'_>,
) -> Result<AuthStep, Fault> {
    let kept = session.filter(|session| session.locator == token.locator).map(|session| session.digest);
    let matches = token.digest.matches(&kept.unwrap_or(SecretDigest::from_bytes([0; 32])));
    let Some(session) = session.filter(|_| matches && kept.is_some()) else {
        return Ok(refused(facts, Reason::UnknownBearer));
    };
    if let Err(reason) = fit(client_id, session, facts, env) {
        return Ok(refused(facts, reason));
    }
    let stored = match named(facts, &session.client_id)? {
        Ok(stored) => stored,
        Err(reason) => return Ok(refused_bearer(facts, reason)),
    };
    let client = &stored.client;
    if !effective_profile(facts, client).bearer_authenticates {
        return Ok(refused_bearer(facts, Reason::BearerNotAccepted));
    }
    if !source_allowed(facts, client) {
        return Ok(refused_bearer(facts, Reason::SourceNotAllowed));
    }
    let mut writes = WriteBatch::new();
    if session.needs_touch(env.now) {
        writes.push(Write::TouchSession { locator: session.locator, at: env.now });
    }
    Ok(AuthStep::Authenticated(attest(client, None), writes))
}

fn fit(
    client_id: Option<&ClientId>,
    session: &Session,
    facts: &Facts<'_>,
    env: &Env<'_>,
) -> Result<(), Reason> {
    let ours = |audience: &String| facts.audiences.contains(&audience.as_str());
    if !session.is_live(env.now) {
        Err(Reason::ExpiredBearer)
    } else if session.subject.is_some() {
        Err(Reason::UsersBearer)
    } else if session.confirmation.is_some() {
        Err(Reason::BoundBearer)
    } else if !session.audience.is_empty() && !session.audience.iter().any(ours) {
        Err(Reason::BearerForAnother)
    } else if client_id.is_some_and(|named| *named != session.client_id) {
        Err(Reason::ForeignBearer)
    } else {
        Ok(())
    }
}

/// Refuses for `reason`, in the words of any other bad bearer.
fn refused_bearer(facts: &Facts<'_>, reason: Reason) -> AuthStep {
    let mut refusal = Reason::UnknownBearer.refusal(&facts.profile);
    refusal.reason = reason.label();
    AuthStep::Refused(refusal, WriteBatch::new())
}
