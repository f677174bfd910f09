//! `refresh_token` (RFC 6749 §6, RFC 9700 §4.14, DECISIONS 3.4).

use domain::{
    AuthenticatedClient, AuthenticationPolicy, AuthorizedGrant, Env, FamilyEnd, OAuthErrorCode,
    PresentedToken, RefreshFamily, RefreshPolicy, Refusal, Scopes, SessionLimits, StoredRefresh,
    TenantSettings, User, UserStatus, WireProfile, Write, refresh::RETRY_WINDOW,
};

use crate::token::{HidParameters, Mode, TokenRequest, hid_unsupported};
use crate::{resource, sender::Sender};

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

/// What a refresh rests on, as stored now.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The token, with its family.
    pub stored: Option<&'a StoredRefresh>,
    /// The family's user.
    pub user: Option<&'a User>,
    /// The policy under which they proved themselves: its limits hold for the new session.
    pub policy: Option<&'a AuthenticationPolicy>,
    /// The tenant's settings: a resource that is gone gets no more tokens.
    pub settings: &'a TenantSettings,
    /// Who sends it: a bound token is of use to nobody else.
    pub sender: &'a Sender,
}

/// Decides about a token that was looked up.
///
/// # Errors
/// `unauthorized_client` without the grant; `invalid_grant` for an unknown, foreign, expired or ended token, one
/// text for all, and for one that is bound to another key or certificate; `invalid_target` for a resource that the grant
/// was not for, or that it was for and that is gone; `invalid_scope` for more than was granted and the client may still have; `hid_error` 1009 for a
/// device, a mode, or another policy or channel than the log-in's.
pub fn resolve(
    client: &AuthenticatedClient,
    request: &TokenRequest,
    presented: &PresentedToken,
    facts: Facts<'_>,
    profile: &WireProfile,
    env: &Env<'_>,
) -> Result<Decision, Refusal> {
    super::allow(client.client(), request.grant.grant_type(), profile)?;
    let ours = |stored: &&StoredRefresh| stored.token.digest.matches(&presented.digest);
    let stored = facts.stored.filter(ours).ok_or_else(|| invalid("unknown"))?;
    let family = &stored.family;
    usable(family, client, facts.user, env)?;
    // Before a reuse is seen: what a thief without the key does, harms nobody.
    if !facts.sender.meets(family.confirmation.as_ref()) {
        return Err(invalid("other_sender"));
    }
    overrides(&request.hid, family)?;
    if family.current != stored.token.locator {
        return Ok(spent(family, stored, env));
    }
    let scopes = narrowed(family, client, request.scope.as_ref())?;
    let audience = resource::narrowed(request, family, client.client(), facts.settings)?;
    Ok(Decision::Refresh(Box::new(grant(family, (scopes, audience), facts.policy))))
}

fn usable(
    family: &RefreshFamily,
    client: &AuthenticatedClient,
    user: Option<&User>,
    env: &Env<'_>,
) -> Result<(), Refusal> {
    if family.client_id != client.client().client_id {
        Err(invalid("foreign"))
    } else if family.ended {
        Err(invalid("family_ended"))
    } else if family.expires_at.has_passed(env.now) {
        Err(invalid("family_expired"))
    } else if user.is_none_or(|user| user.status == UserStatus::Disabled) {
        Err(invalid("user_disabled"))
    } else {
        Ok(())
    }
}

/// A refresh goes on with a log-in; it cannot be made into another one.
fn overrides(hid: &HidParameters, family: &RefreshFamily) -> Result<(), Refusal> {
    let another_policy = hid.auth_type.is_some() && hid.auth_type != family.policy;
    let another_channel = hid.channel.is_some() && hid.channel != family.channel;
    if another_policy || another_channel || hid.device.is_some() || hid.mode != Mode::Synchronous {
        return Err(hid_unsupported("hid_override_of_refresh"));
    }
    Ok(())
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

/// What was granted and the client may still have; a refresh may ask for less (RFC 6749 §6).
fn narrowed(
    family: &RefreshFamily,
    client: &AuthenticatedClient,
    asked: Option<&Scopes>,
) -> Result<Scopes, Refusal> {
    let left = family.scopes.clone().shared_with(&client.client().scopes);
    match asked {
        None => Ok(left),
        Some(asked) if asked.is_subset(&left) => Ok(asked.clone()),
        Some(_) => Err(TOO_MUCH),
    }
}

fn grant(
    family: &RefreshFamily,
    (scopes, audience): (Scopes, Vec<String>),
    policy: Option<&AuthenticationPolicy>,
) -> AuthorizedGrant {
    let today = |policy: &AuthenticationPolicy| SessionLimits {
        inactivity: policy.inactivity(),
        total: policy.total(),
    };
    AuthorizedGrant {
        client_id: family.client_id.clone(),
        subject: Some(family.subject.clone()),
        scopes,
        audience,
        acr: family.acr.clone(),
        amr: family.amr.clone(),
        auth_time: family.auth_time,
        limits: policy.map_or(family.limits, today),
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

/// What a sealed answer is bound to: the client, the scope and the resources that were asked for, whom the access token
/// is bound to (DECISIONS 3.4), and that tokens were: a request with
/// `noToken=1` is no retry of one that got some (DECISIONS 3.3).
pub fn seal_binding(client: &AuthenticatedClient, request: &TokenRequest, sender: &Sender) -> Vec<u8> {
    let scope = request.scope.as_ref().map(Scopes::to_text).unwrap_or_default();
    let tokens = if request.hid.no_token { "none" } else { "some" };
    let mut binding = format!("{}\0{scope}\0{tokens}", client.client().client_id).into_bytes();
    if let Some(bound) = sender.confirmation() {
        for thumbprint in [bound.jkt(), bound.certificate()] {
            binding.push(u8::from(thumbprint.is_some()));
            binding.extend_from_slice(thumbprint.map_or(&[], |thumbprint| thumbprint.as_bytes()));
        }
    }
    for resource in &request.resources {
        binding.push(0);
        binding.extend_from_slice(resource.as_bytes());
    }
    binding
}

/// The label under which the sealing key is derived from the spent token.
pub const SEAL_LABEL: &str = "refresh answer";

/// `invalid_grant` for a refresh token, whatever is wrong with it; `reason` is for the log.
pub const fn invalid(reason: &'static str) -> Refusal {
    Refusal::new(OAuthErrorCode::InvalidGrant, reason, "Invalid grant: Refresh token is invalid")
}

/// `invalid_request` where a public client must name itself (DECISIONS 2).
pub const UNNAMED: Refusal = Refusal::new(
    OAuthErrorCode::InvalidRequest,
    "missing_client_id",
    "Missing or empty \"client_id\" parameter",
);

const TOO_MUCH: Refusal = Refusal::new(
    OAuthErrorCode::InvalidScope,
    "scope_exceeds_grant",
    "The requested scope exceeds the scope granted by the resource owner",
);
