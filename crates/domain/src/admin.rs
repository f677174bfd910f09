//! What an administrator changes. Here the write *is* the request; no decision hides in it.

use crate::{
    AuthenticationPolicy, Authenticator, AuthenticatorStatus, Client, ClientId, ClientSecrets, Locator,
    PasswordCredential, PolicyCode, RegistrationToken, Remembered, SigningKeyRecord, TenantSettings,
    Timestamp, User, UserId,
};

/// One administrative change in one tenant. A list of them is applied in one transaction, together with the audit
/// rows that tell of it, and bumps the tenant's revision once. An insert of something that exists, or an update of
/// something that does not, is a conflict, and nothing of the list is written.
#[derive(Clone, Debug)]
pub enum AdminWrite {
    /// Replaces the tenant's settings.
    PutSettings(TenantSettings),
    /// Requires that the tenant's settings are as seen; changes nothing. Before a write of them.
    RequireSettings(Box<TenantSettings>),
    /// Inserts or replaces a policy.
    PutPolicy(AuthenticationPolicy),
    /// Removes a policy, with the authenticators under it.
    RemovePolicy(PolicyCode),
    /// Registers a client.
    InsertClient(Box<Client>, ClientSecrets),
    /// Replaces a registration; secrets and locks stay.
    UpdateClient(Box<Client>),
    /// Replaces a client's secrets, and forgets its failures.
    SetClientSecrets(ClientId, ClientSecrets),
    /// Requires that a client is as seen, in every member; changes nothing. Before a write to the same client.
    RequireClient(Box<Client>),
    /// Uses an identifier up. Precondition: it is not remembered.
    UseOnce(Remembered),
    /// Adds an initial access token.
    InsertRegistrationToken(Box<RegistrationToken>),
    /// Counts a use of an initial access token. Precondition: it is there, and has one left.
    UseRegistrationToken(Locator),
    /// Takes an initial access token away. Precondition: it is there.
    RemoveRegistrationToken(Locator),
    /// Removes a client, with its sessions and families.
    RemoveClient(ClientId),
    /// Creates a user.
    InsertUser(Box<User>),
    /// Replaces a user; authenticators stay. A user who is disabled, now or still, keeps nothing that was granted:
    /// in the same transaction their refresh families end ([`crate::FamilyEnd::Disabled`]) and their sessions go, and
    /// a log-in under way conflicts ([`crate::PasswordCredential::version`]).
    UpdateUser(Box<User>),
    /// Removes a user, with authenticators, sessions and families.
    RemoveUser(UserId),
    /// Gives a user an authenticator.
    InsertAuthenticator(Box<Authenticator>),
    /// Changes status and dates of an authenticator; counters, lock and password stay.
    UpdateAuthenticator {
        /// Whose.
        user_id: UserId,
        /// Which.
        policy: PolicyCode,
        /// From now on.
        status: AuthenticatorStatus,
        /// From now on.
        valid_from: Timestamp,
        /// From now on.
        valid_until: Timestamp,
    },
    /// Replaces a password. `credential.version` is the new version; the stored one must be one less.
    SetPassword {
        /// Whose.
        user_id: UserId,
        /// Which.
        policy: PolicyCode,
        /// The new credential.
        credential: PasswordCredential,
        /// The new end of validity.
        valid_until: Timestamp,
    },
    /// Ends a lock, and sets the failures in a row and the uses to zero (`RESET` of CONTRACT 11.3).
    ResetAuthenticator(UserId, PolicyCode),
    /// Takes an authenticator away.
    RemoveAuthenticator(UserId, PolicyCode),
    /// Adds a signing key. Precondition: its `kid` is free.
    InsertKey(Box<SigningKeyRecord>),
    /// Sets a key's dates. Precondition: it has no successor yet.
    SupersedeKey {
        /// Which.
        kid: String,
        /// When its successor begins to sign.
        verify_from: Timestamp,
        /// When it is no longer published.
        retired_at: Timestamp,
    },
    /// Removes a retired key.
    RemoveKey(String),
}
