//! Wire profiles: the one place where the vendor's dialect and the standards part ways (DECISIONS 2).

use serde::{Deserialize, Serialize};

use crate::{AuthMethod, Client, GrantType, ResponseSigning, SigningAlg};

/// A wire profile's name, as configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProfileName {
    /// The HID Authentication Service API.
    Hid,
    /// OAuth 2.0 and OpenID Connect to the letter.
    Openid,
    /// What the FAPI 2.0 Security Profile says of clients and their tokens. Of clients only, for a tenant it comes later.
    Fapi2,
}

/// In which form `sub` names a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectForm {
    /// The user name.
    UserName,
    /// The stable opaque id.
    Opaque,
}

/// What userinfo answers when the client has said nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserinfoForm {
    /// A signed JWT.
    SignedJwt,
    /// JSON.
    Json,
}

/// How a tenant behaves on the wire: one field per row of DECISIONS 2 that has a use today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireProfile {
    /// Its name. Larger is stricter.
    pub name: ProfileName,
    /// Query, form and JSON parameters are merged, whatever `Content-Type` says; otherwise form body only.
    pub merged_encodings: bool,
    /// A client's own bearer authenticates it (DECISIONS 5.4).
    pub bearer_authenticates: bool,
    /// A client registered for `client_secret_basic` may use `client_secret_post` too (CONTRACT 2).
    pub basic_includes_post: bool,
    /// Commas separate scope values too.
    pub comma_separators: bool,
    /// The form of `sub` for users.
    pub subject: SubjectForm,
    /// Each use of a refresh token replaces it.
    pub rotate_refresh: bool,
    /// A public client may refresh without `client_id`: the token names its client.
    pub refresh_names_client: bool,
    /// Machine sessions have the inactivity limit of the client's policy even when nothing is configured.
    pub machine_inactivity: bool,
    /// What userinfo answers when the client has said nothing.
    pub userinfo: UserinfoForm,
    /// The token answer has `scope` when it differs from the request, and always on refresh.
    pub scope_in_answer: bool,
    /// An assertion without `jti` is accepted, once; and the authentication key of a set is the one without `use`
    /// (CONTRACT 4.16).
    pub lenient_assertions: bool,
    /// `hid_failure`, `hid_error` and `context` members, the vendor's texts, and the HID request parameters.
    pub hid_members: bool,
    /// Clients prove themselves by keys that never leave them, to the issuer alone, and their access tokens are bound
    /// to keys (FAPI 2.0 Security Profile §5.3.2.1).
    pub key_bound: bool,
}

const HID: WireProfile = WireProfile {
    name: ProfileName::Hid,
    merged_encodings: true,
    bearer_authenticates: true,
    basic_includes_post: true,
    comma_separators: true,
    subject: SubjectForm::UserName,
    rotate_refresh: true,
    refresh_names_client: true,
    machine_inactivity: true,
    userinfo: UserinfoForm::SignedJwt,
    scope_in_answer: false,
    lenient_assertions: true,
    hid_members: true,
    key_bound: false,
};

const OPENID: WireProfile = WireProfile {
    name: ProfileName::Openid,
    merged_encodings: false,
    bearer_authenticates: false,
    basic_includes_post: false,
    comma_separators: false,
    subject: SubjectForm::Opaque,
    rotate_refresh: true,
    refresh_names_client: false,
    machine_inactivity: false,
    userinfo: UserinfoForm::Json,
    scope_in_answer: true,
    lenient_assertions: false,
    hid_members: false,
    key_bound: false,
};

const FAPI2: WireProfile =
    WireProfile { name: ProfileName::Fapi2, rotate_refresh: false, key_bound: true, ..OPENID };

impl WireProfile {
    /// The profile of that name.
    pub const fn named(name: ProfileName) -> Self {
        match name {
            ProfileName::Hid => HID,
            ProfileName::Openid => OPENID,
            ProfileName::Fapi2 => FAPI2,
        }
    }

    /// The profile that holds for a client: the tenant's, or the client's own where that is stricter, never laxer
    /// (DECISIONS 2).
    pub fn effective(tenant: ProfileName, client: Option<ProfileName>) -> Self {
        Self::named(client.map_or(tenant, |own| own.max(tenant)))
    }

    /// The grants that a client without a list of its own may use.
    pub const fn default_grants(&self) -> &'static [GrantType] {
        match self.name {
            ProfileName::Hid => &[
                GrantType::ClientCredentials,
                GrantType::Password,
                GrantType::RefreshToken,
                GrantType::ClientSecretPki,
            ],
            ProfileName::Openid | ProfileName::Fapi2 => {
                &[GrantType::ClientCredentials, GrantType::RefreshToken]
            }
        }
    }

    /// The grants that a client is registered with that names none (RFC 7591 §2; CONTRACT 4.1.1).
    pub const fn registered_grants(&self) -> &'static [GrantType] {
        match self.name {
            ProfileName::Hid => {
                &[GrantType::ClientCredentials, GrantType::Password, GrantType::AuthorizationCode]
            }
            ProfileName::Openid | ProfileName::Fapi2 => &[GrantType::AuthorizationCode],
        }
    }

    /// Whether a client may prove itself by `method`.
    pub const fn has_method(&self, method: AuthMethod) -> bool {
        use AuthMethod::{PrivateKeyJwt, SelfSignedTlsClientAuth, TlsClientAuth};
        !self.key_bound || matches!(method, PrivateKeyJwt | TlsClientAuth | SelfSignedTlsClientAuth)
    }

    /// Whether JWTs from and for a client may be signed with `alg` (FAPI 2.0 Security Profile §5.4.1).
    pub const fn has_alg(&self, alg: SigningAlg) -> bool {
        !self.key_bound || !matches!(alg, SigningAlg::RS256)
    }

    /// The first member of a client's registration that contradicts its profile, and the rule, in words.
    pub fn contradiction(&self, client: &Client) -> Option<(&'static str, &'static str)> {
        let userinfo = client.userinfo_signed_response_alg.and_then(ResponseSigning::alg);
        let lacking = |alg: &SigningAlg| !self.has_alg(*alg);
        if !client.auth_methods.iter().all(|method| self.has_method(*method)) {
            return Some((
                "auth_methods",
                "fapi2 has private_key_jwt, tls_client_auth and self_signed_tls_client_auth only",
            ));
        }
        if client.grant_types.iter().flatten().any(|grant| !self.has_grant(*grant)) {
            return Some(("grant_types", "fapi2 has neither password nor the grant of client_secret_pki"));
        }
        [
            ("token_endpoint_auth_signing_alg", client.auth_signing_algs.iter().any(lacking)),
            ("id_token_signed_response_alg", lacking(&client.id_token_signed_response_alg)),
            ("userinfo_signed_response_alg", userinfo.as_ref().is_some_and(lacking)),
            ("introspection_signed_response_alg", lacking(&client.introspection_signed_response_alg)),
        ]
        .into_iter()
        .find_map(|(member, wrong)| wrong.then_some((member, "fapi2 has PS256, ES256 and EdDSA only")))
    }

    /// Whether there is a grant. Passwords are for their owner and nobody in between.
    pub const fn has_grant(&self, grant: GrantType) -> bool {
        !self.key_bound || !matches!(grant, GrantType::Password | GrantType::ClientSecretPki)
    }
}
