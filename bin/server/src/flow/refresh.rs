//! The refresh grant around the pure engine of `oidc-core`.

use domain::{
    Applied, AuthenticatedClient, Claims, ClientId, Fault, PresentedToken, StoredRefresh, TokenKind, User,
    port::{RefreshLookup as _, UserLookup as _},
    token_text,
};
use oidc_core::{
    grant::refresh_token,
    issue::Policy,
    token::{Issuing, Outcome, TokenRequest, embed},
};

use super::{ROUNDS, sender};
use crate::{extract::Call, respond::Stop};

/// Answers a refresh request.
///
/// # Errors
/// [`Stop::Refused`], [`Stop::Fault`].
pub async fn answer(
    call: &Call,
    client: &AuthenticatedClient,
    request: &TokenRequest,
    text: &str,
    issuing: &Issuing<'_>,
) -> Result<Claims, Stop> {
    let presented =
        token_text::parse(TokenKind::Refresh, text).ok_or_else(|| refresh_token::invalid("malformed"))?;
    for _ in 0..ROUNDS {
        let (stored, user) = lookup(call, presented).await?;
        let policy = stored.as_ref().and_then(|stored| stored.family.policy.as_ref());
        let policy = policy.and_then(|code| call.facts.policies.get(code));
        let facts = refresh_token::Facts {
            stored: stored.as_ref(),
            user: user.as_ref(),
            policy,
            settings: issuing.settings,
            sender: &issuing.sender,
        };
        let profile = &issuing.policy.profile;
        let decision = refresh_token::resolve(client, request, &presented, facts, profile, &call.env())?;
        let stored = stored.ok_or(Fault::Invariant("a decision about no token"))?;
        let issuing = of_origin(call, &decision, &stored, issuing)?;
        let (outcome, batch) = embed::conclude(decision, client, request, (&stored, text), &issuing)?;
        if batch.is_empty() || call.commit(batch).await? == Applied::Committed {
            return match outcome {
                Outcome::Issued(answer) => Ok(answer),
                Outcome::Refused(refusal) => Err(refusal.into()),
            };
        }
        sender::unused(call, issuing.sender.spent()).await?;
    }
    Err(Fault::Contended(ROUNDS).into())
}

/// A refresh keeps the issuer of the log-in, at whichever layout it is asked for (OpenID Connect Core §12.2;
/// docs/decisions/0041).
fn of_origin<'a>(
    call: &'a Call,
    decision: &refresh_token::Decision,
    stored: &StoredRefresh,
    issuing: &Issuing<'a>,
) -> Result<Issuing<'a>, Stop> {
    match (call.facts.face(stored.family.layout), decision) {
        (Some(face), _) => {
            let policy = Policy { issuer: &face.issuer, ..issuing.policy };
            Ok(Issuing { policy, ..*issuing })
        }
        // Whoever has the token may not be told to log in again before a reuse has ended the family.
        (None, refresh_token::Decision::Reused) => Ok(*issuing),
        (None, refresh_token::Decision::Refresh(_) | refresh_token::Decision::Repeat(_)) => {
            Err(refresh_token::invalid("issuer_gone").into())
        }
    }
}

async fn lookup(
    call: &Call,
    presented: PresentedToken,
) -> Result<(Option<StoredRefresh>, Option<User>), Fault> {
    call.read(2, move |store| {
        let stored = store.refresh(&presented.locator)?;
        let user =
            stored.as_ref().map(|stored| store.user(stored.family.subject.user_id)).transpose()?.flatten();
        Ok((stored, user))
    })
    .await
}

/// The client that a refresh token names, for a public client that sends no `client_id` (DECISIONS 2). A
/// confidential one named so has still to prove itself.
///
/// # Errors
/// Those of storage and of the lane.
pub async fn named_client(call: &Call, text: &str) -> Result<Option<ClientId>, Fault> {
    let Some(presented) = token_text::parse(TokenKind::Refresh, text) else {
        return Ok(None);
    };
    let stored = call.read(1, move |store| store.refresh(&presented.locator)).await?;
    let ours = stored.filter(|stored| stored.token.digest.matches(&presented.digest));
    Ok(ours.map(|stored| stored.family.client_id))
}
