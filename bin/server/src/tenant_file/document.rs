//! The tenant file as written: `docs/tenant-file.md` tells every key, and a test compares.
//!
//! Keys that are left out are `None` here; what that means is decided in [`super::check`].

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    AccessTokenFormat, ApplicationType, AuthMethod, GrantType, ProfileName, ResponseSigning, Secret,
    SigningAlg, TenantName,
};
use serde::{Deserialize, Serialize};
use toml::Spanned;

/// The whole file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TenantDocument {
    pub(super) name: TenantName,
    pub(super) profile: ProfileName,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) settings: Option<Spanned<SettingsDoc>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) policies: Vec<Spanned<PolicyDoc>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) clients: Vec<Spanned<ClientDoc>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) users: Vec<Spanned<UserDoc>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) keys: Vec<Spanned<KeyDoc>>,
}

/// `[settings]`
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SettingsDoc {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cors_origins: Option<BTreeSet<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refresh_token_validity: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id_token_validity: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) machine_inactivity: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) machine_total: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) signing_algs: Option<BTreeSet<SigningAlg>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) channels: Option<BTreeSet<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key_active_days: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) jwks_cache_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key_verify_days: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mtls_truststore: Option<String>,
    #[serde(skip_serializing)]
    pub(super) mtls_truststore_file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mtls_crl: Option<String>,
    #[serde(skip_serializing)]
    pub(super) mtls_crl_file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mtls_crl_uris: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mtls_ocsp: Option<domain::OcspResponder>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mtls_fetch_private: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mtls_revocation: Option<RevocationDoc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) dpop_nonce_required: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) resources: Option<BTreeMap<String, AccessTokenFormat>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fetch_private: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) realms_layout: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) open_registrations_per_day: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) open_registrations_per_source: Option<u32>,
}

/// `[[policies]]`: the attributes of [`domain::AuthenticationPolicy`] under the same names, all optional but `code`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PolicyDoc {
    pub(super) code: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) protection_level: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) default_valid_days_add: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) default_valid_days_edit: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) disable_threshold: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) auto_unlock_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) default_expiry_threshold: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) password_maximum_uses: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) challenge_disable_threshold: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) challenge_timeout_period: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) inactivity_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) total_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) channels: Option<BTreeSet<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) delivery_gateways: Option<Vec<domain::policy::DeliveryGateway>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) password_policy: Option<PasswordPolicyDoc>,
}

/// `[policies.passwordPolicy]`
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PasswordPolicyDoc {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) min_length: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_length: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) min_diff_chars: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) character_range: Option<domain::policy::CharacterRange>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) at_least_one_up: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) at_least_one_low: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) at_least_one_num: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) at_least_one_special: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) not_black_listed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) not_old_password: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) not_user_attribute: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) not_sequence: Option<bool>,
}

/// `[[clients]]`. Secrets are read and never written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientDoc {
    pub(super) client_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) client_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) profile: Option<ProfileName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) auth_methods: Option<BTreeSet<AuthMethod>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) token_endpoint_auth_method: Option<AuthMethod>,
    #[serde(skip_serializing)]
    pub(super) client_secret: Option<Secret>,
    #[serde(skip_serializing)]
    pub(super) client_secret_file: Option<String>,
    #[serde(default, skip_serializing)]
    pub(super) generate_secret: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) client_secret_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) client_secret_digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) client_secret_sealed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) jwks: Option<String>,
    #[serde(skip_serializing)]
    pub(super) jwks_file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) jwks_uri: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) token_endpoint_auth_signing_alg: BTreeSet<SigningAlg>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) grant_types: Option<BTreeSet<GrantType>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) scopes: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) redirect_uris: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) post_logout_redirect_uris: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) hid_members: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) application_type: Option<ApplicationType>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) roles: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) permissions: BTreeSet<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hid_client_pwd_policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hid_client_pki_policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hid_user_authn_policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hid_user_channel: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) hid_client_authentication_constraints: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id_token_signed_response_alg: Option<SigningAlg>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) userinfo_signed_response_alg: Option<ResponseSigning>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) introspection_signed_response_alg: Option<SigningAlg>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hid_refresh_token_validity: Option<i64>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) hid_client_consentprompt: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tls_client_auth_subject_dn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tls_client_auth_san_dns: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tls_client_auth_san_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tls_client_auth_san_ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tls_client_auth_san_email: Option<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) dpop_bound_access_tokens: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) dpop_nonce_required: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) tls_client_certificate_bound_access_tokens: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) access_token_format: Option<AccessTokenFormat>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) resources: Option<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) attributes: BTreeMap<String, String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// Whether someone may log in, or something may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StatusDoc {
    /// Yes.
    Enabled,
    /// No.
    Disabled,
}

/// `[[users]]`
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UserDoc {
    pub(super) user_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) external_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) subject_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<StatusDoc>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) groups: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) roles: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) attributes: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) authenticators: Vec<Spanned<AuthenticatorDoc>>,
}

/// `[[users.authenticators]]`
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuthenticatorDoc {
    pub(super) policy: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<StatusDoc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) valid_from: Option<DateDoc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) valid_until: Option<DateDoc>,
    #[serde(skip_serializing)]
    pub(super) password: Option<Secret>,
    #[serde(skip_serializing)]
    pub(super) password_file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) password_hash: Option<String>,
}

/// `[[keys]]`: written by an export, read when a tenant is created.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyDoc {
    pub(super) kid: String,
    pub(super) alg: SigningAlg,
    pub(super) public_jwk: String,
    pub(super) sealed_private: String,
    pub(super) created_at: DateDoc,
    pub(super) active_from: DateDoc,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) verify_from: Option<DateDoc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) retired_at: Option<DateDoc>,
}

/// An instant: RFC 3339 text, or TOML's own date-time with an offset, which is the same without quotes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum DateDoc {
    /// Quoted.
    Text(String),
    /// TOML's own.
    Native(toml::value::Datetime),
}

/// What becomes of a certificate of which nobody says anything that holds now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RevocationDoc {
    /// It is refused.
    Closed,
    /// It passes.
    Open,
}
