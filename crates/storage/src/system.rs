//! What spans tenants: their administration, and expiry.

use std::sync::Arc;

use domain::{Fault, Tenant, TenantId, TenantName, TenantSettings, Timestamp};

use crate::commit::Pace;
use crate::database::Database;
use crate::failure::{Failure, Result};
use crate::link::Link;
use crate::sweep::{self, Kind};
use crate::table::{audit_log, refresh, remembered_ids, sessions, tenants};

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

impl Expired {
    const fn of(&mut self, kind: Kind) -> &mut u64 {
        match kind {
            Kind::Sessions => &mut self.sessions,
            Kind::SourceFailures => &mut self.source_failures,
            Kind::RememberedIds => &mut self.remembered_ids,
            Kind::RegistrationTokens => &mut self.registration_tokens,
            Kind::RefreshTokens => &mut self.refresh_tokens,
            Kind::RefreshFamilies => &mut self.refresh_families,
        }
    }
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

    /// Removes at most `batch` rows of each kind that have expired by `now`: in a file in the transactions of others,
    /// bit by bit, else in a short transaction for each kind. A family goes once its tokens are gone. A kind that
    /// cannot be removed, as when a page of its table is damaged, is left to the next time and logged.
    ///
    /// # Errors
    /// See [`domain::port`]; where nothing was removed.
    pub fn expire(&self, now: Timestamp, batch: i64) -> Result<Expired, Fault> {
        let batch = batch.max(1);
        let (mut expired, mut failed) = (Expired::default(), None);
        let mut tokens_left = false;
        for kind in Kind::ALL {
            if kind == Kind::RefreshFamilies && tokens_left {
                // Families take their tokens with them: with all those that are left, it would be long work.
                continue;
            }
            match self.expire_some(kind, now, batch) {
                Ok((removed, more)) => {
                    *expired.of(kind) = removed;
                    expired.more |= more;
                    tokens_left |= more && kind == Kind::RefreshTokens;
                }
                Err(fault @ (Fault::Busy(_) | Fault::Late(_) | Fault::Crashed)) => return Err(fault),
                Err(fault) => {
                    tracing::warn!(?kind, %fault, "what has expired cannot be removed; it will be tried again");
                    tokens_left |= kind == Kind::RefreshTokens;
                    failed = Some(fault);
                }
            }
        }
        let done = Expired { more: false, ..expired } != Expired::default();
        failed.filter(|_| !done).map_or(Ok(expired), Err)
    }

    /// How many rows of a kind were removed, and whether there may be more.
    fn expire_some(&self, kind: Kind, now: Timestamp, batch: i64) -> Result<(u64, bool), Fault> {
        let due = self.database.read(|link| kind.due(link, now, batch))?;
        let found = due.len();
        let removed = if found == 0 {
            0
        } else if self.database.is_local() {
            let pace = due.pace(now);
            self.database.ride(due.removals(now), pace)?
        } else {
            let due = Arc::new(due);
            self.repeat(move |link| due.remove_all(link, now))?
        };
        Ok((number(removed), is_full(found, batch)))
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
        let removed = if self.database.is_local() {
            let old = self.database.read(|link| audit_log::old(link, tenant, before, batch))?;
            // As much as a month's, at once.
            self.database.ride(sweep::each(old, audit_log::remove_old), Pace::Firm)?
        } else {
            self.repeat(move |link| audit_log::expire(link, tenant, before, batch))?
        };
        let next = if is_full(removed, batch) { tenant.saturating_sub(1) } else { tenant };
        Ok(AuditSweep { removed: number(removed), next: Some(next) })
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

fn is_full(found: usize, batch: i64) -> bool {
    i64::try_from(found).is_ok_and(|found| found >= batch)
}

fn number(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}
