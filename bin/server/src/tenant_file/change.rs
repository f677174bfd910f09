//! What applying a file would change, as values and as lines for people.

use domain::{
    AuditKind, AuthenticationPolicy, Authenticator, Client, ClientId, ClientSecrets, PolicyCode, SigningAlg,
    TenantName, TenantSettings, Timestamp, User, UserId,
};

use super::{
    check::{DesiredAuthenticator, DesiredUser, NewSecret},
    date,
};

/// One change. They stand in the order in which they must be written.
#[derive(Debug)]
pub(super) enum Change {
    AddTenant(TenantName),
    PutSettings {
        name: TenantName,
        settings: Box<TenantSettings>,
        keys: Vec<String>,
    },
    AddPolicy(Box<AuthenticationPolicy>),
    PutPolicy {
        policy: Box<AuthenticationPolicy>,
        keys: Vec<String>,
    },
    RemoveAuthenticator {
        user: UserId,
        user_name: String,
        policy: PolicyCode,
    },
    RemoveUser {
        user: UserId,
        user_name: String,
    },
    RemoveClient(ClientId),
    UpdateUser {
        user: Box<User>,
        keys: Vec<String>,
    },
    UpdateAuthenticator {
        user_name: String,
        authenticator: Box<Authenticator>,
        keys: Vec<&'static str>,
    },
    AddAuthenticator {
        user: UserId,
        user_name: String,
        authenticator: Box<DesiredAuthenticator>,
    },
    AddUser(Box<DesiredUser>),
    UpdateClient {
        client: Box<Client>,
        keys: Vec<String>,
    },
    AddClient {
        client: Box<Client>,
        secret: NewSecret,
    },
    AddClientSecret {
        client: Box<Client>,
        secret: NewSecret,
    },
    ForgetClientSecrets(ClientId),
    /// What is left when the secret itself is no longer kept.
    UnsealClientSecret(ClientId, ClientSecrets),
    RemovePolicy(PolicyCode),
    /// A key, and when it begins to sign: at once for a new tenant, later for others.
    AddKey {
        alg: SigningAlg,
        from: Option<Timestamp>,
    },
}

impl Change {
    /// What the audit log calls it.
    pub(super) const fn kind(&self) -> AuditKind {
        match self {
            Self::AddTenant(_) | Self::PutSettings { .. } => AuditKind::TenantChange,
            Self::AddPolicy(_) | Self::PutPolicy { .. } | Self::RemovePolicy(_) => AuditKind::PolicyChange,
            Self::AddClient { .. }
            | Self::UpdateClient { .. }
            | Self::RemoveClient(_)
            | Self::AddClientSecret { .. }
            | Self::UnsealClientSecret(..)
            | Self::ForgetClientSecrets(_) => AuditKind::ClientChange,
            Self::AddUser(_)
            | Self::UpdateUser { .. }
            | Self::RemoveUser { .. }
            | Self::AddAuthenticator { .. }
            | Self::UpdateAuthenticator { .. }
            | Self::RemoveAuthenticator { .. } => AuditKind::UserChange,
            Self::AddKey { .. } => AuditKind::KeyChange,
        }
    }

    /// Why the audit log has it.
    pub(super) fn reason(&self) -> &'static str {
        match self.sign() {
            '+' => "created",
            '-' => "removed",
            _ => "changed",
        }
    }

    /// The client concerned.
    pub(super) const fn client(&self) -> Option<&ClientId> {
        match self {
            Self::AddClient { client, .. }
            | Self::UpdateClient { client, .. }
            | Self::AddClientSecret { client, .. } => Some(&client.client_id),
            Self::RemoveClient(id) | Self::UnsealClientSecret(id, _) | Self::ForgetClientSecrets(id) => {
                Some(id)
            }
            _ => None,
        }
    }

    /// The user concerned.
    pub(super) fn user(&self) -> Option<&str> {
        match self {
            Self::AddUser(user) => Some(&user.user_name),
            Self::UpdateUser { user, .. } => Some(&user.user_name),
            Self::RemoveUser { user_name, .. }
            | Self::AddAuthenticator { user_name, .. }
            | Self::UpdateAuthenticator { user_name, .. }
            | Self::RemoveAuthenticator { user_name, .. } => Some(user_name),
            _ => None,
        }
    }

    const fn sign(&self) -> char {
        match self {
            Self::AddTenant(_)
            | Self::AddPolicy(_)
            | Self::AddAuthenticator { .. }
            | Self::AddUser(_)
            | Self::AddClient { .. }
            | Self::AddKey { .. } => '+',
            Self::RemoveAuthenticator { .. }
            | Self::RemoveUser { .. }
            | Self::RemoveClient(_)
            | Self::RemovePolicy(_) => '-',
            Self::PutSettings { .. }
            | Self::PutPolicy { .. }
            | Self::UpdateUser { .. }
            | Self::UpdateAuthenticator { .. }
            | Self::UpdateClient { .. }
            | Self::AddClientSecret { .. }
            | Self::UnsealClientSecret(..)
            | Self::ForgetClientSecrets(_) => '~',
        }
    }

    /// What is concerned, and what of it.
    pub(super) fn object(&self) -> String {
        let of = |what: String, keys: String| format!("{what}: {keys}");
        match self {
            Self::AddTenant(name) => format!("tenant {name}"),
            Self::PutSettings { name, keys, .. } => of(format!("tenant {name}"), keys.join(", ")),
            Self::AddPolicy(policy) => format!("policy {}", policy.code),
            Self::PutPolicy { policy, keys } => of(format!("policy {}", policy.code), keys.join(", ")),
            Self::RemovePolicy(code) => format!("policy {code}"),
            Self::RemoveAuthenticator { user_name, policy, .. } => authenticator(user_name, policy),
            Self::RemoveUser { user_name, .. } => format!("user {user_name}"),
            Self::RemoveClient(id) => format!("client {id}"),
            Self::UpdateUser { user, keys } => of(format!("user {}", user.user_name), keys.join(", ")),
            Self::UpdateAuthenticator { user_name, authenticator: one, keys } => {
                of(authenticator(user_name, &one.policy), keys.join(", "))
            }
            Self::AddAuthenticator { user_name, authenticator: one, .. } => {
                authenticator(user_name, &one.policy.code)
            }
            Self::AddUser(user) => added(user),
            Self::UpdateClient { client, keys } => {
                of(format!("client {}", client.client_id), keys.join(", "))
            }
            Self::AddClient { client, .. } => format!("client {}", client.client_id),
            Self::AddClientSecret { client, .. } => format!("client {}: first secret", client.client_id),
            Self::UnsealClientSecret(id, _) => format!("client {id}: the digest of its secret only"),
            Self::ForgetClientSecrets(id) => format!("client {id}: no secret any more"),
            Self::AddKey { alg, from: None } => format!("key {}", alg.as_str()),
            Self::AddKey { alg, from: Some(from) } => {
                format!("key {}, which signs from {}", alg.as_str(), date::text(*from))
            }
        }
    }
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.sign(), self.object())
    }
}

fn authenticator(user_name: &str, policy: &PolicyCode) -> String {
    format!("authenticator {policy} of user {user_name}")
}

fn added(user: &DesiredUser) -> String {
    let codes: Vec<&str> = user.authenticators.iter().map(|one| one.policy.code.as_str()).collect();
    if codes.is_empty() {
        format!("user {}", user.user_name)
    } else {
        format!("user {} ({})", user.user_name, codes.join(", "))
    }
}
