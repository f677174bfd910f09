//! What a store offers to the suite besides its ports.

use domain::port::TenantPorts;
use domain::{AdminWrite, Applied, Fault, Locator, RegistrationToken, SigningKeyRecord, TenantSettings};

use crate::MemoryStore;

/// A handle on one tenant of a store under test.
pub trait TestStore: TenantPorts + Send {
    /// Another handle on the same tenant, for use from another thread.
    fn another(&self) -> Box<dyn TestStore>;

    /// A handle on a fresh, empty tenant of the same database.
    fn other_tenant(&self) -> Box<dyn TestStore>;

    /// Applies administrative changes in one transaction.
    ///
    /// # Errors
    /// As [`domain::port::Apply::apply`].
    fn admin(&mut self, writes: Vec<AdminWrite>) -> Result<Applied, Fault>;

    /// All signing keys of the tenant, in any order.
    ///
    /// # Errors
    /// When the store cannot answer.
    fn keys(&mut self) -> Result<Vec<SigningKeyRecord>, Fault>;

    /// An initial access token, live or not.
    ///
    /// # Errors
    /// When the store cannot answer.
    fn registration_token(&mut self, id: &Locator) -> Result<Option<RegistrationToken>, Fault>;

    /// The tenant's settings and revision, not from a cache.
    ///
    /// # Errors
    /// When the store cannot answer.
    fn settings(&mut self) -> Result<(TenantSettings, i64), Fault>;

    /// The ids of all audit events of the tenant, in any order.
    ///
    /// # Errors
    /// When the store cannot answer.
    fn audit_ids(&mut self) -> Result<Vec<Locator>, Fault>;
}

impl TestStore for MemoryStore {
    fn another(&self) -> Box<dyn TestStore> {
        Box::new(self.clone())
    }

    fn other_tenant(&self) -> Box<dyn TestStore> {
        Box::new(Self::new())
    }

    fn admin(&mut self, writes: Vec<AdminWrite>) -> Result<Applied, Fault> {
        Ok(Self::admin(self, &writes))
    }

    fn keys(&mut self) -> Result<Vec<SigningKeyRecord>, Fault> {
        Ok(Self::keys(self))
    }

    fn registration_token(&mut self, id: &Locator) -> Result<Option<RegistrationToken>, Fault> {
        Ok(Self::registration_token(self, id))
    }

    fn settings(&mut self) -> Result<(TenantSettings, i64), Fault> {
        Ok(Self::settings(self))
    }

    fn audit_ids(&mut self) -> Result<Vec<Locator>, Fault> {
        Ok(self.audit().into_iter().map(|event| event.id).collect())
    }
}
