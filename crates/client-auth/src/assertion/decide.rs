//! Whether an assertion proves the client.

use domain::port::StoredClient;
use domain::{Env, Fault, Remembered, RememberedFor, Write, WriteBatch};

use super::{Assertion, AssertionAlg, claims};
use crate::decide::{AuthStep, Facts, admitted, effective_profile, named, proved, refused};
use crate::{Presented, Reason};

/// With what a signature is to be verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureBy {
    /// An HMAC under the client's secret ([`domain::ClientSecrets::sealed`]).
    Secret,
    /// A key of the client's set ([`domain::Client::keys`]).
    Keys {
        /// Where keys without `use` are in the set, only those (CONTRACT 4.16).
        prefer_unmarked: bool,
    },
}

/// What became of the verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureFinding {
    /// The signature is the client's.
    Good,
    /// It is not.
    Wrong,
    /// The set has no key that the header may mean.
    UnknownKey,
    /// The set cannot be had.
    KeysUnavailable,
}

/// Everything but the signature.
pub(crate) fn begin(assertion: &Assertion, facts: &Facts<'_>, env: &Env<'_>) -> Result<AuthStep, Fault> {
    Ok(match judged(assertion, facts, env)? {
        Ok((stored, _)) => AuthStep::NeedSignature(match assertion.alg() {
            AssertionAlg::Hs256 => SignatureBy::Secret,
            AssertionAlg::Signed(_) => SignatureBy::Keys {
                prefer_unmarked: effective_profile(facts, &stored.client).lenient_assertions,
            },
        }),
        Err(reason) => refused(facts, reason),
    })
}

/// Decides after the signature was looked at. `facts` must be those that [`crate::begin`] saw. Success comes with the
/// write that uses the assertion up: it belongs into the batch of whatever the caller gets, and a conflict of it is a
/// replay when [`domain::port::RememberedLookup`] says so: [`crate::replayed`].
///
/// # Errors
/// [`Fault::Invariant`] when `presented` is no assertion, or the facts are another client's.
pub fn resume_assertion(
    presented: &Presented,
    facts: &Facts<'_>,
    finding: SignatureFinding,
    env: &Env<'_>,
) -> Result<AuthStep, Fault> {
    let Presented::Assertion(assertion) = presented else {
        return Err(Fault::Invariant("only an assertion has a signature"));
    };
    let (stored, used) = match judged(assertion, facts, env)? {
        Ok(found) => found,
        Err(reason) => return Ok(refused(facts, reason)),
    };
    Ok(match finding {
        SignatureFinding::Good => {
            let writes = WriteBatch { writes: vec![Write::UseOnce(used)] };
            proved(&stored.client, assertion.method(), writes)
        }
        SignatureFinding::Wrong => refused(facts, Reason::AssertionSignature),
        SignatureFinding::UnknownKey => refused(facts, Reason::AssertionUnknownKey),
        SignatureFinding::KeysUnavailable => refused(facts, Reason::KeysUnavailable),
    })
}

type Judged<'a> = Result<(&'a StoredClient, Remembered), Reason>;

fn judged<'a>(assertion: &Assertion, facts: &Facts<'a>, env: &Env<'_>) -> Result<Judged<'a>, Fault> {
    // First what holds for any client, so that its words can be precise and tell nothing of the one that is named.
    let expires_at = match claims::check(&assertion.claims, facts.audiences, env.now) {
        Ok(expires_at) => expires_at,
        Err(reason) => return Ok(Err(reason)),
    };
    let admitted = named(facts, assertion.client_id())?
        .and_then(|stored| admitted(facts, stored, assertion.method()))
        .and_then(|stored| holder(assertion, stored))
        .and_then(|stored| strictly(assertion, facts, stored));
    Ok(admitted.and_then(|stored| {
        let lenient = effective_profile(facts, &stored.client).lenient_assertions;
        let key = claims::identity(&assertion.claims, assertion.client_id(), assertion.signed(), lenient)?;
        Ok((stored, Remembered { purpose: RememberedFor::ClientAssertion, key, expires_at }))
    }))
}

/// The client if the assertion is as strict as its profile: for the issuer alone, as text (FAPI 2.0 Security Profile
/// §5.3.2.1), and by one of its algorithms (§5.4.1).
fn strictly<'a>(
    assertion: &Assertion,
    facts: &Facts<'_>,
    stored: &'a StoredClient,
) -> Result<&'a StoredClient, Reason> {
    let profile = effective_profile(facts, &stored.client);
    if profile.key_bound && !claims::is_for(&assertion.claims, facts.audiences.first().copied()) {
        return Err(Reason::AssertionAudience);
    }
    match assertion.alg() {
        AssertionAlg::Signed(alg) if !profile.has_alg(alg) => Err(Reason::AssertionAlgorithmNotOwn),
        _ => Ok(stored),
    }
}

/// The client if it holds what verifies, and the algorithm is one of its own.
fn holder<'a>(assertion: &Assertion, stored: &'a StoredClient) -> Result<&'a StoredClient, Reason> {
    let client = &stored.client;
    match assertion.alg() {
        AssertionAlg::Hs256 if stored.secrets.sealed.is_none() => Err(Reason::SecretKindNotHeld),
        AssertionAlg::Hs256 => Ok(stored),
        AssertionAlg::Signed(_) if client.keys.is_none() => Err(Reason::KeysUnavailable),
        AssertionAlg::Signed(alg) => {
            let own = &client.auth_signing_algs;
            let fits = own.is_empty() || own.contains(&alg);
            if fits { Ok(stored) } else { Err(Reason::AssertionAlgorithmNotOwn) }
        }
    }
}
