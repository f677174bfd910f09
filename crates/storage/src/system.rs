//! What spans tenants: their administration, and expiry.

use domain::{Fault, Tenant, TenantId, TenantName, TenantSettings, Timestamp};

use crate::database::Database;
use crate::failure::{Failure, Result};
use crate::link::Link;
use crate::table::{
    Swept, audit_log, refresh, registration_tokens, remembered_ids, sessions, source_failures, tenants,
};

/// How often a sweep that lost to a concurrent transaction is tried.
const ATTEMPTS: u32 = 3;

/// What a sweep removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// Sessions.
    pub sessions: u64,
    /// Refresh tokens.
    pub refresh_tokens: u64,
    /// Refresh families.
    pub refresh_families: u64,
    /// Counters of failures.
    pub source_failures: u64,
    /// Remembered identifiers.
    pub remembered_ids: u64,
    /// Initial access tokens.
    pub registration_tokens: u64,
    /// Whether there may be more to remove now.
    pub more: bool,
}

/// What spans tenants. Cheap to clone.
#[derive(Clone)]
pub struct SystemStore {
    database: Database,
}

impl SystemStore {
    pub(crate) const fn new(database: Database) -> Self {
        Self { database }
    }

    /// All tenants, by name.
    ///
    /// # Errors
    /// See [`domain::port`].
    pub fn tenants(&self) -> Result<Vec<Tenant>, Fault> {
        self.database.read(tenants::all)
    }

    /// A tenant by its name.
    ///
    /// # Errors
    /// See [`domain::port`].
    pub fn tenant_named(&self, name: &TenantName) -> Result<Option<Tenant>, Fault> {
        self.database.read(|link| tenants::named(link, name))
    }

    /// Creates a tenant at revision 1; `None` when the name is taken.
    ///
    /// # Errors
    /// See [`domain::port`].
    pub fn tenant_insert(
        &self,
        name: &TenantName,
        settings: &TenantSettings,
    ) -> Result<Option<Tenant>, Fault> {
        let (name, settings) = (name.clone(), settings.clone());
        match self.database.write(move |link| tenants::insert(link, &name, &settings)) {
            Ok(tenant) => Ok(Some(tenant)),
            Err(Failure::Conflict) => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Removes a tenant with everything in it but its audit log; removing what is gone does nothing.
    ///
    /// # Errors
    /// See [`domain::port`].
    pub fn tenant_remove(&self, tenant: TenantId) -> Result<(), Fault> {
        let remove = move |link: &mut Link| {
            // By key first: what references clients and users has no index for it.
            sessions::clear(link, tenant)?;
            refresh::clear(link, tenant)?;
            remembered_ids::clear(link, tenant)?;
            tenants::remove(link, tenant)
        };
        Ok(self.database.write(remove)?)
    }

    /// Each tenant's revision. A node that sees it grow drops what it has cached (DECISIONS 5.7).
    ///
    /// # Errors
    /// See [`domain::port`].
    pub fn revisions(&self) -> Result<Vec<(TenantId, TenantName, i64)>, Fault> {
        self.database.read(tenants::revisions)
    }

    /// Removes at most `batch` rows of each kind that have expired by `now`, in one short transaction. A family
    /// goes once its tokens are gone.
    ///
    /// # Errors
    /// See [`domain::port`].
    pub fn expire(&self, now: Timestamp, batch: i64) -> Result<Expired, Fault> {
        let batch = batch.max(1);
        self.repeat(move |link| sweep(link, now, batch))
    }

    /// Removes at most `batch` rows of the audit log from segments (`yyyymm`) older than `before_segment`: those of the
    /// first tenant behind `after` (a number that an earlier sweep gave, [`i64::MIN`] at first) that has any, among the
    /// next 64. Looking for it holds no write lock. The present month cannot be removed.
    ///
    /// # Errors
    /// See [`domain::port`].
    pub fn expire_audit(&self, before_segment: i32, batch: i64, after: i64) -> Result<AuditSweep, Fault> {
        let (before, batch) = (i64::from(before_segment), batch.max(1));
        let (tenant, last) = self.database.read(|link| audit_log::next_with_old(link, before, after))?;
        let Some(tenant) = tenant else { return Ok(AuditSweep { removed: 0, next: last }) };
        let removed = self.repeat(move |link| audit_log::expire(link, tenant, before, batch))?;
        let more = i64::try_from(removed).is_ok_and(|removed| removed >= batch);
        let next = if more { tenant.saturating_sub(1) } else { tenant };
        Ok(AuditSweep { removed: u64::try_from(removed).unwrap_or(u64::MAX), next: Some(next) })
    }

    fn repeat<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Link) -> Result<T> + Clone + Send + 'static,
    ) -> Result<T, Fault> {
        for _ in 0..ATTEMPTS {
            match self.database.write(work.clone()) {
                Err(Failure::Conflict) => {}
                done => return Ok(done?),
            }
        }
        Err(Fault::Contended(ATTEMPTS))
    }
}

/// What a sweep of the audit log did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditSweep {
    /// Rows removed.
    pub removed: u64,
    /// Where the next sweep goes on; `None`: there are no tenants behind it.
    pub next: Option<i64>,
}

fn sweep(link: &mut Link, now: Timestamp, batch: i64) -> Result<Expired> {
    let full = |swept: Swept| i64::try_from(swept.found).is_ok_and(|found| found >= batch);
    let removed = |swept: Swept| u64::try_from(swept.removed).unwrap_or(u64::MAX);
    let sessions = sessions::expire(link, now, batch)?;
    let sources = source_failures::expire(link, now, batch)?;
    let remembered = remembered_ids::expire(link, now, batch)?;
    let initial = registration_tokens::expire(link, now, batch)?;
    let tokens = refresh::expire_tokens(link, now, batch)?;
    // Families take their tokens with them: with all those that are left, it would be a long transaction.
    let families = if full(tokens) { Swept::default() } else { refresh::expire_families(link, now, batch)? };
    Ok(Expired {
        sessions: removed(sessions),
        refresh_tokens: removed(tokens),
        refresh_families: removed(families),
        source_failures: removed(sources),
        remembered_ids: removed(remembered),
        registration_tokens: removed(initial),
        more: [sessions, sources, remembered, initial, tokens, families].into_iter().any(full),
    })
}
