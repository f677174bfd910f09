//! The wired server: built once, shared by all workers.

use std::{
    sync::{Arc, atomic::AtomicI64},
    time::Duration,
};

use domain::{
    Applied, Env, Fault, TenantName, Timestamp, WriteBatch,
    port::{Entropy, Sealer},
};
use jose::{AesSealer, Argon2Hasher, MasterKey};
use storage::{Database, TenantStore};

use crate::{
    bucket::Buckets,
    chains::Chains,
    clock::Clock,
    config::{AskFor, CertificateHeader, Config, ConfigError},
    connection::{self, Worker},
    facts::{Bases, Facts, TenantFacts},
    fetch::Outbound,
    gate::Gate,
    hashing::{HashBounds, Hashing},
    jobs::Removing,
    lane::Lane,
    metrics::Metrics,
    proof_keys::ProofKeys,
    proven::ProvenSecrets,
    proxy::Proxies,
    reading::Reading,
    setup::Setup,
    verifiers::Verifiers,
};

/// How many authenticators one source may wear out at a time.
const SOURCE_SHARE: u32 = 4;

/// How often a client may change its registration in a row.
const CHANGE_BURST: u32 = 5;

/// And how often a minute.
const CHANGES_PER_MINUTE: u32 = 6;

/// Everything that requests and jobs share.
pub struct App {
    /// The configuration.
    pub config: Config,
    /// What issuers begin with.
    pub public_url: String,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Storage.
    pub database: Database,
    /// The installation's key.
    pub master: Arc<MasterKey>,
    /// Hashes what people choose.
    pub hasher: Arc<Argon2Hasher>,
    /// Seals the answers of rotations.
    pub sealer: AesSealer,
    /// Cached facts.
    pub facts: Facts,
    /// Chains of certificates that were judged.
    pub chains: Chains,
    /// Recently proven chosen secrets.
    pub proven: ProvenSecrets,
    /// Keys of DPoP proofs that verified a moment ago.
    pub proof_keys: ProofKeys,
    /// What limits guessing at one authenticator.
    pub buckets: Buckets,
    /// The proxies in front.
    pub proxies: Proxies,
    /// What limits one source over all authenticators, known or not.
    pub source_buckets: Buckets,
    /// What limits how often a client changes its registration.
    pub change_buckets: Buckets,
    /// What limits that for one source over all clients.
    pub source_change_buckets: Buckets,
    /// What limits the wrong credentials of one source that need no slow hash.
    pub miss_buckets: Buckets,
    /// Until when, by the steady clock, activity is not noted, for it could not be written.
    pub untouched: AtomicI64,
    /// Verifiers of clients' inline key sets.
    pub verifiers: Verifiers,
    /// What was fetched from others.
    pub outbound: Outbound,
    /// Where reads happen.
    pub reads: Lane,
    /// Where it is read what other nodes have changed.
    pub revisions: Lane,
    /// The look-ups that happen on the workers.
    pub reading: Reading,
    /// Where slow hashes happen.
    pub hashing: Hashing,
    /// Who waits for a commit.
    pub commits: Gate,
    /// Whether what has expired may be removed.
    pub removing: Removing,
    /// What is measured.
    pub metrics: Metrics,
}

/// Why an app cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A metric is malformed.
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// A proxy's thumbprint is none.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// Randomness or the database failed.
    #[error("{0}")]
    Fault(#[from] Fault),
}

/// What limits one source over all of what one may do `burst` times in a row.
fn of_a_source(burst: u32, per_minute: u32) -> Buckets {
    Buckets::new(burst.saturating_mul(SOURCE_SHARE), per_minute.saturating_mul(SOURCE_SHARE))
}

