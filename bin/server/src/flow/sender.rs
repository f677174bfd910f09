//! DPoP proofs and certificates around the pure rules of `oidc-core`.

use client_auth::Scheme;
use domain::{
    Applied, Client, Confirmation, Fault, OAuthErrorCode, Refusal, Remembered, Session, Thumbprint, Write,
    WriteBatch, port::RememberedLookup as _,
};
use oidc_core::{
    dpop::{self, Expected, Nonces, Proof},
    sender::{self, Presentation, Proven, Sender},
};

use super::ROUNDS;
use crate::{
    extract::{Call, DpopHeaders},
    respond::Stop,
};

/// Who asks for tokens, and what they will be bound to.
///
/// # Errors
/// `invalid_dpop_proof`, `use_dpop_nonce`, and those of [`Sender::new`].
pub fn at_token(call: &Call, client: &Client) -> Result<Sender, Refusal> {
    let proven = match &call.dpop {
        None => None,
        Some(headers) => Some(prove(call, headers, client, None)?),
    };
    Sender::new(client, &call.profile(client), proven, certificate(call))
}

/// Checks that whoever brings `text` to an endpoint of ours may: it is not bound, or they have shown what it is bound
/// to. Gives the proof to use up, if one was due.
///
/// # Errors
/// `invalid_token`, `invalid_dpop_proof`, `use_dpop_nonce`.
pub fn at_resource(
    call: &Call,
    (session, client): (&Session, &Client),
    (presentation, text): (Presentation, &str),
) -> Result<Option<Remembered>, Refusal> {
    if !sender::admit(session, presentation, certificate(call).as_ref())? {
        return Ok(None);
    }
    let headers = call.dpop.as_ref().ok_or(dpop::MISSING)?;
    let bound = session.confirmation.as_ref().and_then(Confirmation::jkt);
    Ok(Some(prove(call, headers, client, bound.map(|jkt| (text, jkt)))?.spent))
}

/// The thumbprint of the connection's certificate.
fn certificate(call: &Call) -> Option<Thumbprint> {
    call.certificate().map(|certificate| certificate.thumbprint)
}

/// Checks a proof, the signature last. `token` is the access token that comes with it, and the key it is bound to.
fn prove(
    call: &Call,
    headers: &DpopHeaders,
    client: &Client,
    token: Option<(&str, &Thumbprint)>,
) -> Result<Proven, Refusal> {
    let proof = Proof::parse(&headers.values)?;
    if !call.profile(client).has_alg(proof.alg) {
        return Err(dpop::BAD_ALG);
    }
    let tenant = &call.facts.tenant;
    let nonces = Nonces { digest: call.app.master.as_ref(), tenant: tenant.id };
    let urls = headers.urls(&call.app);
    let expected = Expected {
        method: &headers.method,
        urls: &urls,
        access_token: token.map(|(text, _)| text),
        nonce_required: tenant.settings.dpop_nonce_required || client.dpop_nonce_required,
        now: call.now,
    };
    let checked = proof.check(&expected, &nonces);
    let wants_nonce = checked.as_ref().is_err_and(|refusal| refusal.code == OAuthErrorCode::UseDpopNonce);
    if wants_nonce || !proof.has_current_nonce(&nonces, call.now) {
        call.told.borrow_mut().dpop_nonce = Some(nonces.current(call.now));
    }
    checked?;
    let jkt = jose::ProofKey::thumbprint(proof.alg, &proof.jwk).ok_or(dpop::BAD_KEY)?;
    if token.is_some_and(|(_, bound)| *bound != jkt) {
        return Err(sender::OTHER_KEY);
    }
    // Proof::parse has seen that it is text.
    let compact =
        headers.values.first().and_then(|value| std::str::from_utf8(value).ok()).unwrap_or_default();
    if !call.app.proof_keys.signed(proof.alg, (jkt, &proof.jwk), compact) {
        return Err(dpop::BAD_SIGNATURE);
    }
    Ok(Proven { jkt, spent: proof.spent(&jkt) })
}

/// The scheme of an `Authorization` header, and the token.
pub fn presentation(header: &[u8]) -> Option<(Presentation, &str)> {
    let (scheme, token) = std::str::from_utf8(header).ok()?.split_once(' ')?;
    let presentation = if scheme.eq_ignore_ascii_case("bearer") {
        Presentation::Bearer
    } else if scheme.eq_ignore_ascii_case("dpop") {
        Presentation::Dpop
    } else {
        return None;
    };
    Some((presentation, token.trim()))
}

/// The scheme that a refused token is to be sent with: the one that was tried, or would have been right.
pub fn challenge(call: &Call, refusal: &Refusal) -> Scheme {
    let mut schemes = call.authorization.iter().filter_map(|value| presentation(value));
    let tried = call.dpop.is_some() || schemes.any(|(scheme, _)| scheme == Presentation::Dpop);
    if tried || refusal.reason == sender::BOUND_AS_BEARER.reason { Scheme::Dpop } else { Scheme::Bearer }
}

/// Why a batch conflicted, as far as the proof goes: nothing when it is unused.
///
/// # Errors
/// `invalid_dpop_proof` for a proof that has been used; those of storage.
pub async fn unused(call: &Call, spent: Option<Remembered>) -> Result<(), Stop> {
    let Some(spent) = spent else { return Ok(()) };
    let used = call.read(1, move |store| store.remembered(spent.purpose, &spent.key)).await?;
    if used { Err(dpop::REPLAYED.into()) } else { Ok(()) }
}

/// Uses a request's proof up, the first time that it is asked to: what is tried again within a request needs no other.
///
/// # Errors
/// As [`use_up`].
pub(super) async fn use_up_once(call: &Call, spent: Remembered) -> Result<(), Stop> {
    if call.told.borrow().proof_is_used_up {
        return Ok(());
    }
    use_up(call, spent, None).await?;
    call.told.borrow_mut().proof_is_used_up = true;
    Ok(())
}

/// Uses a proof up where nothing else is written but activity.
///
/// # Errors
/// As [`unused`], and [`Fault::Contended`].
pub async fn use_up(call: &Call, spent: Remembered, touch: Option<Write>) -> Result<(), Stop> {
    let writes: Vec<Write> = [Write::UseOnce(spent)].into_iter().chain(touch).collect();
    for _ in 0..ROUNDS {
        if call.commit(WriteBatch { writes: writes.clone() }).await? == Applied::Committed {
            return Ok(());
        }
        unused(call, Some(spent)).await?;
    }
    Err(Fault::Contended(ROUNDS).into())
}
