//! `client_credentials` (RFC 6749 §4.4), also under the vendor's name for it by `client_secret_pki`.

use domain::{
    AuthMethod, AuthenticatedClient, AuthenticationPolicy, AuthorizedGrant, Env, GrantType, OAuthErrorCode,
    RefreshPolicy, Refusal, SessionLimits, TenantSettings, WireProfile,
};

use crate::token::{HidParameters, Mode, TokenRequest};

/// Decides. `policy` is the client's own (`AT_SYSLOG`), which gives a machine's session its limits.
///
/// # Errors
/// `unauthorized_client` for a public client or one without the grant, `invalid_scope`, `invalid_target`, `hid_error` 1009 for an
/// `authType` or `channel` that does not fit a client's password, or a mode or device.
pub fn resolve(
    client: &AuthenticatedClient,
    request: &TokenRequest,
    policy: &AuthenticationPolicy,
    settings: &TenantSettings,
    profile: &WireProfile,
    env: &Env<'_>,
) -> Result<AuthorizedGrant, Refusal> {
    super::allow(client.client(), request.grant.grant_type(), profile)?;
    let by_pki = client.is_by(AuthMethod::ClientSecretPki);
    if request.grant.grant_type() == GrantType::ClientSecretPki && !by_pki {
        return Err(NOT_BY_PKI);
    }
    if client.is_public() {
        return Err(PUBLIC); // RFC 6749 §4.4: confidential clients only.
    }
    overrides(&request.hid, policy, settings)?;
    Ok(AuthorizedGrant {
        client_id: client.client().client_id.clone(),
        subject: None,
        scopes: super::scopes(client, request.scope.as_ref())?,
        audience: crate::resource::audience(request, client.client(), settings)?,
        acr: None,
        amr: Vec::new(),
        auth_time: env.now,
        limits: limits(policy, settings, profile),
        refresh: RefreshPolicy::None, // DECISIONS 3.3
        policy: Some(policy.code.clone()),
        channel: request.hid.channel.clone(),
        context: request.hid.context.iter().map(|(name, value, _)| (name.clone(), value.clone())).collect(),
    })
}

fn limits(policy: &AuthenticationPolicy, settings: &TenantSettings, profile: &WireProfile) -> SessionLimits {
    let by_policy = if profile.machine_inactivity { policy.inactivity() } else { None };
    SessionLimits {
        inactivity: settings.machine_inactivity.or(by_policy),
        total: settings.machine_total.unwrap_or_else(|| policy.total()),
    }
}

/// The only policy for a client's secret is its own (CONTRACT 2), and it works without devices.
fn overrides(
    hid: &HidParameters,
    policy: &AuthenticationPolicy,
    settings: &TenantSettings,
) -> Result<(), Refusal> {
    let unsupported = crate::token::hid_unsupported;
    if hid.auth_type.as_ref().is_some_and(|code| *code != policy.code) {
        return Err(unsupported("hid_auth_type_of_client"));
    }
    if hid.channel.as_ref().is_some_and(|code| !settings.channels.contains(code)) {
        return Err(unsupported("hid_channel_unknown"));
    }
    if hid.mode != Mode::Synchronous || hid.device.is_some() {
        return Err(unsupported("hid_device_of_client"));
    }
    Ok(())
}

const NOT_BY_PKI: Refusal = Refusal::new(
    OAuthErrorCode::UnauthorizedClient,
    "not_by_client_secret_pki",
    "This grant is for clients that prove themselves by client_secret_pki",
);

const PUBLIC: Refusal = Refusal::new(
    OAuthErrorCode::UnauthorizedClient,
    "public_client",
    "A public client cannot use client_credentials",
);
