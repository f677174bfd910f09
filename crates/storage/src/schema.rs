//! The schema's version.

use crate::failure::{Failure, Result, Trouble, trouble};
use crate::link::Link;

/// How a database's schema stands to what this program knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaState {
    /// There is none yet.
    Empty,
    /// So many migrations are pending.
    Behind(usize),
    /// Neither less nor more.
    Current,
    /// A newer program has been here: this migration is unknown. Start is refused.
    Newer(String),
}

pub(crate) fn state(link: &mut Link) -> Result<SchemaState> {
    let applied = link.db().applied_versions().map_err(|error| trouble("schema", "read", &error))?;
    let known = link.db().known_migrations()?;
    if let Some(newer) = applied.iter().find(|version| !known.iter().any(|(known, _)| known == *version)) {
        return Ok(SchemaState::Newer(newer.clone()));
    }
    Ok(match known.len().saturating_sub(applied.len()) {
        0 => SchemaState::Current,
        _ if applied.is_empty() => SchemaState::Empty,
        pending => SchemaState::Behind(pending),
    })
}

/// All pending migrations in one transaction, with all other processes locked out.
pub(crate) fn migrate(link: &mut Link) -> Result<Vec<String>> {
    link.db().lock_schema().map_err(|error| trouble("schema", "lock", &error))?;
    match run(link) {
        Ok(names) => link.commit().map(|()| names),
        Err(failure) => {
            link.rollback();
            Err(failure)
        }
    }
}

fn run(link: &mut Link) -> Result<Vec<String>> {
    if let SchemaState::Newer(version) = state(link)? {
        return Err(migrating(format!("the schema is newer than this program: it has migration {version}")));
    }
    let applied = link.db().applied_versions().map_err(|error| trouble("schema", "read", &error))?;
    let known = link.db().known_migrations()?;
    link.db().run_migrations().map_err(migrating)?;
    Ok(known.into_iter().filter(|(version, _)| !applied.contains(version)).map(|(_, name)| name).collect())
}

const fn migrating(message: String) -> Failure {
    Failure::Trouble(Trouble { table: "schema", operation: "migrate", message, lost: false })
}
