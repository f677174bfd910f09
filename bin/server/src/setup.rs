//! What every command that touches data needs: database, keys, hasher, clock.

use std::sync::Arc;

use domain::{Fault, Origin, RequestId, port::Entropy};
use jose::{Argon2Hasher, Argon2Params, MasterKey, OpenSslSigner, OsEntropy};
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
    /// The master key is a key, but another one than the database was sealed with.
    #[error(
        "configuration: security.master_key or security.master_key_file: this is not the master key that this \
         database was sealed with; nothing was changed; give the one that it was made with"
    )]
    WrongMasterKey,
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
    Fault(#[from] Fault),
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

    /// Wraps a database that is open already, at the schema that this program needs. Writes nothing.
    ///
    /// # Errors
    /// [`SetupError`] for keys and parameters; [`SetupError::WrongMasterKey`] when the database has signing keys and
    /// was not sealed with this master key.
    pub fn with(database: Database, security: &SecuritySection) -> Result<Self, SetupError> {
        let master = MasterKey::parse(&security.master_key_text()?);
        let master = master.map_err(|error| SetupError::MasterKey(error.to_string()))?;
        check_master(&database, &master)?;
        let argon2 = security.argon2;
        let params = Argon2Params {
            memory_kib: argon2.memory_kib,
            iterations: argon2.iterations,
            parallelism: argon2.parallelism,
        };
        Ok(Self {
            database,
            master: Arc::new(master),
            hasher: Arc::new(
                Argon2Hasher::new(params).map_err(|error| SetupError::Argon2(error.to_string()))?,
            ),
            entropy: Arc::new(OsEntropy),
            clock: Arc::new(SystemClock::default()),
        })
    }

    /// The origin of what an operator's command does, for the audit log.
    ///
    /// # Errors
    /// [`Fault::Entropy`].
    pub fn operator_origin(&self) -> Result<Origin, Fault> {
        Ok(Origin { source: None, request_id: new_request_id(self.entropy.as_ref())? })
    }
}

/// A fresh request id: 128 random bits.
///
/// # Errors
/// [`Fault::Entropy`].
pub fn new_request_id(entropy: &dyn Entropy) -> Result<RequestId, Fault> {
    let mut bytes = [0_u8; 16];
    entropy.fill(&mut bytes)?;
    let text = domain::encoding::base64url(&bytes);
    RequestId::parse(&text).ok_or(Fault::Invariant("base64url is a request id"))
}

/// Under a wrong master key new keys and secrets would be sealed that the right one cannot open. The keys of one tenant
/// tell; damaged rows, of whichever tenant, do not keep a whole installation from its right key, as long as another
/// tenant's tell.
fn check_master(database: &Database, master: &MasterKey) -> Result<(), SetupError> {
    let mut damaged = None;
    for (tenant, name, _) in database.system().revisions()? {
        let keys = match database.tenant(tenant).keys() {
            Ok(keys) => keys,
            Err(fault @ Fault::Inconsistent(_)) => {
                tracing::error!(tenant.name = %name, %fault, "its signing keys do not read");
                damaged = Some(fault);
                continue;
            }
            Err(fault) => return Err(fault.into()),
        };
        if keys.is_empty() {
            continue;
        }
        // What opens and then does not fit its public half was sealed with this key all the same.
        let opens = |key| !matches!(OpenSslSigner::open(key, tenant, master), Err(Fault::Crypto(_)));
        return if keys.iter().rev().any(opens) { Ok(()) } else { Err(SetupError::WrongMasterKey) };
    }
    damaged.map_or(Ok(()), |fault| Err(fault.into()))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenant_file::tests::support::Installation;

    fn under(master_key: &str, database: Database) -> Result<Setup, SetupError> {
        Setup::with(
            database,
            &SecuritySection { master_key: Some(master_key.to_owned()), ..Default::default() },
        )
    }

    #[test]
    fn a_master_key_that_did_not_seal_the_database_is_refused() {
        let right = "ab".repeat(32);
        let key = MasterKey::parse(&domain::Secret::new(right.clone())).unwrap();
        let installation = Installation::under(Arc::new(key));
        let database = &installation.setup.database;
        assert!(under(&"cd".repeat(32), database.clone()).is_ok(), "an empty database takes any key");
        installation.apply("name = 't'\nprofile = 'openid'\n[settings]\nsigning_algs = ['ES256']");
        let error = under(&"cd".repeat(32), database.clone()).err().unwrap();
        assert!(matches!(error, SetupError::WrongMasterKey));
        let text = error.to_string();
        assert!(text.contains("security.master_key") && text.contains("master_key_file"), "{text}");
        assert!(under(&right, database.clone()).is_ok());
    }
}
