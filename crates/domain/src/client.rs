//! Clients.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{
    AuthMethod, CertificateName, ChannelCode, ClientId, ClientKeys, GrantType, PolicyCode, ProfileName,
    Scopes, SecretDigest, SigningAlg, Timestamp, Ttl, WireProfile,
    port::PasswordHash,
    role::{Permission, permissions_of},
};

/// How an answer that may be a JWT is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseSigning {
    /// Plain JSON.
    Json,
    /// A JWT signed with this algorithm.
    #[serde(untagged)]
    Signed(SigningAlg),
}

impl ResponseSigning {
    /// What it is signed with, if it is.
    pub const fn alg(self) -> Option<SigningAlg> {
        match self {
            Self::Json => None,
            Self::Signed(alg) => Some(alg),
        }
    }
}

/// The form of access tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessTokenFormat {
    /// Opaque text: a row behind it, revoked at once everywhere.
    #[default]
    Opaque,
    /// A signed JWT that resources can verify by themselves (RFC 9068): no row behind it.
    Jwt,
}

/// What is kept of a registration through the endpoint (RFC 7592 §3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// The digest of its registration access token's secret part, base64url. It changes with every update.
    pub token: String,
    /// `client_id_issued_at`.
    pub issued_at: Timestamp,
    /// How the client may authenticate whatever it says later, where the token that registered it says so; empty: in
    /// every way that can be registered.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub auth_methods: BTreeSet<AuthMethod>,
}

/// `application_type` (OpenID Connect Dynamic Client Registration 1.0 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApplicationType {
    /// On a server: users come back to it over https.
    Web,
    /// On a user's device (RFC 8252).
    Native,
}

impl ApplicationType {
    /// The one of that name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Web, Self::Native].into_iter().find(|kind| kind.as_str() == text)
    }

    /// The registered name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Native => "native",
        }
    }

    /// Whether such an application may have a redirect URI that is sound by itself. What is not https on a server is on a
    /// user's device, and somebody else's.
    pub fn may_have(self, redirect_uri: &str) -> bool {
        self == Self::Native || redirect_uri.starts_with("https://")
    }
}

