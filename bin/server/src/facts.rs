//! Cached facts (BLUEPRINT amendment 4): tenants with their policies and keys, and clients. Dropped on local writes,
//! and within a second or two when another node writes (DECISIONS 5.7). Where nobody could say for that long what others
//! wrote, they are compared with storage each time.

mod currency;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, OnceLock},
    time::Duration,
};

use domain::{
    AuthenticationPolicy, ClientId, Fault, Issuer, KeyStage, Layout, PolicyCode, SigningAlg,
    SigningKeyRecord, Tenant, TenantId, TenantName, Timestamp, Ttl, WireProfile,
    port::{ClientLookup as _, Signer, StoredClient},
};
use jose::{JoseVerifier, MasterKey, OpenSslSigner, Truststore, VerifiedJws};
use moka::sync::Cache;
use oidc_core::discovery;
use storage::Database;

use crate::revocation::Revocation;
use currency::Currency;

/// How far the clocks of nodes may lie apart when a key has given way to its successor.
const CLOCKS: Ttl = Ttl::from_secs(60);

/// A signing key, opened.
pub struct TenantKey {
    /// The record.
    pub record: SigningKeyRecord,
    /// `None`: its private half does not open. It is published all the same, for what it signed.
    signer: Option<OpenSslSigner>,
}

/// Where the world reaches the server.
#[derive(Clone, Copy, Debug)]
pub struct Bases<'a> {
    /// What issuers begin with.
    pub public: &'a str,
    /// Where certificates are asked for, if that has a name of its own.
    pub mtls: Option<&'a str>,
    /// Whether the server sees clients' certificates at all.
    pub sees_certificates: bool,
}

/// Everything about a tenant that requests need and that seldom changes.
pub struct TenantFacts {
    /// The tenant.
    pub tenant: Tenant,
    /// Its profile.
    pub profile: WireProfile,
    /// Its policies.
    pub policies: BTreeMap<PolicyCode, AuthenticationPolicy>,
    /// Its keys.
    pub keys: Vec<TenantKey>,
    /// Whom it trusts to certify its clients.
    pub truststore: Option<Truststore>,
    /// What is to be known of certificates besides; `None`: nothing.
    pub revocation: Option<Revocation>,
    /// What verifies JWTs of its own, made when it is first asked.
    own: OnceLock<Option<JoseVerifier>>,
    idp: Face,
    realms: Option<Face>,
}

/// What a tenant shows in one layout.
pub struct Face {
    /// Its issuer.
    pub issuer: Issuer,
    /// Its metadata, as published from each instant on, in order; never empty.
    discovery: Vec<(Timestamp, String)>,
}

impl Face {
    fn new(
        tenant: &Tenant,
        (issuer, mtls): (Issuer, Option<&discovery::Mtls>),
        eras: &[(Timestamp, Vec<SigningAlg>)],
    ) -> Result<Self, Fault> {
        let document = |(from, algs): &(Timestamp, Vec<SigningAlg>)| {
            let text = serde_json::to_string(&discovery::document(tenant, &issuer, algs, mtls));
            Ok::<_, Fault>((*from, text.map_err(|_error| Fault::Invariant("claims are JSON"))?))
        };
        let discovery = eras.iter().map(document).collect::<Result<_, _>>()?;
        Ok(Self { issuer, discovery })
    }

    /// The metadata as published now (OpenID Connect Discovery §3): JSON. It names the algorithms that sign now.
    pub fn discovery(&self, now: Timestamp) -> &str {
        let begun = self.discovery.iter().rfind(|(from, _)| from.has_passed(now));
        // A clock may be a little behind the one that made the first keys.
        begun.or_else(|| self.discovery.first()).map_or("{}", |(_, text)| text)
    }
}

impl TenantFacts {
    /// Reads a tenant by name, unless it is still the `known` one. Blocking. A key that does not open is told to the log,
    /// and does not sign.
    ///
    /// # Errors
    /// Those of storage.
    pub fn load(
        database: &Database,
        master: &MasterKey,
        bases: &Bases<'_>,
        name: &TenantName,
        known: Option<Arc<Self>>,
    ) -> Result<Option<Arc<Self>>, Fault> {
        let Some(tenant) = database.system().tenant_named(name)? else {
            return Ok(None);
        };
        let is_it =
            |known: &Arc<Self>| (known.tenant.id, known.tenant.revision) == (tenant.id, tenant.revision);
        if let Some(known) = known.filter(is_it) {
            return Ok(Some(known));
        }
        Self::of(tenant, database, master, bases).map(|facts| Some(Arc::new(facts)))
    }

