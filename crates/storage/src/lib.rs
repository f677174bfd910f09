//! SQLite and PostgreSQL behind the storage ports of [`domain::port`].
//!
//! [`Database`] is opened once. [`Database::tenant`] is the only door to a tenant's data, and no method of the
//! [`TenantStore`] behind it takes a tenant. What spans tenants has a type of its own, [`SystemStore`].
//!
//! **A success is told only after COMMIT has returned.** Batches of writes go through a committer, which does many
//! of them in one transaction without letting one batch's conflict touch its neighbours.
//!
//! ```compile_fail
//! // A tenant is named by a `TenantId` that storage gave out, never by outside text.
//! fn reach(database: &storage::Database) {
//!     let _ = database.tenant("5");
//! }
//! ```

mod advice;
mod apply;
mod change;
mod commit;
mod config;
mod counters;
mod database;
mod dialect;
mod failure;
mod file;
mod health;
mod kept;
mod link;
mod lookup;
mod manager;
mod pulse;
mod revisions;
mod schema;
mod sweep;
mod system;
mod table;
mod tenant;

pub use config::{DatabaseConfig, OpenError};
pub use counters::Counters;
pub use database::Database;
pub use revisions::RevisionReader;
pub use schema::SchemaState;
pub use system::{AuditSweep, Expired, SystemStore};
pub use table::audit_log::{AuditFilter, AuditRow};
pub use tenant::TenantStore;
