//! What a client may make of itself (RFC 7592 §2.2): no more, and no weaker, than it was registered as.

use domain::{AuthMethod, Client, GrantType, Refusal, WireProfile};

use super::bad;

/// Whether `asked` is within what `existing` has. Scopes and the vendor's members are looked at where they are read.
///
/// # Errors
/// `invalid_client_metadata`.
pub(super) fn check(existing: &Client, asked: &Client, profile: &WireProfile) -> Result<(), Refusal> {
    let may = |grant: &GrantType| existing.lists(*grant, profile);
    // What was given for users to delegate is not the client's own, and the other way round.
    let goes_with_another =
        |grant: &GrantType| *grant == GrantType::RefreshToken && may(&GrantType::AuthorizationCode);
    if !asked.grant_types.iter().flatten().all(|grant| may(grant) || goes_with_another(grant)) {
        return Err(bad(
            "grant_not_granted",
            "A client cannot give itself a grant that it was not registered with",
        ));
    }
    let weakest = existing.auth_methods.iter().copied().map(strength).min().unwrap_or_default();
    if asked.auth_methods.iter().copied().any(|method| strength(method) < weakest) {
        return Err(bad("weaker_method", "A client cannot change to a weaker token_endpoint_auth_method"));
    }
    let loosened = existing.dpop_bound_access_tokens && !asked.dpop_bound_access_tokens
        || existing.tls_client_certificate_bound_access_tokens
            && !asked.tls_client_certificate_bound_access_tokens;
    if loosened {
        return Err(bad("binding_dropped", "A client cannot switch off that its access tokens are bound"));
    }
    Ok(())
}

/// How well a method proves a client: by a key that never leaves it, by one that the server has too, by a secret that
/// is sent, not at all (RFC 9700 §2.5).
const fn strength(method: AuthMethod) -> u8 {
    match method {
        AuthMethod::None => 0,
        AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost => 1,
        AuthMethod::ClientSecretJwt => 2,
        _ => 3,
    }
}
