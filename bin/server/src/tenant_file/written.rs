//! Stored values as the file writes them: for exports, and to name what differs.

use domain::{
    AuthenticationPolicy, Authenticator, AuthenticatorStatus, CertificateName, Client, ClientKeys, Fault,
    Permission, SigningKeyRecord, TenantSettings, Ttl, User, UserStatus, encoding,
};
use serde::Serialize;
use serde_json::Value;

use super::{
    date,
    document::{
        AuthenticatorDoc, ClientDoc, KeyDoc, PolicyDoc, RevocationDoc, SettingsDoc, StatusDoc, UserDoc,
    },
};

/// Settings, with every key.
pub(super) fn settings(settings: &TenantSettings) -> SettingsDoc {
    let days = |ttl: Ttl| Some(ttl.secs() / 86_400);
    SettingsDoc {
        cors_origins: Some(settings.cors_origins.clone()),
        refresh_token_validity: Some(settings.refresh_token_validity.secs()),
        id_token_validity: Some(settings.id_token_validity.secs()),
        machine_inactivity: settings.machine_inactivity.map(Ttl::secs),
        machine_total: settings.machine_total.map(Ttl::secs),
        signing_algs: Some(settings.signing_algs.clone()),
        channels: Some(settings.channels.iter().map(|code| code.as_str().to_owned()).collect()),
        key_active_days: days(settings.key_active),
        jwks_cache_seconds: Some(settings.jwks_cache.secs()),
        key_verify_days: days(settings.key_verify),
        mtls_truststore: settings.mtls_truststore.clone(),
        mtls_truststore_file: None,
        mtls_crl: settings.mtls_crl.clone(),
        mtls_crl_file: None,
        mtls_crl_uris: Some(settings.mtls_crl_uris.clone()).filter(|uris| !uris.is_empty()),
        mtls_ocsp: settings.mtls_ocsp.clone(),
        mtls_fetch_private: settings.mtls_fetch_private.then_some(true),
        mtls_revocation: settings.looks_for_revoked().then_some(if settings.mtls_revocation_open {
            RevocationDoc::Open
        } else {
            RevocationDoc::Closed
        }),
        dpop_nonce_required: Some(settings.dpop_nonce_required),
        resources: Some(settings.resources.clone()),
        fetch_private: Some(settings.fetch_private),
        realms_layout: Some(settings.realms_layout),
        open_registrations_per_day: Some(settings.open_registrations_per_day),
        open_registrations_per_source: Some(settings.open_registrations_per_source),
    }
}

/// A policy, with every key: the names are the same.
///
/// # Errors
/// [`Fault::Inconsistent`] when they are not.
pub(super) fn policy(policy: &AuthenticationPolicy) -> Result<PolicyDoc, Fault> {
    let written = serde_json::to_value(policy).and_then(serde_json::from_value);
    written.map_err(|error| Fault::Inconsistent(format!("policy {}: {error}", policy.code)))
}

