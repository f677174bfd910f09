//! Resource indicators (RFC 8707): for whom a token is, and which form it has.

use domain::{
    AccessTokenFormat, Client, OAuthErrorCode, RefreshFamily, Refusal, TenantSettings, WireProfile,
};

use crate::token::TokenRequest;

/// The audience of a new grant: the resources that are asked for, each once. None asked for means none named.
///
/// # Errors
/// `invalid_target` for a resource that the tenant does not have or the client may not have tokens for, and for two
/// whose tokens have different forms.
pub fn audience(
    request: &TokenRequest,
    client: &Client,
    settings: &TenantSettings,
) -> Result<Vec<String>, Refusal> {
    let mut audience: Vec<String> = Vec::new();
    if is_unknown(client, settings) {
        return Ok(audience);
    }
    for resource in &request.resources {
        if !audience.contains(resource) {
            audience.push(resource.clone());
        }
    }
    available(audience, client, settings)
}

/// The audience of a refreshed token: all that the grant was for, or the part of it that is asked for (RFC 8707 §2.2).
/// More was agreed to than may be left of it: what is gone since has to be left out by the client, which else would
/// hold a token for less than it believes.
///
/// # Errors
/// `invalid_target` for a resource that the grant was not for, and as [`audience`].
pub fn narrowed(
    request: &TokenRequest,
    family: &RefreshFamily,
    client: &Client,
    settings: &TenantSettings,
) -> Result<Vec<String>, Refusal> {
    if request.resources.is_empty() || is_unknown(client, settings) {
        return available(family.audience.clone(), client, settings);
    }
    if request.resources.iter().any(|resource| !family.audience.contains(resource)) {
        return Err(UNKNOWN);
    }
    let asked = |resource: &&String| request.resources.contains(resource);
    available(family.audience.iter().filter(asked).cloned().collect(), client, settings)
}

/// Whether the parameter is ignored, as the vendor's dialect ignores all that it does not know: where there are no
/// resources to name. A client that is held to a stricter profile is not given a wide token for a narrow one.
fn is_unknown(client: &Client, settings: &TenantSettings) -> bool {
    let profile = WireProfile::effective(settings.profile, client.profile);
    settings.resources.is_empty() && profile.hid_members
}

/// `audience`, if one token can be for all of it today.
fn available(
    audience: Vec<String>,
    client: &Client,
    settings: &TenantSettings,
) -> Result<Vec<String>, Refusal> {
    let mut form = None;
    for resource in &audience {
        let listed = settings.resources.get(resource).filter(|_form| client.may_be_for(resource));
        let wanted = listed.ok_or(UNKNOWN)?;
        if *form.get_or_insert(*wanted) != *wanted {
            return Err(FORMS);
        }
    }
    Ok(audience)
}

/// The form of an access token for `audience`: as its resources say, else as the client does.
pub fn format(audience: &[String], client: &Client, settings: &TenantSettings) -> AccessTokenFormat {
    let of_resource = audience.iter().find_map(|resource| settings.resources.get(resource));
    of_resource.copied().unwrap_or(client.access_token_format)
}

const UNKNOWN: Refusal = Refusal::new(
    OAuthErrorCode::InvalidTarget,
    "unknown_resource",
    "A requested resource is unknown, not for this client, or was not part of the grant",
);
const FORMS: Refusal = Refusal::new(
    OAuthErrorCode::InvalidTarget,
    "resources_of_two_forms",
    "The requested resources take access tokens of different forms: ask for one token each",
);
