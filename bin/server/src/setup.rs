//! What every command that touches data needs: database, keys, hasher, clock.

use std::sync::Arc;

use domain::{Origin, RequestId, port::Entropy};
use jose::{Argon2Hasher, Argon2Params, MasterKey, OsEntropy};
use storage::{Database, SchemaState};

use crate::{
    clock::{Clock, SystemClock},
    config::{Config, ConfigError, SecuritySection},
};

/// Why a command cannot begin. Every text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The configuration is wrong.
    #[error("configuration: {0}")]
    Config(#[from] ConfigError),
    /// The master key is no key.
    #[error("configuration: security.master_key: {0}")]
    MasterKey(String),
    /// The hashing parameters are no good.
    #[error("configuration: security.argon2: {0}")]
    Argon2(String),
    /// The database cannot be opened.
    #[error("database: {0}")]
    Open(String),
    /// The schema is not the one this program needs.
    #[error("database: {0}")]
    Schema(String),
    /// The database failed.
    #[error("{0}")]
    Fault(#[from] domain::Fault),
}

/// The open database and what goes with it.
#[derive(Clone)]
pub struct Setup {
    /// The database, at the schema this program needs.
    pub database: Database,
    /// The installation's key.
    pub master: Arc<MasterKey>,
    /// Hashes what people choose.
    pub hasher: Arc<Argon2Hasher>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

impl Setup {
    /// Opens an existing database and checks its schema.
    ///
    /// # Errors
    /// [`SetupError`]; a schema that is behind or newer is one.
    pub fn open(config: &Config) -> Result<Self, SetupError> {
        let database = Database::open(&config.raw.database.storage())
            .map_err(|error| SetupError::Open(error.to_string()))?;
        check_schema(&database)?;
        Self::with(database, &config.raw.security)
    }

    /// Wraps a database that is open already.
    ///
    /// # Errors
    /// [`SetupError`] for keys and parameters.
    pub fn with(database: Database, security: &SecuritySection) -> Result<Self, SetupError> {
        let master = MasterKey::parse(&security.master_key_text()?);
        let argon2 = security.argon2;
        let params = Argon2Params {
            memory_kib: argon2.memory_kib,
            iterations: argon2.iterations,
            parallelism: argon2.parallelism,
        };
        Ok(Self {
            database,
            master: Arc::new(master.map_err(|error| SetupError::MasterKey(error.to_string()))?),
            hasher: Arc::new(
                Argon2Hasher::new(params).map_err(|error| SetupError::Argon2(error.to_string()))?,
            ),
            entropy: Arc::new(OsEntropy),
            clock: Arc::new(SystemClock),
        })
    }

    /// The origin of what an operator's command does, for the audit log.
    ///
    /// # Errors
    /// [`domain::Fault::Entropy`].
    pub fn operator_origin(&self) -> Result<Origin, domain::Fault> {
        Ok(Origin { source: None, request_id: new_request_id(self.entropy.as_ref())? })
    }
}

/// A fresh request id: 128 random bits.
///
/// # Errors
/// [`domain::Fault::Entropy`].
pub fn new_request_id(entropy: &dyn Entropy) -> Result<RequestId, domain::Fault> {
    let mut bytes = [0_u8; 16];
    entropy.fill(&mut bytes)?;
    let text = domain::encoding::base64url(&bytes);
    RequestId::parse(&text).ok_or(domain::Fault::Invariant("base64url is a request id"))
}

fn check_schema(database: &Database) -> Result<(), SetupError> {
    match database.schema()? {
        SchemaState::Current => Ok(()),
        SchemaState::Empty => Err(SetupError::Schema(
            "is empty; `countersign init` or `countersign migrate` prepares it".to_owned(),
        )),
        SchemaState::Behind(pending) => Err(SetupError::Schema(format!(
            "needs {pending} migration(s); run `countersign migrate` with this configuration"
        ))),
        SchemaState::Newer(version) => Err(SetupError::Schema(format!(
            "was migrated by a newer version of countersign (schema {version}); run that version"
        ))),
    }
}