/// A client, without its secrets.
pub(super) fn client(client: &Client) -> ClientDoc {
    let sources = client.allowed_sources.iter().map(ToString::to_string);
    let name = client.certificate_name.as_ref().map(CertificateName::member);
    let named = |key: &str| name.clone().filter(|(member, _)| *member == key).map(|(_, text)| text);
    ClientDoc {
        client_id: client.client_id.as_str().to_owned(),
        client_name: client.client_name.clone(),
        enabled: Some(client.enabled),
        profile: client.profile,
        auth_methods: Some(client.auth_methods.clone()),
        token_endpoint_auth_method: Some(client.token_endpoint_auth_method),
        client_secret: None,
        client_secret_file: None,
        generate_secret: false,
        client_secret_hash: None,
        client_secret_digest: None,
        client_secret_sealed: None,
        jwks: client.keys.as_ref().and_then(ClientKeys::inline).map(str::to_owned),
        jwks_file: None,
        jwks_uri: client.keys.as_ref().and_then(ClientKeys::uri).map(str::to_owned),
        token_endpoint_auth_signing_alg: client.auth_signing_algs.clone(),
        grant_types: client.grant_types.clone(),
        scopes: client.scopes.iter().map(str::to_owned).collect(),
        redirect_uris: client.redirect_uris.clone(),
        post_logout_redirect_uris: client.post_logout_redirect_uris.clone(),
        hid_members: client.hid_members.clone(),
        application_type: client.application_type,
        roles: client.roles.clone(),
        permissions: client.permissions.iter().map(Permission::as_str).map(str::to_owned).collect(),
        hid_client_pwd_policy: Some(client.client_pwd_policy.as_str().to_owned()),
        hid_client_pki_policy: client.client_pki_policy.as_ref().map(|code| code.as_str().to_owned()),
        hid_user_authn_policy: client.user_authn_policy.as_ref().map(|code| code.as_str().to_owned()),
        hid_user_channel: client.user_channel.as_ref().map(|code| code.as_str().to_owned()),
        hid_client_authentication_constraints: sources.collect(),
        id_token_signed_response_alg: Some(client.id_token_signed_response_alg),
        userinfo_signed_response_alg: client.userinfo_signed_response_alg,
        introspection_signed_response_alg: Some(client.introspection_signed_response_alg),
        hid_refresh_token_validity: client.refresh_token_validity.map(Ttl::secs),
        hid_client_consentprompt: client.consent_prompt,
        tls_client_auth_subject_dn: named("tls_client_auth_subject_dn"),
        tls_client_auth_san_dns: named("tls_client_auth_san_dns"),
        tls_client_auth_san_uri: named("tls_client_auth_san_uri"),
        tls_client_auth_san_ip: named("tls_client_auth_san_ip"),
        tls_client_auth_san_email: named("tls_client_auth_san_email"),
        dpop_bound_access_tokens: client.dpop_bound_access_tokens,
        dpop_nonce_required: client.dpop_nonce_required,
        tls_client_certificate_bound_access_tokens: client.tls_client_certificate_bound_access_tokens,
        access_token_format: Some(client.access_token_format),
        resources: client.resources.clone(),
        attributes: client.attributes.clone(),
    }
}

/// A user, without their authenticators.
pub(super) fn user(user: &User) -> UserDoc {
    UserDoc {
        user_name: user.user_name.clone(),
        external_id: user.external_id.clone(),
        subject_id: Some(user.subject_id.as_str().to_owned()),
        status: Some(match user.status {
            UserStatus::Enabled => StatusDoc::Enabled,
            UserStatus::Disabled => StatusDoc::Disabled,
        }),
        groups: user.groups.clone(),
        roles: user.roles.clone(),
        attributes: user.attributes.clone(),
        authenticators: Vec::new(),
    }
}

/// An authenticator with the hash of its password.
pub(super) fn authenticator(authenticator: &Authenticator) -> AuthenticatorDoc {
    AuthenticatorDoc {
        policy: authenticator.policy.as_str().to_owned(),
        status: Some(match authenticator.status {
            AuthenticatorStatus::Enabled => StatusDoc::Enabled,
            AuthenticatorStatus::Disabled => StatusDoc::Disabled,
        }),
        valid_from: Some(date::write(authenticator.valid_from)),
        valid_until: Some(date::write(authenticator.valid_until)),
        password: None,
        password_file: None,
        password_hash: Some(authenticator.password.hash.as_phc().to_owned()),
    }
}

/// A signing key; its private part stays sealed.
pub(super) fn key(key: &SigningKeyRecord) -> KeyDoc {
    KeyDoc {
        kid: key.kid.clone(),
        alg: key.alg,
        public_jwk: key.public_jwk.clone(),
        sealed_private: encoding::base64url(&key.sealed_private),
        created_at: date::write(key.created_at),
        active_from: date::write(key.active_from),
        verify_from: key.verify_from.map(date::write),
        retired_at: key.retired_at.map(date::write),
    }
}

/// The keys in which two entries differ, under the names that the file has for them.
pub(super) fn differing<T: Serialize>(old: &T, new: &T) -> Vec<String> {
    let mut names = Vec::new();
    if let (Ok(old), Ok(new)) = (serde_json::to_value(old), serde_json::to_value(new)) {
        walk("", &old, &new, &mut names);
    }
    names
}

fn walk(prefix: &str, old: &Value, new: &Value, names: &mut Vec<String>) {
    let (Value::Object(old), Value::Object(new)) = (old, new) else { return };
    let gone = old.keys().filter(|name| !new.contains_key(*name));
    for name in new.keys().chain(gone) {
        let (before, after) = (old.get(name), new.get(name));
        if before == after {
            continue;
        }
        let path = format!("{prefix}{name}");
        match (before, after) {
            // Only the password policy has keys of its own; attributes are the operator's and told as one.
            (Some(before @ Value::Object(_)), Some(after @ Value::Object(_))) if name == "passwordPolicy" => {
                walk(&format!("{path}."), before, after, names);
            }
            _ => names.push(path),
        }
    }
}
