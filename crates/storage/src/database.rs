//! An open database.

mod writing;

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::{Fault, TenantId};

use crate::commit::Committer;
use crate::config::{DatabaseConfig, OpenError, Target};
use crate::counters::{Counters, Meter};
use crate::dialect::Role;
use crate::failure::{Failure, Result, Trouble, trouble};
use crate::link::{Link, conclude};
use crate::manager::{Connector, LogErrors, Manager};
use crate::schema::{self, SchemaState};
use crate::system::SystemStore;
use crate::table::tenants;
use crate::tenant::TenantStore;

/// How long an administrator's change or a sweep waits for its turn and its end.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long a ping waits for its own write.
const PROBE_PATIENCE: Duration = Duration::from_secs(1);

/// How long a pool without connections is waited for before it is asked whether there can be any.
const GLANCE: Duration = Duration::from_millis(50);

/// An open database. Clones are the same one.
#[derive(Clone)]
pub struct Database(Arc<Inner>);

struct Inner {
    connector: Arc<Connector>,
    pool: r2d2::Pool<Manager>,
    committer: Committer,
}

impl Database {
    /// Opens what exists. Neither a file nor a schema is created.
    ///
    /// # Errors
    /// [`OpenError`]: the URL is not understood, the file is missing, the driver cannot connect, or a setting
    /// that durability rests on (WAL, `synchronous=FULL`, foreign keys) does not take.
    pub fn open(config: &DatabaseConfig) -> Result<Self, OpenError> {
        let target = Target::parse(&config.url)?;
        if let Target::File(path) = &target
            && !path.is_file()
        {
            return Err(OpenError::Missing(path.clone()));
        }
        refuse_truncated(&target)?;
        let meter = Arc::new(Meter::default());
        let connector = Arc::new(Connector::new(target, config.statement_timeout, meter));
        check(&connector)?;
        let pool = r2d2::Pool::builder()
            .max_size(config.max_connections.max(1))
            .min_idle(Some(1))
            .connection_timeout(config.acquire_timeout)
            .error_handler(Box::new(LogErrors))
            .build_unchecked(Manager(Arc::clone(&connector)));
        let committer = Committer::start(&connector, config).map_err(OpenError::Thread)?;
        Ok(Self(Arc::new(Inner { connector, pool, committer })))
    }

    /// As [`Database::open`], but a missing SQLite file is created first, readable for its owner only. The schema
    /// is left to [`Database::migrate`].
    ///
    /// # Errors
    /// As [`Database::open`], and [`OpenError::Create`].
    pub fn create(config: &DatabaseConfig) -> Result<Self, OpenError> {
        if let Target::File(path) = Target::parse(&config.url)? {
            create_file(&path).map_err(|source| OpenError::Create { path, source })?;
        }
        Self::open(config)
    }

    /// How the schema stands to what this program knows. Changes nothing.
    ///
    /// # Errors
    /// [`Fault::Storage`] and [`Fault::Busy`].
    pub fn schema(&self) -> Result<SchemaState, Fault> {
        self.read(schema::state)
    }

    /// Brings the schema up to date, and tells the names of the migrations that were applied. Several processes
    /// may do so at once: one does it, the others wait.
    ///
    /// # Errors
    /// [`Fault::Storage`]; a schema newer than this program is refused and left alone.
    pub fn migrate(&self) -> Result<Vec<String>, Fault> {
        let mut link = self.0.connector.connect(Role::Writer)?;
        Ok(schema::migrate(&mut link)?)
    }

    /// The only door to a tenant's data.
    pub fn tenant(&self, tenant: TenantId) -> TenantStore {
        TenantStore::new(self.clone(), tenant)
    }

    /// What spans tenants.
    pub fn system(&self) -> SystemStore {
        SystemStore::new(self.clone())
    }

    /// Whether the database answers and, as far as is known, takes writes, and whether its file is still where it was
    /// opened. It reads only; but while the last commit of a group has failed, it also changes a row of its own, for
    /// nobody else may be writing then. When that is committed, all is well again.
    ///
    /// # Errors
    /// [`Fault::Storage`] when it does not or commits hang, [`Fault::Busy`] when no connection, or no place in the queue, is free.
    pub fn ping(&self) -> Result<(), Fault> {
        self.0.connector.is_in_place().inspect_err(|trouble| self.0.connector.health.ill(trouble))?;
        if self.0.connector.commits.is_silent() {
            self.break_silence()?;
        }
        self.answers().or_else(|failure| match failure {
            Failure::Trouble(trouble) if trouble.lost => self.answers(),
            failure => Err(failure),
        })?;
        if !self.takes_writes() {
            self.write_within(PROBE_PATIENCE, tenants::probe)?;
            self.0.connector.health.well();
        }
        Ok(())
    }