    /// Reads what belongs to a tenant.
    fn of(tenant: Tenant, database: &Database, master: &MasterKey, bases: &Bases<'_>) -> Result<Self, Fault> {
        let store = database.tenant(tenant.id);
        let policies = store.policies()?.into_iter().map(|policy| (policy.code.clone(), policy)).collect();
        let open = |record: SigningKeyRecord| {
            checked(&record)?;
            let signer = OpenSslSigner::open(&record, tenant.id, master).map_err(|error| {
                tracing::error!(tenant = %tenant.name, kid = %record.kid, %error, "a signing key does not open");
            });
            Ok::<_, Fault>(TenantKey { record, signer: signer.ok() })
        };
        let keys: Vec<_> = store.keys()?.into_iter().map(open).collect::<Result<_, _>>()?;
        let eras = eras(&keys);
        let (truststore, revocation) = truststore(&tenant);
        let face = |layout| {
            let mtls = bases.sees_certificates.then(|| discovery::Mtls {
                truststore: truststore.is_some(),
                aliases: bases.mtls.map(|base| Issuer::laid_out(layout, base, &tenant.name)),
            });
            let issuer = Issuer::laid_out(layout, bases.public, &tenant.name);
            Face::new(&tenant, (issuer, mtls.as_ref()), &eras)
        };
        let idp = face(Layout::Idp)?;
        let realms = tenant.settings.realms_layout.then(|| face(Layout::Realms)).transpose()?;
        Ok(Self {
            profile: tenant.profile(),
            policies,
            keys,
            truststore,
            revocation,
            own: OnceLock::new(),
            idp,
            realms,
            tenant,
        })
    }

    /// The key that signs with `alg` now.
    ///
    /// # Errors
    /// [`Fault::Signing`] when the tenant has none, or none that opens.
    pub fn signer(&self, alg: SigningAlg, now: Timestamp) -> Result<&dyn Signer, Fault> {
        let signing = self.keys.iter().filter(|key| key.record.alg == alg && key.signs(now));
        // The newest active one, should two overlap.
        let key = signing.max_by_key(|key| key.record.active_from);
        key.and_then(|key| key.signer.as_ref())
            .map(|signer| signer as &dyn Signer)
            .ok_or(Fault::Signing("the tenant has no active key of that algorithm"))
    }

    /// The key that signs access tokens now: on P-256 where there is one, because it is fast and everybody verifies it;
    /// RS256, which RFC 9068 §2.1 has everybody verify, and the others behind it.
    ///
    /// # Errors
    /// [`Fault::Signing`] when no key signs.
    pub fn access_signer(&self, now: Timestamp) -> Result<&dyn Signer, Fault> {
        let order = [SigningAlg::ES256, SigningAlg::RS256, SigningAlg::PS256, SigningAlg::EdDSA];
        let signs = |alg: &SigningAlg| self.keys.iter().any(|key| key.record.alg == *alg && key.signs(now));
        let alg = order.into_iter().find(signs).ok_or(Fault::Signing("the tenant has no active key"))?;
        self.signer(alg, now)
    }

    /// A JWS whose signature is by one of the tenant's own published keys, made while that key signed; `None` for any
    /// other text. A key that is not published any more vouches for nothing, whoever has it.
    pub fn verified(&self, jwt: &str, now: Timestamp) -> Option<VerifiedJws> {
        let keys = || {
            let own = JoseVerifier::from_jwks(&key_set(self.keys.iter()));
            own.inspect_err(|error| tracing::error!(%error, "the tenant's own keys do not read")).ok()
        };
        let jws = self.own.get_or_init(keys).as_ref()?.verify(jwt).ok()?;
        let kid = jws.header.get("kid")?.as_str()?;
        let record = &self.keys.iter().find(|key| key.record.kid == kid)?.record;
        let iat = Timestamp::from_secs(jws.claims.get("iat")?.as_i64()?);
        let signed_late = record.verify_from.is_some_and(|end| iat > end.plus(CLOCKS));
        (record.stage(now) != KeyStage::Retired && !signed_late).then_some(jws)
    }

    /// What it shows in `layout`; `None` when it is not reached in it.
    pub const fn face(&self, layout: Layout) -> Option<&Face> {
        match layout {
            Layout::Idp => Some(&self.idp),
            Layout::Realms => self.realms.as_ref(),
        }
    }

    /// What it shows in `layout`, or where it is not reached in that, in the one that every tenant has.
    pub fn face_or_first(&self, layout: Layout) -> &Face {
        self.face(layout).unwrap_or(&self.idp)
    }

    /// The JWK set as published now (RFC 7517 §5): pre-published, active and verify-only keys.
    pub fn jwks(&self, now: Timestamp) -> String {
        key_set(self.keys.iter().filter(|key| key.record.stage(now) != KeyStage::Retired))
    }
}

