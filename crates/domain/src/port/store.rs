//! Storage, seen through a tenant-scoped handle: no lookup and no write takes a tenant.
//!
//! Every method fails with [`Fault::Storage`] when the database cannot answer, with [`Fault::Inconsistent`]
//! when a row does not read back, and with [`Fault::Busy`] when no connection or no place in the queue is free.
//! Not found is `Ok(None)`.

use std::sync::Arc;

use crate::{
    Applied, AuthenticationPolicy, Authenticator, Client, ClientId, ClientSecrets, Fault, Locator,
    PolicyCode, RefreshFamily, RememberedFor, RememberedKey, Session, SourceAddr, SourceFailures,
    StoredRefresh, SubjectId, User, UserId, WriteBatch,
};

/// A client and what is kept of its secrets.
#[derive(Clone, Debug)]
pub struct StoredClient {
    /// The registration.
    pub client: Arc<Client>,
    /// Digests and hashes.
    pub secrets: ClientSecrets,
}

/// Finds clients.
pub trait ClientLookup {
    /// By `client_id`.
    ///
    /// # Errors
    /// See the module.
    fn client(&mut self, id: &ClientId) -> Result<Option<StoredClient>, Fault>;
}

/// Finds authentication policies.
pub trait PolicyLookup {
    /// By code.
    ///
    /// # Errors
    /// See the module.
    fn policy(&mut self, code: &PolicyCode) -> Result<Option<AuthenticationPolicy>, Fault>;
}

/// Finds sessions.
pub trait SessionLookup {
    /// By locator, live or not.
    ///
    /// # Errors
    /// See the module.
    fn session(&mut self, locator: &Locator) -> Result<Option<Session>, Fault>;
}

/// Finds refresh tokens.
pub trait RefreshLookup {
    /// By locator, with the family, live or not.
    ///
    /// # Errors
    /// See the module.
    fn refresh(&mut self, locator: &Locator) -> Result<Option<StoredRefresh>, Fault>;

    /// A family by its own locator, live or not.
    ///
    /// # Errors
    /// See the module.
    fn family(&mut self, locator: &Locator) -> Result<Option<RefreshFamily>, Fault>;
}

/// Finds users.
pub trait UserLookup {
    /// By log-in name, exactly.
    ///
    /// # Errors
    /// See the module.
    fn user_by_name(&mut self, user_name: &str) -> Result<Option<User>, Fault>;

    /// By internal id.
    ///
    /// # Errors
    /// See the module.
    fn user(&mut self, id: UserId) -> Result<Option<User>, Fault>;

    /// By the stable opaque id.
    ///
    /// # Errors
    /// See the module.
    fn user_by_subject(&mut self, subject: &SubjectId) -> Result<Option<User>, Fault>;
}

/// Finds authenticators.
pub trait AuthenticatorLookup {
    /// One user's under one policy.
    ///
    /// # Errors
    /// See the module.
    fn authenticator(&mut self, user: UserId, policy: &PolicyCode) -> Result<Option<Authenticator>, Fault>;
}

/// Finds failures with chosen client secrets.
pub trait SourceFailureLookup {
    /// For one client from one lock unit.
    ///
    /// # Errors
    /// See the module.
    fn source_failures(
        &mut self,
        client: &ClientId,
        source: SourceAddr,
    ) -> Result<Option<SourceFailures>, Fault>;
}

/// Finds what is remembered.
pub trait RememberedLookup {
    /// Whether an identifier is remembered for `purpose`, due or not.
    ///
    /// # Errors
    /// See the module.
    fn remembered(&mut self, purpose: RememberedFor, key: &RememberedKey) -> Result<bool, Fault>;
}

/// The one mutation.
pub trait Apply {
    /// Does all of `batch` in one transaction, or nothing. `Committed` is told only after it is durable.
    ///
    /// # Errors
    /// See the module; on error nothing was written, unless the database failed while it answered the commit.
    fn apply(&mut self, batch: &WriteBatch) -> Result<Applied, Fault>;
}

/// All ports of a tenant together.
pub trait TenantPorts:
    ClientLookup
    + PolicyLookup
    + SessionLookup
    + RefreshLookup
    + UserLookup
    + AuthenticatorLookup
    + SourceFailureLookup
    + RememberedLookup
    + Apply
{
}

impl<T> TenantPorts for T where
    T: ClientLookup
        + PolicyLookup
        + SessionLookup
        + RefreshLookup
        + UserLookup
        + AuthenticatorLookup
        + SourceFailureLookup
        + RememberedLookup
        + Apply
{
}
