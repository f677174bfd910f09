//! Which grants a registration comes to (RFC 7591 §2, §2.1; CONTRACT 4.1.1).

use std::collections::BTreeSet;

use domain::{AuthMethod, Client, GrantType, Refusal, WireProfile};

use super::{Registrar, bad, members::Members, metadata::Bounds};

/// The grants, consistent with `response_types` and the method.
///
/// # Errors
/// `invalid_client_metadata`.
pub(super) fn read(
    members: Members<'_>,
    method: AuthMethod,
    bounds: Bounds<'_>,
) -> Result<BTreeSet<GrantType>, Refusal> {
    let problem = bad("grant_types", "grant_types must be a list of grants that this server has");
    let grants = match members.list("grant_types", problem.clone())? {
        None => unnamed(method, bounds),
        Some(names) => {
            let grant = |name| named(name, method).ok_or_else(|| problem.clone());
            names.into_iter().map(grant).collect::<Result<BTreeSet<_>, _>>()?
        }
    };
    let held = bounds.existing.is_some_and(|client| own(client, bounds).contains(&GrantType::Password));
    if grants.contains(&GrantType::Password) && !held && !is_administrator(bounds) {
        return Err(bad("grant_not_granted", "The grant password is for an administrator to give"));
    }
    if method == AuthMethod::None && grants.contains(&GrantType::ClientCredentials) {
        return Err(bad("public_machine", "client_credentials is for confidential clients (RFC 6749 §4.4)"));
    }
    let types = bad(
        "response_types",
        "response_types must be [\"code\"] with the grant authorization_code, and [] or absent without it",
    );
    let with_code = grants.contains(&GrantType::AuthorizationCode);
    match members.list("response_types", types.clone())? {
        None => Ok(grants),
        Some(list) if list.iter().all(|name| *name == "code") && list.is_empty() != with_code => Ok(grants),
        Some(_) => Err(types),
    }
}

fn named(name: &str, method: AuthMethod) -> Option<GrantType> {
    Some(match name {
        "authorization_code" => GrantType::AuthorizationCode,
        "client_credentials" => GrantType::ClientCredentials,
        "refresh_token" => GrantType::RefreshToken,
        "password" => GrantType::Password,
        name if method == AuthMethod::ClientSecretPki && name == GrantType::ClientSecretPki.as_str() => {
            GrantType::ClientSecretPki
        }
        _ => return None,
    })
}

/// The grants of who names none. In `hid` an update leaves a client what it has, and a new one gets the vendor's, as far
/// as whoever registers it may give them and its method can use them: nobody relies on what they did not ask for, so
/// what does not fit is left out here, and refused where it is named.
fn unnamed(method: AuthMethod, bounds: Bounds<'_>) -> BTreeSet<GrantType> {
    let administrator = is_administrator(bounds);
    let kept = bounds.existing.filter(|_client| bounds.profile.hid_members);
    let mut grants = kept.map_or_else(
        || {
            let may = |grant: &GrantType| administrator || *grant != GrantType::Password;
            bounds.profile.registered_grants().iter().copied().filter(may).collect()
        },
        |client| own(client, bounds),
    );
    if method == AuthMethod::None {
        grants.remove(&GrantType::ClientCredentials);
    }
    if method != AuthMethod::ClientSecretPki {
        grants.remove(&GrantType::ClientSecretPki);
    } else if administrator || bounds.existing.is_none() {
        grants.insert(GrantType::ClientSecretPki);
    }
    grants
}

/// What a client has now, by its list or its profile's.
fn own(client: &Client, bounds: Bounds<'_>) -> BTreeSet<GrantType> {
    let profile = WireProfile::effective(bounds.profile.name, client.profile);
    client.grant_types.clone().unwrap_or_else(|| profile.default_grants().iter().copied().collect())
}

const fn is_administrator(bounds: Bounds<'_>) -> bool {
    matches!(bounds.registrar, Registrar::Administrator { .. })
}
