//! Cached facts (BLUEPRINT amendment 4): tenants with their policies and keys, and clients. Dropped on local writes,
//! and within a second or two when another node writes (DECISIONS 5.7).

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use domain::{
    AuthenticationPolicy, ClientId, Fault, Issuer, KeyStage, PolicyCode, SigningAlg, SigningKeyRecord,
    Tenant, TenantId, TenantName, Timestamp, WireProfile,
    port::{ClientLookup as _, Signer, StoredClient},
};
use jose::{MasterKey, OpenSslSigner};
use moka::sync::Cache;
use oidc_core::discovery;
use storage::Database;

/// A signing key, opened.
pub struct TenantKey {
    /// The record.
    pub record: SigningKeyRecord,
    signer: OpenSslSigner,
}

/// Everything about a tenant that requests need and that seldom changes.
pub struct TenantFacts {
    /// The tenant.
    pub tenant: Tenant,
    /// Its issuer.
    pub issuer: Issuer,
    /// Its profile.
    pub profile: WireProfile,
    /// Its policies.
    pub policies: BTreeMap<PolicyCode, AuthenticationPolicy>,
    /// Its keys.
    pub keys: Vec<TenantKey>,
    /// Its metadata, as published.
    pub discovery: String,
}

impl TenantFacts {
    /// Reads a tenant by name. Blocking.
    ///
    /// # Errors
    /// Those of storage, and when a key does not open under the master key.
    pub fn load(
        database: &Database,
        master: &MasterKey,
        public_url: &str,
        name: &TenantName,
    ) -> Result<Option<Self>, Fault> {
        let Some(tenant) = database.system().tenant_named(name)? else {
            return Ok(None);
        };
        let store = database.tenant(tenant.id);
        let policies = store.policies()?.into_iter().map(|policy| (policy.code.clone(), policy)).collect();
        let open = |record: SigningKeyRecord| {
            checked(&record)?;
            let signer = OpenSslSigner::open(&record, tenant.id, master)?;
            Ok::<_, Fault>(TenantKey { record, signer })
        };
        let keys = store.keys()?.into_iter().map(open).collect::<Result<_, _>>()?;
        let issuer = Issuer::new(public_url, &tenant.name);
        let discovery = serde_json::to_string(&discovery::document(&tenant, &issuer))
            .map_err(|_error| Fault::Invariant("claims are JSON"))?;
        Ok(Some(Self { profile: tenant.profile(), issuer, policies, keys, discovery, tenant }))
    }

    /// The key that signs with `alg` now.
    ///
    /// # Errors
    /// [`Fault::Signing`] when the tenant has none.
    pub fn signer(&self, alg: SigningAlg, now: Timestamp) -> Result<&dyn Signer, Fault> {
        let active = |key: &&TenantKey| key.record.alg == alg && key.record.stage(now) == KeyStage::Active;
        // The newest active one, should two overlap.
        let key = self.keys.iter().filter(active).max_by_key(|key| key.record.active_from);
        key.map(|key| &key.signer as &dyn Signer)
            .ok_or(Fault::Signing("the tenant has no active key of that algorithm"))
    }

    /// The JWK set as published now (RFC 7517 §5): pre-published, active and verify-only keys.
    pub fn jwks(&self, now: Timestamp) -> String {
        let published = self.keys.iter().filter(|key| key.record.stage(now) != KeyStage::Retired);
        let keys: Vec<&str> = published.map(|key| key.record.public_jwk.as_str()).collect();
        format!("{{\"keys\":[{}]}}", keys.join(","))
    }
}

/// A published key must be a JSON object, because it is published as it is stored.
fn checked(record: &SigningKeyRecord) -> Result<(), Fault> {
    serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&record.public_jwk)
        .map(|_object| ())
        .map_err(|error| Fault::Inconsistent(format!("signing_keys.public_jwk: {error}")))
}

impl std::fmt::Debug for TenantFacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TenantFacts").field("tenant", &self.tenant.name).finish_non_exhaustive()
    }
}

type ClientKey = (TenantId, i64, ClientId);

/// The caches.
#[derive(Debug)]
pub struct Facts {
    tenants: Cache<TenantName, Arc<TenantFacts>>,
    clients: Cache<ClientKey, Arc<StoredClient>>,
}

impl Default for Facts {
    fn default() -> Self {
        // Unused entries leave by themselves, so that ten thousand tenants cost what their traffic costs.
        let idle = Duration::from_hours(1);
        Self {
            tenants: Cache::builder().max_capacity(20_000).time_to_idle(idle).build(),
            clients: Cache::builder().max_capacity(100_000).time_to_idle(idle).build(),
        }
    }
}

impl Facts {
    /// A tenant, if it is known here.
    pub fn tenant(&self, name: &TenantName) -> Option<Arc<TenantFacts>> {
        self.tenants.get(name)
    }

    /// Remembers a tenant.
    pub fn put_tenant(&self, name: TenantName, facts: Arc<TenantFacts>) {
        self.tenants.insert(name, facts);
    }

    /// A client as of the tenant's revision, if it is known here.
    pub fn client(&self, facts: &TenantFacts, id: &ClientId) -> Option<Arc<StoredClient>> {
        self.clients.get(&(facts.tenant.id, facts.tenant.revision, id.clone()))
    }

    /// Reads a client and remembers it. Unknown ids are not remembered: there is no end of them. Blocking.
    ///
    /// # Errors
    /// Those of storage.
    pub fn load_client(
        &self,
        database: &Database,
        facts: &TenantFacts,
        id: &ClientId,
    ) -> Result<Option<Arc<StoredClient>>, Fault> {
        let found = database.tenant(facts.tenant.id).client(id)?.map(Arc::new);
        if let Some(client) = &found {
            self.clients.insert((facts.tenant.id, facts.tenant.revision, id.clone()), Arc::clone(client));
        }
        Ok(found)
    }

    /// Forgets the tenants whose revision is not the one that is stored, and those that are gone.
    pub fn refresh(&self, stored: &[(TenantId, TenantName, i64)]) {
        let current: BTreeMap<&TenantName, (TenantId, i64)> =
            stored.iter().map(|(id, name, revision)| (name, (*id, *revision))).collect();
        for (name, facts) in &self.tenants {
            if current.get(&*name) != Some(&(facts.tenant.id, facts.tenant.revision)) {
                self.tenants.invalidate(&*name);
            }
        }
    }

    /// Forgets a tenant that has just been changed here.
    pub fn forget(&self, name: &TenantName) {
        self.tenants.invalidate(name);
    }
}
