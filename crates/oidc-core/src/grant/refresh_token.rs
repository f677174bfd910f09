//! `refresh_token` (RFC 6749 §6, RFC 9700 §4.14, DECISIONS 3.4).

use domain::{
    AuthenticatedClient, AuthorizedGrant, Env, FamilyEnd, OAuthErrorCode, PresentedToken, RefreshFamily,
    RefreshPolicy, Refusal, Scopes, StoredRefresh, User, UserStatus, WireProfile, Write,
    refresh::RETRY_WINDOW,
};

use crate::token::TokenRequest;

/// What becomes of a refresh request.
#[derive(Debug)]
pub enum Decision {
    /// Open a session; replace the token where the profile rotates.
    Refresh(Box<AuthorizedGrant>),
    /// A retry within [`RETRY_WINDOW`]: give the sealed answer again if it opens under the presented token for
    /// this client and scope; otherwise it is [`reused`].
    Repeat(Vec<u8>),
    /// A spent token came back.
    Reused,
}

/// Decides about a token that was looked up. `user` is the family's user as stored now.
///
/// # Errors
/// `unauthorized_client` without the grant; `invalid_grant` for an unknown, foreign, expired or ended token, one
/// text for all; `invalid_scope` for more than was granted.
pub fn resolve(
    client: &AuthenticatedClient,
    request: &TokenRequest,
    presented: &PresentedToken,
    facts: (Option<&StoredRefresh>, Option<&User>),
    profile: &WireProfile,
    env: &Env<'_>,
) -> Result<Decision, Refusal> {
    super::allow(client.client(), request.grant.grant_type(), profile)?;
    let stored = facts
        .0
        .filter(|stored| stored.token.digest.matches(&presented.digest))
        .ok_or_else(|| invalid("unknown"))?;
    let family = &stored.family;
    if family.client_id != client.client().client_id {
        return Err(invalid("foreign"));
    }
    if family.ended {
        return Err(invalid("family_ended"));
    }
    if family.expires_at.has_passed(env.now) {
        return Err(invalid("family_expired"));
    }
    if facts.1.is_none_or(|user| user.status == UserStatus::Disabled) {
        return Err(invalid("user_disabled"));
    }
    if family.current != stored.token.locator {
        return Ok(spent(family, stored, env));
    }
    let scopes = narrowed(family, request.scope.as_ref())?;
    Ok(Decision::Refresh(Box::new(grant(family, scopes))))
}

fn spent(family: &RefreshFamily, stored: &StoredRefresh, env: &Env<'_>) -> Decision {
    let within = family.rotated_at.is_some_and(|at| !at.plus(RETRY_WINDOW).has_passed(env.now));
    match &family.sealed_answer {
        Some(answer) if within && family.previous == Some(stored.token.locator) => {
            Decision::Repeat(answer.clone())
        }
        _ => Decision::Reused,
    }
}

fn narrowed(family: &RefreshFamily, asked: Option<&Scopes>) -> Result<Scopes, Refusal> {
    match asked {
        None => Ok(family.scopes.clone()),
        Some(asked) if asked.is_subset(&family.scopes) => Ok(asked.clone()),
        Some(_) => Err(TOO_MUCH),
    }
}

fn grant(family: &RefreshFamily, scopes: Scopes) -> AuthorizedGrant {
    AuthorizedGrant {
        client_id: family.client_id.clone(),
        subject: Some(family.subject.clone()),
        scopes,
        audience: family.audience.clone(),
        acr: family.acr.clone(),
        amr: family.amr.clone(),
        auth_time: family.auth_time,
        limits: family.limits,
        refresh: RefreshPolicy::None,
        policy: family.policy.clone(),
        channel: family.channel.clone(),
        context: family.context.clone(),
    }
}

/// What a reuse leads to: the family ends (RFC 9700 §4.14.2), and the caller hears `invalid_grant`.
pub fn reused(stored: &StoredRefresh) -> (Refusal, Write) {
    let end = Write::EndFamily { family: stored.family.locator, end: FamilyEnd::Reused };
    (invalid("reused"), end)
}

/// What a sealed answer is bound to: the client and the scope that was asked for.
pub fn seal_binding(client: &AuthenticatedClient, request: &TokenRequest) -> Vec<u8> {
    let scope = request.scope.as_ref().map(Scopes::to_text).unwrap_or_default();
    format!("{}\0{scope}", client.client().client_id).into_bytes()
}

/// The label under which the sealing key is derived from the spent token.
pub const SEAL_LABEL: &str = "refresh answer";

/// `invalid_grant` for a refresh token, whatever is wrong with it; `reason` is for the log.
pub const fn invalid(reason: &'static str) -> Refusal {
    Refusal::new(OAuthErrorCode::InvalidGrant, reason, "Invalid grant: Refresh token is invalid")
}

const TOO_MUCH: Refusal = Refusal::new(
    OAuthErrorCode::InvalidScope,
    "scope_exceeds_grant",
    "The requested scope exceeds the scope granted by the resource owner",
);
