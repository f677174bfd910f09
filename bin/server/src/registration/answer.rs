//! What a registration is answered with (RFC 7591 §3.2.1, RFC 7592 §3; CONTRACT 4.16).

use domain::{CertificateName, Claims, Client, ClientKeys, GrantType, ResponseSigning, Secret, Timestamp};
use serde_json::{Value, json};

/// The client information. `secret` and `token` are shown only when they have just been made.
pub fn answer(
    client: &Client,
    uri: String,
    issued_at: Timestamp,
    (secret, token): (Option<&Secret>, Option<&Secret>),
    hid: bool,
) -> Claims {
    let mut claims = Claims::new();
    let mut put = |name: &str, value: Value| drop(claims.insert(name.to_owned(), value));
    put("client_id", client.client_id.as_str().into());
    put("client_id_issued_at", (issued_at.millis() / 1000).into());
    if let Some(secret) = secret {
        put("client_secret", secret.expose().into());
    }
    if client.needs_secret() {
        put("client_secret_expires_at", 0.into());
    }
    if let Some(token) = token {
        put("registration_access_token", token.expose().into());
    }
    put("registration_client_uri", uri.into());
    if let Some(name) = &client.client_name {
        put("client_name", name.as_str().into());
    }
    put("redirect_uris", client.redirect_uris.clone().into());
    if !client.post_logout_redirect_uris.is_empty() {
        put("post_logout_redirect_uris", client.post_logout_redirect_uris.clone().into());
    }
    if let Some(kind) = client.application_type {
        put("application_type", kind.as_str().into());
    }
    put("token_endpoint_auth_method", client.token_endpoint_auth_method.as_str().into());
    let grants = client.grant_types.iter().flatten().map(|grant| grant.as_str());
    put("grant_types", grants.collect());
    let code = client.grant_types.iter().flatten().any(|grant| *grant == GrantType::AuthorizationCode);
    put("response_types", if code { json!(["code"]) } else { json!([]) });
    put("scope", client.scopes.to_text().into());
    match &client.keys {
        Some(ClientKeys::At(uri)) => put("jwks_uri", uri.as_str().into()),
        Some(ClientKeys::Inline(text)) => put("jwks", serde_json::from_str(text).unwrap_or_default()),
        None => {}
    }
    if let Some(alg) = client.auth_signing_algs.first() {
        put("token_endpoint_auth_signing_alg", alg.as_str().into());
    }
    put("id_token_signed_response_alg", client.id_token_signed_response_alg.as_str().into());
    if let Some(alg) = client.userinfo_signed_response_alg.and_then(ResponseSigning::alg) {
        put("userinfo_signed_response_alg", alg.as_str().into());
    }
    // Back in an update it stays what it is.
    put("introspection_signed_response_alg", client.introspection_signed_response_alg.as_str().into());
    certificates(client, hid, &mut put);
    if hid {
        vendor(client, &mut put);
    }
    claims
}

fn certificates(client: &Client, hid: bool, put: &mut impl FnMut(&str, Value)) {
    if let Some((member, text)) = client.certificate_name.as_ref().map(CertificateName::member) {
        put(member, text.into());
    }
    // The vendor's answer has it in any case (CONTRACT 4.16).
    if hid || client.tls_client_certificate_bound_access_tokens {
        let bound = client.tls_client_certificate_bound_access_tokens;
        put("tls_client_certificate_bound_access_tokens", bound.into());
    }
    if client.dpop_bound_access_tokens {
        put("dpop_bound_access_tokens", true.into());
    }
}

fn vendor(client: &Client, put: &mut impl FnMut(&str, Value)) {
    put("hid_client_pwd_policy", client.client_pwd_policy.as_str().into());
    if let Some(policy) = &client.client_pki_policy {
        put("hid_client_pki_policy", policy.as_str().into());
    }
    if let Some(policy) = &client.user_authn_policy {
        put("hid_user_authn_policy", policy.as_str().into());
    }
    if let Some(channel) = &client.user_channel {
        put("hid_user_channel", channel.as_str().into());
    }
    if !client.scopes.is_empty() {
        let names: Vec<&str> = client.scopes.iter().collect();
        put("hid_client_scopes", json!({ "scopes": names }).to_string().into());
    }
    for (name, text) in &client.hid_members {
        put(name, text.as_str().into());
    }
    put("hid_client_consentprompt", client.consent_prompt.to_string().into());
    if let Some(validity) = client.refresh_token_validity {
        put("hid_refresh_token_validity", validity.secs().to_string().into());
    }
    if !client.allowed_sources.is_empty() {
        let networks: Vec<String> = client.allowed_sources.iter().map(ToString::to_string).collect();
        put("hid_client_authentication_constraints", networks.join(",").into());
    }
}
