//! The tenants' revisions, read over a connection of their own.

use std::sync::Arc;

use domain::{Fault, TenantId, TenantName};

use crate::database::Database;
use crate::dialect::Role;
use crate::failure::{Failure, Result};
use crate::link::Link;
use crate::manager::Connector;
use crate::table::tenants;

/// Reads what other nodes have changed. Its connection is not the pool's: look-ups that wait for something, however many,
/// do not keep a node from hearing of a change (DECISIONS 5.7).
pub struct RevisionReader {
    connector: Arc<Connector>,
    link: Option<Link>,
}

impl Database {
    /// A reader of all tenants' revisions. It connects when it is first asked.
    pub fn revision_reader(&self) -> RevisionReader {
        RevisionReader { connector: Arc::clone(self.connector()), link: None }
    }
}

impl RevisionReader {
    /// Each tenant's revision. If the connection had died, another one is tried. Blocking.
    ///
    /// # Errors
    /// See [`domain::port`].
    pub fn read(&mut self) -> Result<Vec<(TenantId, TenantName, i64)>, Fault> {
        match self.attempt() {
            Err(Failure::Trouble(trouble)) if trouble.lost => Ok(self.attempt()?),
            done => Ok(done?),
        }
    }

    fn attempt(&mut self) -> Result<Vec<(TenantId, TenantName, i64)>> {
        let mut link = match self.link.take() {
            Some(link) => link,
            None => self.connector.connect(Role::Reader)?,
        };
        let beat = self.connector.reads.beat();
        match tenants::revisions(&mut link) {
            Err(Failure::Trouble(trouble)) => {
                if trouble.lost {
                    self.connector.lost(&mut link);
                }
                Err(Failure::Trouble(self.connector.explain(trouble)))
            }
            done => {
                beat.went_well();
                self.link = Some(link);
                done
            }
        }
    }
}

impl std::fmt::Debug for RevisionReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RevisionReader").finish_non_exhaustive()
    }
}
