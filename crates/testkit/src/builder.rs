//! Builders of records, with defaults that work.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use domain::port::{KeyedDigest, PasswordHash, SecretHasher};
use domain::{
    AccessTokenFormat, AuthMethod, AuthenticationPolicy, Authenticator, AuthenticatorStatus, ChannelCode,
    Client, ClientId, ClientSecrets, Env, GrantType, PasswordCredential, Permission, PolicyCode, Scopes,
    Secret, SigningAlg, SourceAddr, Statistics, SubjectId, TenantId, Timestamp, Ttl, User, UserId,
    UserStatus, machine_secret,
};
use sha2::{Digest, Sha256};

/// A client id.
pub fn client_id(text: &str) -> ClientId {
    ClientId::parse(text).expect("a client id")
}

/// A policy code.
pub fn policy_code(text: &str) -> PolicyCode {
    PolicyCode::parse(text).expect("a policy code")
}

/// Scopes, separated by spaces.
pub fn scopes(text: &str) -> Scopes {
    Scopes::parse(text, false).expect("scope values")
}

/// A source address.
pub fn source(text: &str) -> SourceAddr {
    SourceAddr::new(text.parse::<IpAddr>().expect("an IP address"))
}

/// A tenant's id, for tests that have no storage.
#[expect(clippy::disallowed_methods, reason = "tests without storage have no other way to name a tenant")]
pub const fn tenant_id(number: i64) -> TenantId {
    TenantId::assume(number)
}

/// Starts a confidential client (`client_secret_basic` and `client_secret_post`, the profile's grants, no scopes).
pub fn a_client(id: &str) -> ClientBuilder {
    ClientBuilder {
        client: Client {
            client_id: client_id(id),
            client_name: None,
            enabled: true,
            profile: None,
            auth_methods: [AuthMethod::ClientSecretBasic, AuthMethod::ClientSecretPost].into(),
            token_endpoint_auth_method: AuthMethod::ClientSecretBasic,
            grant_types: None,
            scopes: Scopes::default(),
            redirect_uris: Vec::new(),
            roles: BTreeSet::new(),
            permissions: BTreeSet::new(),
            client_pwd_policy: policy_code("AT_SYSLOG"),
            client_pki_policy: None,
            application_type: None,
            post_logout_redirect_uris: Vec::new(),
            hid_members: BTreeMap::new(),
            user_authn_policy: None,
            user_channel: None,
            allowed_sources: Vec::new(),
            id_token_signed_response_alg: SigningAlg::RS256,
            userinfo_signed_response_alg: None,
            introspection_signed_response_alg: SigningAlg::RS256,
            refresh_token_validity: None,
            consent_prompt: false,
            certificate_name: None,
            dpop_bound_access_tokens: false,
            dpop_nonce_required: false,
            tls_client_certificate_bound_access_tokens: false,
            access_token_format: AccessTokenFormat::Opaque,
            resources: None,
            generation: 0,
            registration: None,
            keys: None,
            auth_signing_algs: BTreeSet::new(),
            attributes: BTreeMap::new(),
        },
    }
}

/// A client in the making.
#[derive(Clone, Debug)]
pub struct ClientBuilder {
    client: Client,
}

impl ClientBuilder {
    /// The scopes it may have, separated by spaces.
    pub fn scopes(mut self, text: &str) -> Self {
        self.client.scopes = scopes(text);
        self
    }

    /// The methods it may use; the first is preferred.
    pub fn methods(mut self, methods: impl IntoIterator<Item = AuthMethod>) -> Self {
        let methods: Vec<_> = methods.into_iter().collect();
        self.client.token_endpoint_auth_method = *methods.first().expect("at least one method");
        self.client.auth_methods = methods.into_iter().collect();
        self
    }

    /// Makes it public: `none` is its only method.
    pub fn public(self) -> Self {
        self.methods([AuthMethod::None])
    }

    /// The grants it may use, instead of the profile's.
    pub fn grants(mut self, grants: impl IntoIterator<Item = GrantType>) -> Self {
        self.client.grant_types = Some(grants.into_iter().collect());
        self
    }

    /// Adds a permission.
    pub fn permission(mut self, name: &str) -> Self {
        self.client.permissions.insert(Permission::new(name));
        self
    }

    /// Adds a role.
    pub fn role(mut self, code: &str) -> Self {
        self.client.roles.insert(code.to_owned());
        self
    }

    /// The default policy for end users.
    pub fn user_policy(mut self, code: &str) -> Self {
        self.client.user_authn_policy = Some(policy_code(code));
        self
    }

    /// The default channel for end users.
    pub fn user_channel(mut self, code: &str) -> Self {
        self.client.user_channel = Some(ChannelCode::parse(code).expect("a channel code"));
        self
    }

    /// Any other change.
    pub fn with(mut self, change: impl FnOnce(&mut Client)) -> Self {
        change(&mut self.client);
        self
    }

    /// The client.
    pub fn build(self) -> Client {
        self.client
    }

