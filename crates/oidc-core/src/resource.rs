//! Resource indicators (RFC 8707): for whom a token is, and which form it has.

use domain::{
    AccessTokenFormat, Client, OAuthErrorCode, ProfileName, RefreshFamily, Refusal, TenantSettings,
    WireProfile,
};

use crate::token::TokenRequest;

/// The audience of a new grant: the resources that are asked for, each once. None asked for means none named. A `hid`
/// tenant that lists none does not know the parameter, and ignores it as it ignores all unknown ones.
///
/// # Errors
/// `invalid_target` for a resource that the tenant does not have, and for two whose tokens have different forms.
pub fn audience(request: &TokenRequest, settings: &TenantSettings) -> Result<Vec<String>, Refusal> {
    let mut audience: Vec<String> = Vec::new();
    if settings.resources.is_empty() && settings.profile == ProfileName::Hid {
        return Ok(audience);
    }
    let mut form = None;
    for resource in &request.resources {
        let wanted = settings.resources.get(resource).ok_or(UNKNOWN)?;
        if *form.get_or_insert(*wanted) != *wanted {
            return Err(FORMS);
        }
        if !audience.contains(resource) {
            audience.push(resource.clone());
        }
    }
    Ok(audience)
}

/// The audience of a refreshed token: all that the grant was for, or the part of it that is asked for (RFC 8707 §2.2).
///
/// # Errors
/// `invalid_target` for a resource that the grant was not for.
pub fn narrowed(
    request: &TokenRequest,
    family: &RefreshFamily,
    profile: &WireProfile,
) -> Result<Vec<String>, Refusal> {
    let unknown_parameter = profile.hid_members && family.audience.is_empty();
    if request.resources.is_empty() || unknown_parameter {
        return Ok(family.audience.clone());
    }
    if request.resources.iter().any(|resource| !family.audience.contains(resource)) {
        return Err(UNKNOWN);
    }
    let asked = |resource: &&String| request.resources.contains(resource);
    Ok(family.audience.iter().filter(asked).cloned().collect())
}

/// The form of an access token for `audience`: as its resources say, else as the client does.
pub fn format(audience: &[String], client: &Client, settings: &TenantSettings) -> AccessTokenFormat {
    let of_resource = audience.iter().find_map(|resource| settings.resources.get(resource));
    of_resource.copied().unwrap_or(client.access_token_format)
}

const UNKNOWN: Refusal = Refusal::new(
    OAuthErrorCode::InvalidTarget,
    "unknown_resource",
    "A requested resource is unknown, or was not part of the grant",
);
const FORMS: Refusal = Refusal::new(
    OAuthErrorCode::InvalidTarget,
    "resources_of_two_forms",
    "The requested resources take access tokens of different forms: ask for one token each",
);