/// A JWK set of their public halves (RFC 7517 §5).
fn key_set<'a, I: Iterator<Item = &'a TenantKey>>(keys: I) -> String {
    let keys: Vec<&str> = keys.map(|key| key.record.public_jwk.as_str()).collect();
    format!("{{\"keys\":[{}]}}", keys.join(","))
}

/// The tenant's truststore, and what is to be known of revoked certificates. What does not read was not written by us:
/// then nobody is trusted, and the log says so.
fn truststore(tenant: &Tenant) -> (Option<Truststore>, Option<Revocation>) {
    let told =
        |error: &dyn std::fmt::Display, what| tracing::error!(tenant = %tenant.name, "the {what} {error}");
    let Some(pem) = tenant.settings.mtls_truststore.as_deref() else { return (None, None) };
    let trusted = Truststore::from_pem(pem).map_err(|error| told(&error, "truststore"));
    let revocation = Revocation::of(&tenant.settings).map_err(|error| told(&error, "revocation list"));
    match (trusted, revocation) {
        (Ok(trusted), Ok(revocation)) => (Some(trusted), revocation),
        (Err(()), _) | (_, Err(())) => (None, None),
    }
}

impl TenantKey {
    fn signs(&self, now: Timestamp) -> bool {
        self.signer.is_some() && self.record.stage(now) == KeyStage::Active
    }
}

/// From when on which algorithms sign, in order, as far as the keys' dates say today. Facts live in memory while keys
/// come of age.
fn eras(keys: &[TenantKey]) -> Vec<(Timestamp, Vec<SigningAlg>)> {
    let dates =
        |key: &TenantKey| [Some(key.record.active_from), key.record.verify_from, key.record.retired_at];
    let dates: BTreeSet<Timestamp> = keys.iter().flat_map(dates).flatten().collect();
    let algs = |at: Timestamp| {
        let signs = |alg: &SigningAlg| keys.iter().any(|key| key.record.alg == *alg && key.signs(at));
        (at, SigningAlg::ALL.into_iter().filter(signs).collect::<Vec<_>>())
    };
    let mut eras: Vec<_> = dates.into_iter().map(algs).collect();
    eras.dedup_by(|next, before| next.1 == before.1);
    if eras.is_empty() {
        eras.push((Timestamp::from_millis(0), Vec::new()));
    }
    eras
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
    currency: Currency,
}

impl Default for Facts {
    fn default() -> Self {
        // Unused entries leave by themselves, so that ten thousand tenants cost what their traffic costs.
        let idle = Duration::from_hours(1);
        Self {
            tenants: Cache::builder().max_capacity(20_000).time_to_idle(idle).build(),
            clients: Cache::builder().max_capacity(100_000).time_to_idle(idle).build(),
            currency: Currency::default(),
        }
    }
}

impl Facts {
    /// A tenant, if it is known here.
    pub fn tenant(&self, name: &TenantName) -> Option<Arc<TenantFacts>> {
        self.tenants.get(name)
    }

    /// Whether what is known may be used as it is. Otherwise it is to be compared with storage: for a while nobody could
    /// say what other nodes changed. Costs one look at memory.
    pub fn are_current(&self) -> bool {
        self.currency.is()
    }

    /// How often something was dropped so far: to be asked before a tenant is read.
    pub fn rounds(&self) -> u64 {
        self.currency.rounds()
    }

    /// Remembers a tenant as it was read when there had been so many `rounds`; but not if there has been one since, which
    /// knew better.
    pub fn put_tenant(&self, name: &TenantName, facts: Arc<TenantFacts>, rounds: u64) {
        self.tenants.insert(name.clone(), facts);
        if self.rounds() != rounds {
            self.tenants.invalidate(name);
        }
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

    /// Forgets the tenants whose revision is not the one that is stored, and those that are gone. The revisions are those
    /// that a read found that `began` then, by the steady clock; told when memory becomes current by it.
    pub fn refresh(
        &self,
        stored: &[(TenantId, TenantName, i64)],
        began: Timestamp,
        now: Timestamp,
    ) -> Option<bool> {
        self.currency.next_round();
        let current: BTreeMap<&TenantName, (TenantId, i64)> =
            stored.iter().map(|(id, name, revision)| (name, (*id, *revision))).collect();
        for (name, facts) in &self.tenants {
            if current.get(&*name) != Some(&(facts.tenant.id, facts.tenant.revision)) {
                self.tenants.invalidate(&*name);
            }
        }
        self.currency.read(began, now)
    }

    /// Looks, many times a second, whether the last read of the revisions is too old; told when that changes.
    pub fn look(&self, now: Timestamp) -> Option<bool> {
        self.currency.look(now)
    }

    /// Forgets a tenant that has just been changed here.
    pub fn forget(&self, name: &TenantName) {
        self.currency.next_round();
        self.tenants.invalidate(name);
    }
}

#[cfg(test)]
mod tests;
