//! What the audit log tells: who, what, from where, request id, outcome, reason.

use crate::{Env, Fault, Locator, RequestId, SourceAddr, Timestamp};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuditKind {
    /// A token request was answered.
    Token,
    /// A client failed to authenticate.
    ClientAuthentication,
    /// A user's credentials were tried.
    UserAuthentication,
    /// A refresh family was revoked because a spent token came back.
    RefreshReuse,
    /// A token, and its grant, was revoked by its client.
    Revocation,
    /// A tenant was created, changed or removed.
    TenantChange,
    /// A client was created, changed or removed.
    ClientChange,
    /// A user or an authenticator was created, changed or removed.
    UserChange,
    /// A policy was created, changed or removed.
    PolicyChange,
    /// A signing key was made or removed.
    KeyChange,
    /// An initial access token was made or revoked.
    RegistrationToken,
}

impl AuditKind {
    /// The stored value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::ClientAuthentication => "client_authentication",
            Self::UserAuthentication => "user_authentication",
            Self::RefreshReuse => "refresh_reuse",
            Self::Revocation => "revocation",
            Self::TenantChange => "tenant_change",
            Self::ClientChange => "client_change",
            Self::UserChange => "user_change",
            Self::PolicyChange => "policy_change",
            Self::KeyChange => "key_change",
            Self::RegistrationToken => "registration_token",
        }
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuditOutcome {
    /// It was done.
    Success,
    /// It was refused.
    Refused,
}

impl AuditOutcome {
    /// The stored value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Refused => "refused",
        }
    }
}

/// One line of the audit log. Values come from outside: storage keeps at most 255 bytes of each text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// The row's key within its month.
    pub id: Locator,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: AuditKind,
    /// How it ended.
    pub outcome: AuditOutcome,
    /// Why, as a label; `""` when there is nothing to say.
    pub reason: &'static str,
    /// The client concerned, as presented.
    pub client_id: Option<String>,
    /// The user concerned, by log-in name as presented.
    pub user_name: Option<String>,
    /// From where; `None` for the operator's own commands.
    pub source: Option<SourceAddr>,
    /// The request's id.
    pub request_id: RequestId,
    /// What else is worth knowing: grant type, object names; never a secret.
    pub detail: String,
}

/// Where a request came from and what it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The caller's address; `None` for the operator's own commands.
    pub source: Option<SourceAddr>,
    /// The request's id.
    pub request_id: RequestId,
}

impl AuditEvent {
    /// An event of `kind` from `origin`, with nobody named yet.
    ///
    /// # Errors
    /// [`Fault::Entropy`] when no randomness can be had.
    pub fn new(
        env: &Env<'_>,
        origin: &Origin,
        kind: AuditKind,
        outcome: AuditOutcome,
        reason: &'static str,
    ) -> Result<Self, Fault> {
        Ok(Self {
            id: Locator::mint(env)?,
            at: env.now,
            kind,
            outcome,
            reason,
            client_id: None,
            user_name: None,
            source: origin.source,
            request_id: origin.request_id.clone(),
            detail: String::new(),
        })
    }

    /// Names the client.
    #[must_use]
    pub fn client(mut self, client_id: &str) -> Self {
        self.client_id = Some(client_id.to_owned());
        self
    }

    /// Names the user.
    #[must_use]
    pub fn user(mut self, user_name: &str) -> Self {
        self.user_name = Some(user_name.to_owned());
        self
    }

    /// Says what else is worth knowing.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }
}