    /// While commits are silent, sees whether another one comes to an end: nobody else may be writing, and a connection
    /// that hangs for ever is not all connections. One in a while tries, for it may hang as well; and none while others
    /// fail, for what they need is not what this writes.
    fn break_silence(&self) -> Result<()> {
        let connector = Arc::clone(&self.0.connector);
        let commits = &connector.commits;
        if connector.target.has_single_writer() || commits.has_just_failed() || !commits.admits() {
            // What is known to be the matter says more than that nothing is heard.
            let known = self.0.connector.health.reason();
            return Err(Failure::Trouble(known.unwrap_or_else(silence)));
        }
        self.through_committer(PROBE_PATIENCE, move |link| {
            let beat = connector.commits.beat();
            let done = conclude(link, tenants::probe);
            if done.is_ok() {
                beat.went_well();
            }
            done
        })
    }

    /// Whether the last write was committed, as far as is known: what can be left undone may be left so meanwhile.
    pub fn takes_writes(&self) -> bool {
        !self.0.connector.health.is_ill()
    }

    /// Tells `observer`, from now on and instead of whoever was told before, the number of batches in each
    /// transaction that the committer has committed. It is called from the committer's threads and must not wait.
    pub fn on_commit(&self, observer: impl Fn(usize) + Send + Sync + 'static) {
        self.0.connector.meter.observe(Arc::new(observer));
    }

    /// Has `around`, from now on and instead of whoever was asked before, answer the batches of each group that was
    /// committed: it is given what answers them all, and calls it once. So their callers can be woken together. It is
    /// called from the committer's threads and must not wait.
    pub fn on_answers(&self, around: impl Fn(&mut dyn FnMut()) + Send + Sync + 'static) {
        self.0.connector.meter.surround(Arc::new(around));
    }

    /// Whether it is a file on this machine: a look-up by key takes microseconds and meets no network.
    pub fn is_local(&self) -> bool {
        self.0.connector.target.has_single_writer()
    }

    /// What has been done since it was opened.
    pub fn counters(&self) -> Counters {
        self.0.connector.meter.read_out(self.0.committer.waiting())
    }

    /// Takes no more writes, finishes those that wait, and folds SQLite's log into its file. Lookups go on.
    pub fn shut_down(&self) {
        self.0.committer.shut_down();
    }

    /// As [`Database::shut_down`], but waits for no longer than `patience` for a disk or a server that does not answer;
    /// whether all that waited was done. If not, what is under way may still be committed for as long as this process lives,
    /// and nobody waits for it any more.
    pub fn shut_down_within(&self, patience: Duration) -> bool {
        self.0.committer.shut_down_within(patience)
    }

    /// Tells the committer of what was queued by [`TenantStore::queue`]. Cheap, and harmless when there is nothing.
    pub fn wake_committer(&self) {
        self.0.committer.wake();
    }

    pub(crate) fn connector(&self) -> &Arc<Connector> {
        &self.0.connector
    }

    pub(crate) fn committer(&self) -> &Committer {
        &self.0.committer
    }

    /// Reads over a pooled connection, which is given back at once. If it had died, another one is tried.
    pub(crate) fn read<T>(&self, work: impl Fn(&mut Link) -> Result<T>) -> Result<T, Fault> {
        match self.pooled(&work) {
            Err(Failure::Trouble(trouble)) if trouble.lost => Ok(self.pooled(&work)?),
            done => Ok(done?),
        }
    }

    fn pooled<T>(&self, work: impl FnOnce(&mut Link) -> Result<T>) -> Result<T> {
        let mut link = self.connection()?;
        let beat = self.0.connector.reads.beat();
        let done = self.over(&mut link, work);
        if !matches!(done, Err(Failure::Trouble(_))) {
            beat.went_well();
        }
        done
    }

    /// Whether it says anything at all. That is no sign that look-ups come to an end: what they need may be locked.
    fn answers(&self) -> Result<()> {
        let mut link = self.connection()?;
        self.over(&mut link, |link| {
            link.db().ping().map_err(|error| Failure::Trouble(trouble("connection", "ping", &error)))
        })
    }