    /// The client, without any secret: public, or unable to authenticate.
    pub fn no_secret(self) -> (Client, ClientSecrets) {
        (self.client, ClientSecrets::default())
    }

    /// The client with a secret that the server generated, and that secret.
    pub fn generated_secret(
        self,
        env: &Env<'_>,
        digest: &dyn KeyedDigest,
    ) -> (Client, ClientSecrets, Secret) {
        let secret = machine_secret::mint(env).expect("entropy");
        let generated = Some(digest.keyed(secret.expose().as_bytes()));
        (self.client, ClientSecrets { generated, chosen: None, sealed: None }, secret)
    }

    /// The client with a secret that a person chose.
    pub fn chosen_secret(self, secret: &str, hasher: &dyn SecretHasher) -> (Client, ClientSecrets) {
        let chosen = Some(hasher.hash(&Secret::new(secret.to_owned())).expect("a hash"));
        (self.client, ClientSecrets { generated: None, chosen, sealed: None })
    }
}

/// Starts a user. Id and subject follow from the name, so that one name is always one user.
pub fn a_user(name: &str) -> UserBuilder {
    let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(name));
    UserBuilder {
        user: User {
            id: UserId::new(i64::from(u32::from_be_bytes([a, b, c, d])) + 1),
            subject_id: SubjectId::parse(&format!("sub-{name}")).expect("a subject id"),
            external_id: None,
            user_name: name.to_owned(),
            status: UserStatus::Enabled,
            attributes: BTreeMap::new(),
            groups: BTreeSet::new(),
            roles: BTreeSet::new(),
            updated_at: Timestamp::from_secs(1_767_225_600),
        },
    }
}

/// A user in the making.
#[derive(Clone, Debug)]
pub struct UserBuilder {
    user: User,
}

impl UserBuilder {
    /// Adds an attribute.
    pub fn attribute(mut self, name: &str, value: &str) -> Self {
        self.user.attributes.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Disables the user.
    pub fn disabled(mut self) -> Self {
        self.user.status = UserStatus::Disabled;
        self
    }

    /// Any other change.
    pub fn with(mut self, change: impl FnOnce(&mut User)) -> Self {
        change(&mut self.user);
        self
    }

    /// The user.
    pub fn build(self) -> User {
        self.user
    }
}

/// Starts a policy with the vendor's defaults.
pub fn a_policy(code: &str) -> PolicyBuilder {
    PolicyBuilder { policy: AuthenticationPolicy::new(policy_code(code)) }
}

/// A policy in the making.
#[derive(Clone, Debug)]
pub struct PolicyBuilder {
    policy: AuthenticationPolicy,
}

impl PolicyBuilder {
    /// `disableThreshold`; −1 none.
    pub fn disable_threshold(mut self, failures: i64) -> Self {
        self.policy.disable_threshold = failures;
        self
    }

    /// `autoUnlockSeconds`; −1 only by an administrator.
    pub fn auto_unlock_seconds(mut self, seconds: i64) -> Self {
        self.policy.auto_unlock_seconds = seconds;
        self
    }

    /// Session time-outs: inactivity and total, seconds.
    pub fn timeouts(mut self, inactivity: i64, total: i64) -> Self {
        self.policy.inactivity_seconds = inactivity;
        self.policy.total_seconds = total;
        self
    }

    /// Any other change.
    pub fn with(mut self, change: impl FnOnce(&mut AuthenticationPolicy)) -> Self {
        change(&mut self.policy);
        self
    }

    /// The policy.
    pub fn build(self) -> AuthenticationPolicy {
        self.policy
    }
}

/// Starts an enabled authenticator, valid from 2025 to 2036, with a password of that hash in version 1.
pub fn an_authenticator(user: &User, policy: &str, hash: PasswordHash) -> AuthenticatorBuilder {
    let valid_from = Timestamp::from_secs(1_735_689_600);
    AuthenticatorBuilder {
        authenticator: Authenticator {
            user_id: user.id,
            policy: policy_code(policy),
            status: AuthenticatorStatus::Enabled,
            valid_from,
            valid_until: valid_from.plus(Ttl::from_days(4018)),
            locked_at: None,
            uses: 0,
            statistics: Statistics::default(),
            password: PasswordCredential { hash, version: 1, uses: 0, history: Vec::new() },
        },
    }
}

/// An authenticator in the making.
#[derive(Clone, Debug)]
pub struct AuthenticatorBuilder {
    authenticator: Authenticator,
}

impl AuthenticatorBuilder {
    /// Disables it, as an administrator would.
    pub fn disabled(mut self) -> Self {
        self.authenticator.status = AuthenticatorStatus::Disabled;
        self
    }

    /// Locks it, as too many failures would.
    pub fn locked_at(mut self, at: Timestamp) -> Self {
        self.authenticator.locked_at = Some(at);
        self
    }

    /// Any other change.
    pub fn with(mut self, change: impl FnOnce(&mut Authenticator)) -> Self {
        change(&mut self.authenticator);
        self
    }

    /// The authenticator.
    pub fn build(self) -> Authenticator {
        self.authenticator
    }
}
