//! `password` (RFC 6749 §4.3), with the vendor's overrides (CONTRACT 4.1.4).

use domain::{
    AuthenticatedClient, AuthenticationPolicy, AuthorizedGrant, ChannelCode, Client, Detail, Evidence,
    FailureReason, GrantSubject, OAuthErrorCode, PolicyCode, RefreshPolicy, Refusal, TenantSettings, User,
    WireProfile,
};

use crate::token::{Mode, TokenRequest, hid_unsupported};

/// The policy to try: `authType`, else the client's own choice.
///
/// # Errors
/// `unauthorized_client` without the grant, and when neither request nor client names a policy.
pub fn policy_code(
    client: &AuthenticatedClient,
    request: &TokenRequest,
    profile: &WireProfile,
) -> Result<PolicyCode, Refusal> {
    super::allow(client.client(), request.grant.grant_type(), profile)?;
    // The scope is checked before a password is tried: a doomed request must not count against the user.
    super::scopes(client, request.scope.as_ref())?;
    let registered = client.client().user_authn_policy.as_ref();
    let chosen = request.hid.auth_type.as_ref().or(registered);
    chosen.cloned().ok_or(NO_POLICY)
}

/// The channel to use, once the policy is known to exist.
///
/// # Errors
/// `hid_error` 1009 for an unknown policy or channel (DECISIONS 4.3; outside `hid`, where only the client's
/// registration can name them, `unauthorized_client`); `hid_failure` 20 when a device is named and 36 for any
/// mode but `SYNCHRONOUS`, `invalid_target` for a resource that there is not, because a password has neither.
pub fn channel(
    client: &Client,
    request: &TokenRequest,
    policy: Option<&AuthenticationPolicy>,
    settings: &TenantSettings,
    profile: &WireProfile,
) -> Result<Option<ChannelCode>, Refusal> {
    // Checked before a password is tried, as the scope is.
    crate::resource::audience(request, client, settings)?;
    let unknown = |reason| if profile.hid_members { hid_unsupported(reason) } else { NO_POLICY };
    let policy = policy.ok_or_else(|| unknown("hid_auth_type_unknown"))?;
    let channel = request.hid.channel.as_ref().or(client.user_channel.as_ref());
    if channel.is_some_and(|code| !settings.channels.contains(code)) {
        return Err(unknown("hid_channel_unknown"));
    }
    if request.hid.device.is_some() {
        return Err(failure(FailureReason::DeviceNotValid, policy, "Invalid grant: Device is not valid"));
    }
    if request.hid.mode != Mode::Synchronous {
        return Err(failure(
            FailureReason::InvalidMode,
            policy,
            "Invalid grant: Invalid mode of the credential",
        ));
    }
    Ok(channel.cloned())
}

fn failure(reason: FailureReason, policy: &AuthenticationPolicy, description: &'static str) -> Refusal {
    Refusal::new(OAuthErrorCode::InvalidGrant, reason.label(), description)
        .with(Detail::HidFailure { reason, auth_type: policy.code.clone() })
}

/// What is authorised once the user has proved themselves.
///
/// # Errors
/// `invalid_scope`, `invalid_target`.
pub fn resolve(
    client: &AuthenticatedClient,
    request: &TokenRequest,
    user: &User,
    evidence: Evidence,
    channel: Option<ChannelCode>,
    settings: &TenantSettings,
) -> Result<AuthorizedGrant, Refusal> {
    let scopes = super::scopes(client, request.scope.as_ref())?;
    let mut context = vec![("LEVEL_OF_ASSURANCE".to_owned(), evidence.level_of_assurance)];
    context.extend(request.hid.context.iter().map(|(name, value, _)| (name.clone(), value.clone())));
    Ok(AuthorizedGrant {
        client_id: client.client().client_id.clone(),
        subject: Some(GrantSubject {
            user_id: user.id,
            user_name: user.user_name.clone(),
            subject_id: user.subject_id.clone(),
        }),
        refresh: refresh_policy(client.client(), scopes.contains("offline_access"), settings),
        scopes,
        audience: crate::resource::audience(request, client.client(), settings)?,
        acr: Some(evidence.acr),
        amr: evidence.amr,
        auth_time: evidence.auth_time,
        limits: evidence.limits,
        policy: Some(evidence.policy),
        channel,
        context,
    })
}

/// A refresh token needs `offline_access`, the client's `refresh_token` grant, and no consent prompt
/// (CONTRACT 3.2; OpenID Connect Core §11).
fn refresh_policy(client: &Client, offline: bool, settings: &TenantSettings) -> RefreshPolicy {
    let profile = WireProfile::effective(settings.profile, client.profile);
    let allowed = super::allow(client, domain::GrantType::RefreshToken, &profile).is_ok();
    if offline && allowed && !client.consent_prompt {
        RefreshPolicy::NewFamily(client.refresh_token_validity.unwrap_or(settings.refresh_token_validity))
    } else {
        RefreshPolicy::None
    }
}

const NO_POLICY: Refusal = Refusal::new(
    OAuthErrorCode::UnauthorizedClient,
    "no_user_policy",
    "The client has no authentication policy for end users",
);