    fn over<T>(&self, link: &mut Link, work: impl FnOnce(&mut Link) -> Result<T>) -> Result<T> {
        let done = work(link).map_err(|failure| self.explain(failure));
        match &done {
            Err(Failure::Trouble(trouble)) if trouble.lost => self.0.connector.lost(link),
            // Cheap, and it takes no chances with a connection in a state that nobody thought of.
            Err(Failure::Trouble(_)) => link.discard(),
            _ => {}
        }
        done
    }

    fn explain(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Trouble(trouble) => Failure::Trouble(self.0.connector.explain(trouble)),
            other => other,
        }
    }

    /// A connection from the pool, which is waited for; but not when none can be opened at all, since the pool goes on
    /// trying by itself.
    #[expect(clippy::disallowed_methods, reason = "the wait for a connection is a duration")]
    fn connection(&self) -> Result<r2d2::PooledConnection<Manager>> {
        let pool = &self.0.pool;
        if let Some(link) = pool.try_get() {
            return Ok(link);
        }
        let until = Instant::now() + pool.connection_timeout();
        while !self.is_away() {
            let rest = until.saturating_duration_since(Instant::now());
            match pool.get_timeout(rest.min(GLANCE)) {
                Ok(link) => return Ok(link),
                Err(_timeout) if rest.is_zero() => break,
                Err(_timeout) => {}
            }
        }
        Err(self.no_connection())
    }

    /// Whether no connection is open and none could be opened the last time.
    fn is_away(&self) -> bool {
        self.0.connector.is_failing() && self.0.pool.state().connections == 0
    }

    /// Whether a request may ask now. It may not while the server is known to be away or to hang: the answer would be
    /// late and the same. Costs no more than a look at memory; SQLite is always there.
    ///
    /// # Errors
    /// [`Fault::Storage`] with what is known of the reason.
    pub fn available(&self) -> Result<(), Fault> {
        Ok(self.admits(|connector| connector.reads.admits())?)
    }

    /// Whether look-ups come to an end, also of a file: to be asked where one is known to hang. One in a while may try.
    ///
    /// # Errors
    /// [`Fault::Storage`] when for a while none has.
    pub fn is_reading(&self) -> Result<(), Fault> {
        if self.0.connector.reads.admits() { Ok(()) } else { Err(Failure::Trouble(silence()).into()) }
    }

    /// The same for a batch.
    pub(crate) fn takes_batches(&self) -> Result<(), Fault> {
        Ok(self.admits(|connector| connector.commits.admits())?)
    }

    fn admits(&self, pulse: impl FnOnce(&Connector) -> bool) -> Result<()> {
        let connector = &self.0.connector;
        if connector.target.has_single_writer() {
            return Ok(());
        }
        if self.is_away() {
            return Err(self.no_connection());
        }
        if pulse(connector) { Ok(()) } else { Err(Failure::Trouble(silence())) }
    }

    /// The pool does not say whether all its connections were in use or none could be opened.
    fn no_connection(&self) -> Failure {
        let last_error = self.0.connector.last_error().map(|trouble| Trouble { lost: false, ..trouble });
        last_error.map_or(Failure::Fault(Fault::Busy("the connection pool")), Failure::Trouble)
    }
}

/// All that is under way hangs.
fn silence() -> Trouble {
    Trouble {
        table: "connection",
        operation: "wait",
        message: "the database has not answered for some seconds".to_owned(),
        lost: false,
    }
}

/// The committer is alive but slow; what was asked may still be done.
pub(crate) fn unanswered() -> Fault {
    Fault::Late("the committer")
}

/// Connects once, so that the driver's own words are heard, and looks at the settings.
fn check(connector: &Connector) -> Result<(), OpenError> {
    let mut link = connector.connect(Role::Writer).map_err(|trouble| OpenError::Connect(trouble.message))?;
    let settings = link.db().settings().map_err(|error| {
        OpenError::Connect(connector.explain(trouble("connection", "ask", &error)).message)
    })?;
    connector.opened();
    for (name, wanted, found) in settings {
        if found != wanted {
            return Err(OpenError::Setting { name, wanted, found });
        }
    }
    Ok(())
}

/// SQLite deletes the log of an empty file as it opens it.
fn refuse_truncated(target: &Target) -> Result<(), OpenError> {
    let size = |path: &std::path::Path| std::fs::metadata(path).map_or(0, |found| found.len());
    let Some(path) = target.file() else { return Ok(()) };
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    if size(path) == 0 && size(log.as_ref()) > 0 {
        return Err(OpenError::Truncated(path.to_owned()));
    }
    Ok(())
}

fn create_file(path: &std::path::Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        opened => opened.map(drop),
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").finish_non_exhaustive()
    }
}
