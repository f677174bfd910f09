//! One tenant's data.

use std::sync::mpsc;
use std::time::Duration;

use domain::port::StoredClient;
use domain::{
    AdminWrite, Applied, AuditEvent, AuthenticationPolicy, Authenticator, ClientId, Fault, Locator,
    RegistrationToken, SigningKeyRecord, TenantId, User, UserId, WriteBatch,
};

use crate::change;
use crate::database::{Database, unanswered};
use crate::failure::Failure;
use crate::table::audit_log::{self, AuditFilter, AuditRow};
use crate::table::{authenticators, clients, policies, registration_tokens, signing_keys, tenants, users};

/// How long [`domain::port::Apply::apply`] waits for the committer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The only door to one tenant's data: no method takes a tenant. Cheap to clone. Each lookup takes a pooled
/// connection and gives it back at once.
#[derive(Clone)]
pub struct TenantStore {
    pub(crate) database: Database,
    pub(crate) tenant: TenantId,
}

impl TenantStore {
    pub(crate) const fn new(database: Database, tenant: TenantId) -> Self {
        Self { database, tenant }
    }

    /// Whose data it is.
    pub const fn tenant_id(&self) -> TenantId {
        self.tenant
    }

    /// Queues the batch and calls `done` after COMMIT has returned or failed, without waiting. `done` is called
    /// exactly once: from the committer's thread, where it must not wait for the committer itself; or at once,
    /// with [`Fault::Busy`], when the queue is full or the database is shutting down, or with [`Fault::Storage`] when
    /// the database is known to be away ([`Database::available`]). After any other fault
    /// nothing was written, unless the database failed while it answered the commit.
    pub fn submit(&self, batch: WriteBatch, done: Box<dyn FnOnce(Result<Applied, Fault>) + Send>) {
        self.queue(batch, done);
        self.database.wake_committer();
    }

    /// As [`Self::submit`], without telling the committer: who queues several in a row calls
    /// [`Database::wake_committer`] behind them. Forgotten, it is told within a tenth of a second.
    pub fn queue(&self, batch: WriteBatch, done: Box<dyn FnOnce(Result<Applied, Fault>) + Send>) {
        if batch.is_empty() {
            return done(Ok(Applied::Committed));
        }
        if let Err(fault) = self.database.takes_batches() {
            return done(Err(fault));
        }
        self.database.committer().put(self.tenant, batch, done);
    }

    pub(crate) fn submit_and_wait(&self, batch: WriteBatch) -> Result<Applied, Fault> {
        let (answer, answered) = mpsc::sync_channel(1);
        // Whoever asked may have given up.
        self.submit(batch, Box::new(move |outcome| drop(answer.send(outcome))));
        answered.recv_timeout(PATIENCE).unwrap_or_else(|_late| Err(unanswered()))
    }

    /// Does all of `writes` and appends all of `audit`, in one transaction, and bumps the tenant's revision by
    /// one; or does nothing and tells of a conflict. Without writes the revision stays.
    ///
    /// # Errors
    /// [`Fault::Storage`] and [`Fault::Busy`]; nothing was written, unless the database failed while it
    /// answered the commit.
    pub fn change(&self, writes: Vec<AdminWrite>, audit: Vec<AuditEvent>) -> Result<Applied, Fault> {
        let tenant = self.tenant;
        match self.database.write(move |link| change::all(link, tenant, &writes, &audit)) {
            Ok(()) => Ok(Applied::Committed),
            Err(Failure::Conflict) => Ok(Applied::Conflict),
            Err(failure) => Err(failure.into()),
        }
    }

    /// All policies, by code.
    ///
    /// # Errors
    /// See [`domain::port`].
    pub fn policies(&self) -> Result<Vec<AuthenticationPolicy>, Fault> {
        self.database.read(|link| policies::all(link, self.tenant))
    }

    /// All signing keys, oldest first, retired ones included.
    ///
    /// # Errors
    /// See [`domain::port`].
    pub fn keys(&self) -> Result<Vec<SigningKeyRecord>, Fault> {
        self.database.read(|link| signing_keys::all(link, self.tenant))
    }

    /// At most `limit` clients in order of their ids (by bytes), those behind `after`.
    ///
    /// # Errors
    /// See [`domain::port`].
    pub fn clients(&self, after: Option<&ClientId>, limit: i64) -> Result<Vec<StoredClient>, Fault> {
        self.database.read(|link| clients::page(link, self.tenant, after, limit.max(0)))
    }

    /// An initial access token, live or not.
    ///
    /// # Errors
    /// See [`domain::port`].
    pub fn registration_token(&self, id: &Locator) -> Result<Option<RegistrationToken>, Fault> {
        self.database.read(|link| registration_tokens::one(link, self.tenant, id))
    }

    /// At most `limit` initial access tokens, oldest first, those behind `after`.
    ///
    /// # Errors
    /// See [`domain::port`].
    pub fn registration_tokens(
        &self,
        after: Option<&Locator>,
        limit: i64,
    ) -> Result<Vec<RegistrationToken>, Fault> {
        self.database.read(|link| registration_tokens::page(link, self.tenant, after, limit.max(0)))
    }

    /// At most `limit` users in order of their ids, those behind `after`.
    ///
    /// # Errors
    /// See [`domain::port`].
    pub fn users(&self, after: Option<UserId>, limit: i64) -> Result<Vec<User>, Fault> {
        self.database.read(|link| users::page(link, self.tenant, after, limit.max(0)))
    }

    /// A user's authenticators, by policy.
    ///
    /// # Errors
    /// See [`domain::port`].
    pub fn authenticators(&self, user: UserId) -> Result<Vec<Authenticator>, Fault> {
        self.database.read(|link| authenticators::of_user(link, self.tenant, user))
    }

    /// The first of `count` user ids in a row that nobody else is given. The first one ever is 10001.
    ///
    /// # Errors
    /// [`Fault::Invariant`] when `count` is not positive; otherwise see [`domain::port`].
    pub fn reserve_user_ids(&self, count: i64) -> Result<UserId, Fault> {
        if count < 1 {
            return Err(Fault::Invariant("at least one user id is reserved"));
        }
        let tenant = self.tenant;
        Ok(self.database.write(move |link| tenants::reserve_user_ids(link, tenant, count))?)
    }

    /// The rows of the audit log that `filter` names, oldest first.
    ///
    /// # Errors
    /// See [`domain::port`].
    pub fn audit(&self, filter: &AuditFilter) -> Result<Vec<AuditRow>, Fault> {
        self.database.read(|link| audit_log::page(link, self.tenant, filter))
    }
}
