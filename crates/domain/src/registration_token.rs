//! Initial access tokens: what lets its holder register clients (RFC 7591 §1.2, §3).

use std::collections::BTreeSet;

use crate::{AuthMethod, Locator, Scopes, SecretDigest, Timestamp, encoding};

/// An initial access token. It is good for so many registrations, until it expires.
#[derive(Clone, Debug)]
pub struct RegistrationToken {
    /// The row's key, and the token's name for people.
    pub locator: Locator,
    /// Of the secret part.
    pub digest: SecretDigest,
    /// What its maker calls it; `""` when it has no name.
    pub label: String,
    /// How many clients it may register.
    pub max_uses: u32,
    /// How many it has registered.
    pub uses: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is refused, and its row may go.
    pub expires_at: Timestamp,
    /// What its holder may give to the clients.
    pub scopes: Scopes,
    /// How the clients may authenticate, for as long as they live; empty: in every way that can be registered.
    pub auth_methods: BTreeSet<AuthMethod>,
}

impl RegistrationToken {
    /// Whether it can register another client at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.uses < self.max_uses && !self.expires_at.has_passed(now)
    }

    /// Its name on the command line and in the audit log. It is part of the token, and not the secret one.
    pub fn id(&self) -> String {
        encoding::base64url(self.locator.as_bytes())
    }
}