/// A registered client: everything but its secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// `client_id`.
    pub client_id: ClientId,
    /// `client_name` for people.
    pub client_name: Option<String>,
    /// A disabled client is refused like an unknown one.
    pub enabled: bool,
    /// A stricter profile than the tenant's, if it is held to one.
    pub profile: Option<ProfileName>,
    /// The set of methods it may use (DECISIONS 5.1).
    pub auth_methods: BTreeSet<AuthMethod>,
    /// `token_endpoint_auth_method`: the preferred one.
    pub token_endpoint_auth_method: AuthMethod,
    /// The grants it may use; `None` leaves the profile's.
    pub grant_types: Option<BTreeSet<GrantType>>,
    /// The scopes it may have.
    pub scopes: Scopes,
    /// `redirect_uris`.
    pub redirect_uris: Vec<String>,
    /// Roles such as `RL_CLIENTIDM2M`.
    pub roles: BTreeSet<String>,
    /// Permissions besides those of its roles.
    pub permissions: BTreeSet<Permission>,
    /// `hid_client_pwd_policy`: the policy of its own secret.
    pub client_pwd_policy: PolicyCode,
    /// `hid_client_pki_policy`: the policy of its keys and certificates; `None` leaves that of its secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_pki_policy: Option<PolicyCode>,
    /// `hid_user_authn_policy`: the default policy for end users.
    pub user_authn_policy: Option<PolicyCode>,
    /// `hid_user_channel`: the default channel for end users.
    pub user_channel: Option<ChannelCode>,
    /// `hid_client_authentication_constraints`: addresses it may call from; empty means any.
    pub allowed_sources: Vec<IpNet>,
    /// `id_token_signed_response_alg`.
    pub id_token_signed_response_alg: SigningAlg,
    /// `userinfo_signed_response_alg`; `None` leaves the profile's choice.
    pub userinfo_signed_response_alg: Option<ResponseSigning>,
    /// `introspection_signed_response_alg` (RFC 9701 §6).
    pub introspection_signed_response_alg: SigningAlg,
    /// `hid_refresh_token_validity`; `None` leaves the tenant's.
    pub refresh_token_validity: Option<Ttl>,
    /// `hid_client_consentprompt`: with it, the password grant yields no refresh token (CONTRACT 3.2).
    pub consent_prompt: bool,
    /// What its certificates are told by under `tls_client_auth`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_name: Option<CertificateName>,
    /// `dpop_bound_access_tokens` (RFC 9449 §5.2): no token without a DPoP proof.
    #[serde(default)]
    pub dpop_bound_access_tokens: bool,
    /// Whether its DPoP proofs need a nonce, even where the tenant asks for none (RFC 9449 §8).
    #[serde(default)]
    pub dpop_nonce_required: bool,
    /// `tls_client_certificate_bound_access_tokens` (RFC 8705 §3.4): no token without a client certificate.
    #[serde(default)]
    pub tls_client_certificate_bound_access_tokens: bool,
    /// The form of its access tokens where no resource says otherwise.
    #[serde(default)]
    pub access_token_format: AccessTokenFormat,
    /// The resources that its tokens may be for (RFC 8707); `None`: all of the tenant's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<BTreeSet<String>>,
    /// A random number of its own: what tells it from an earlier client of the same id, whose JWTs are not its.
    #[serde(default)]
    pub generation: u64,
    /// `application_type`, if it was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application_type: Option<ApplicationType>,
    /// `post_logout_redirect_uris` (OpenID Connect RP-Initiated Logout 1.0 §3.1).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub post_logout_redirect_uris: Vec<String>,
    /// Members of the vendor's that are for features to come, by name: kept, and told when the client is asked for
    /// (CONTRACT 4.16).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hid_members: BTreeMap<String, String>,
    /// Its public keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<ClientKeys>,
    /// `token_endpoint_auth_signing_alg`: the algorithms that its signed assertions may have; empty: all on offer.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub auth_signing_algs: BTreeSet<SigningAlg>,
    /// How it was registered by itself, or by another client, through the registration endpoint; `None`: by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<Registration>,
    /// Free attributes, carried for the administrator.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
}

impl Client {
    /// Whether it has `permission`, by itself or through a role.
    pub fn may(&self, permission: &str) -> bool {
        self.permissions.iter().any(|p| p.as_str() == permission)
            || self.roles.iter().any(|role| permissions_of(role).contains(&permission))
    }

    /// Whether it may use a grant: its list says so or, without one, the profile that holds for it.
    pub fn lists(&self, grant: GrantType, profile: &WireProfile) -> bool {
        match &self.grant_types {
            Some(own) => own.contains(&grant),
            None => profile.default_grants().contains(&grant),
        }
    }

    /// Whether its tokens may be for `resource`, as far as it is up to the client.
    pub fn may_be_for(&self, resource: &str) -> bool {
        self.resources.as_ref().is_none_or(|own| own.contains(resource))
    }

    /// Whether it may call from an address (`hid_client_authentication_constraints`); no list means from anywhere.
    pub fn may_call_from(&self, address: IpAddr) -> bool {
        self.allowed_sources.is_empty() || self.allowed_sources.iter().any(|net| net.contains(&address))
    }

    /// Whether one of its methods needs a secret.
    pub fn needs_secret(&self) -> bool {
        self.auth_methods.iter().any(|method| method.needs_secret())
    }

    /// Whether it is public: it may name itself without proof, and holds no other method.
    pub fn is_public(&self) -> bool {
        self.auth_methods.contains(&AuthMethod::None)
    }
}

/// What storage keeps of a client's secrets: never the secrets.
#[derive(Clone, Debug, Default)]
pub struct ClientSecrets {
    /// The keyed digest of a secret that the server generated.
    pub generated: Option<SecretDigest>,
    /// The slow hash of a secret that a person chose.
    pub chosen: Option<PasswordHash>,
    /// A generated secret itself, sealed: for `client_secret_jwt`, whose HMAC needs it (DECISIONS 5.5).
    pub sealed: Option<Vec<u8>>,
}