impl App {
    /// Wires an app. `public_url` is what issuers begin with.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn build(config: Config, setup: Setup, public_url: String) -> Result<Self, BuildError> {
        let metrics = Metrics::new()?;
        let sizes = metrics.commit_size.clone();
        // A group never comes near the numbers at which an f64 is not exact.
        setup
            .database
            .on_commit(move |batches| sizes.observe(f64::from(u32::try_from(batches).unwrap_or(u32::MAX))));
        setup.database.on_answers(connection::round);
        let security = &config.raw.security;
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let threads = if security.hash_threads == 0 { cores } else { security.hash_threads };
        let patience = Duration::from_millis(config.raw.database.acquire_timeout_ms);
        let readers = config.raw.database.max_connections as usize;
        let max_wait = Duration::from_millis(config.raw.server.max_wait_ms);
        let bounds =
            HashBounds { threads, queue: threads.saturating_mul(security.hash_queue), patience: max_wait };
        let env = Env { now: setup.clock.now(), entropy: setup.entropy.as_ref() };
        Ok(Self {
            proven: ProvenSecrets::new(security.proven_secret_seconds, &env)?,
            proxies: Proxies::from_sections(&config.raw.server, &config.raw.proxy)?,
            proof_keys: ProofKeys::new(),
            buckets: Buckets::new(security.guess_burst, security.guesses_per_minute),
            source_buckets: of_a_source(security.guess_burst, security.guesses_per_minute),
            change_buckets: Buckets::new(CHANGE_BURST, CHANGES_PER_MINUTE),
            source_change_buckets: of_a_source(CHANGE_BURST, CHANGES_PER_MINUTE),
            miss_buckets: of_a_source(security.guess_burst, security.guesses_per_minute),
            untouched: AtomicI64::new(i64::MIN),
            reads: Lane::new("reads", readers, 4096, patience, max_wait, metrics.lane("reads")),
            revisions: Lane::new("revisions", 1, 0, patience, max_wait, metrics.lane("revisions")),
            reading: Reading::default(),
            hashing: Hashing::start(bounds, metrics.lane("hashing"))?,
            commits: Gate::new(max_wait / 2),
            facts: Facts::default(),
            chains: Chains::default(),
            verifiers: Verifiers::default(),
            outbound: Outbound::new(&config.raw.outbound),
            removing: Removing::default(),
            sealer: AesSealer,
            public_url,
            clock: setup.clock,
            entropy: setup.entropy,
            database: setup.database,
            master: setup.master,
            hasher: setup.hasher,
            metrics,
            config,
        })
    }

    /// The environment of a decision at `now`.
    pub fn env(&self, now: Timestamp) -> Env<'_> {
        Env { now, entropy: self.entropy.as_ref() }
    }

    /// Where the world reaches it.
    pub fn bases(&self) -> Bases<'_> {
        let server = &self.config.raw.server;
        let asking = self.config.raw.tls.iter().any(|tls| tls.client_certificates != AskFor::Never);
        Bases {
            public: &self.public_url,
            mtls: server.mtls_url.as_deref().map(|url| url.trim_end_matches('/')),
            sees_certificates: asking || self.config.raw.proxy.certificate_header != CertificateHeader::None,
        }
    }

    /// The sealer as a port.
    pub fn sealer(&self) -> &dyn Sealer {
        &self.sealer
    }

    /// A tenant's facts: from memory, as long as it is known what other nodes have changed; else from storage.
    ///
    /// # Errors
    /// Those of storage and of the lane.
    pub async fn tenant(self: &Arc<Self>, name: &TenantName) -> Result<Option<Arc<TenantFacts>>, Fault> {
        let known = self.facts.tenant(name);
        let current = known.is_some() && self.facts.are_current();
        self.metrics.cache("tenants", current);
        if current { Ok(known) } else { self.read_tenant(name, known).await }
    }

    /// A tenant's facts from memory, however old, or storage: for what is public and cached by everybody.
    ///
    /// # Errors
    /// Those of storage and of the lane.
    pub async fn remembered_tenant(
        self: &Arc<Self>,
        name: &TenantName,
    ) -> Result<Option<Arc<TenantFacts>>, Fault> {
        let known = self.facts.tenant(name);
        self.metrics.cache("tenants", known.is_some());
        if known.is_some() { Ok(known) } else { self.read_tenant(name, None).await }
    }

    async fn read_tenant(
        self: &Arc<Self>,
        name: &TenantName,
        known: Option<Arc<TenantFacts>>,
    ) -> Result<Option<Arc<TenantFacts>>, Fault> {
        self.database.available()?;
        if self.reading.hangs() {
            self.database.is_reading()?;
        }
        let rounds = self.facts.rounds();
        let (app, wanted) = (Arc::clone(self), name.clone());
        let load = move || TenantFacts::load(&app.database, &app.master, &app.bases(), &wanted, known);
        let loaded = self.reads.run(load).await??;
        match &loaded {
            Some(facts) => self.facts.put_tenant(name, Arc::clone(facts), rounds),
            None => self.facts.forget(name),
        }
        Ok(loaded)
    }

    /// Commits a batch without holding a thread: success is told after COMMIT returned (BLUEPRINT amendment 3).
    ///
    /// # Errors
    /// Those of storage.
    pub async fn commit(&self, store: &TenantStore, batch: WriteBatch) -> Result<Applied, Fault> {
        let _waiting = self.commits.enter();
        let (reply, receiver) = connection::reply();
        // A caller that went away does not undo the commit.
        store.queue(batch, Box::new(move |result| reply.tell(result)));
        match Worker::present() {
            Some(worker) => worker.queued(&self.database),
            None => self.database.wake_committer(),
        }
        receiver.await.map_err(|_closed| Fault::Crashed)?
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("public_url", &self.public_url).finish_non_exhaustive()
    }
}
