//! What is stored of a tenant now.

use std::collections::BTreeMap;

use domain::{
    AuthenticationPolicy, Authenticator, ClientId, Fault, PolicyCode, SigningAlg, SigningKeyRecord, Tenant,
    TenantName, TenantSettings, Timestamp, User, port::StoredClient,
};
use storage::{Database, TenantStore};

use crate::keyring;

/// Rows per read.
const PAGE: i64 = 500;

/// A tenant with all that a file can change.
#[derive(Debug, Default)]
pub(super) struct Stored {
    /// `None`: there is no such tenant yet, and all else is empty.
    pub(super) tenant: Option<Tenant>,
    pub(super) policies: BTreeMap<PolicyCode, AuthenticationPolicy>,
    pub(super) clients: BTreeMap<ClientId, StoredClient>,
    /// By log-in name.
    pub(super) users: BTreeMap<String, StoredUser>,
    pub(super) keys: Vec<SigningKeyRecord>,
}

/// A user and their authenticators.
#[derive(Debug)]
pub(super) struct StoredUser {
    pub(super) user: User,
    pub(super) authenticators: BTreeMap<PolicyCode, Authenticator>,
}

impl Stored {
    /// Reads all of a tenant.
    ///
    /// # Errors
    /// Those of storage.
    pub(super) fn read(database: &Database, name: &TenantName) -> Result<Self, Fault> {
        let Some(tenant) = database.system().tenant_named(name)? else {
            return Ok(Self::default());
        };
        let store = database.tenant(tenant.id);
        let policies = store.policies()?.into_iter().map(|policy| (policy.code.clone(), policy)).collect();
        let (clients, users, keys) = (clients(&store)?, users(&store)?, store.keys()?);
        Ok(Self { tenant: Some(tenant), policies, clients, users, keys })
    }

    /// When a key begins to sign that is made now, the tenant's settings becoming `settings`; `None`: at once.
    pub(super) fn new_key_from(
        &self,
        alg: SigningAlg,
        settings: &TenantSettings,
        now: Timestamp,
    ) -> Option<Timestamp> {
        // Caches were promised what holds until now.
        let before = self.tenant.as_ref().map(|tenant| tenant.settings.jwks_cache);
        let cached = before.map_or(settings.jwks_cache, |before| before.max(settings.jwks_cache));
        Some(keyring::first_at(&self.keys, alg, cached, now)).filter(|from| *from > now)
    }
}

fn clients(store: &TenantStore) -> Result<BTreeMap<ClientId, StoredClient>, Fault> {
    let mut all = BTreeMap::new();
    let mut after: Option<ClientId> = None;
    loop {
        let page = store.clients(after.as_ref(), PAGE)?;
        let Some(last) = page.last() else { return Ok(all) };
        after = Some(last.client.client_id.clone());
        all.extend(page.into_iter().map(|stored| (stored.client.client_id.clone(), stored)));
    }
}

fn users(store: &TenantStore) -> Result<BTreeMap<String, StoredUser>, Fault> {
    let mut all = BTreeMap::new();
    let mut after = None;
    loop {
        let page = store.users(after, PAGE)?;
        let Some(last) = page.last() else { return Ok(all) };
        after = Some(last.id);
        for user in page {
            let authenticators = store.authenticators(user.id)?;
            let authenticators = authenticators.into_iter().map(|one| (one.policy.clone(), one)).collect();
            all.insert(user.user_name.clone(), StoredUser { user, authenticators });
        }
    }
}
