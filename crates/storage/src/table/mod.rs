//! One module per table, or per aggregate. Each keeps its `table!` to itself: what others can reach takes a
//! [`domain::TenantId`] and starts from `scoped`, so that no statement forgets the tenant.

pub(crate) mod audit_log;
pub(crate) mod authenticators;
pub(crate) mod clients;
mod facts;
pub(crate) mod policies;
pub(crate) mod refresh;
pub(crate) mod registration_tokens;
pub(crate) mod remembered_ids;
pub(crate) mod sessions;
pub(crate) mod signing_keys;
pub(crate) mod source_failures;
pub(crate) mod tenants;
pub(crate) mod users;

use std::collections::BTreeMap;

use domain::{Fault, Locator, Timestamp};
use serde::{Serialize, de::DeserializeOwned};

use crate::failure::{Failure, Result, sound};

/// Whether a nullable column holds exactly what was seen, NULL for NULL. The statement's text does not depend on
/// what was seen, so that it is prepared once.
macro_rules! unchanged {
    ($column:expr, $seen:expr) => {
        $column.eq($seen).or($column.is_null().and($seen.is_none().into_sql::<diesel::sql_types::Bool>()))
    };
}
use unchanged;

fn to_json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Failure::Fault(Fault::Inconsistent(error.to_string())))
}

fn from_json<T: DeserializeOwned>(text: &str, what: &'static str) -> Result<T> {
    // The error's own text may quote the stored value.
    sound(serde_json::from_str(text).ok(), what)
}

fn locator(bytes: &[u8], what: &'static str) -> Result<Locator> {
    sound(Locator::from_slice(bytes), what)
}

fn blob(locator: &Locator) -> &[u8] {
    locator.as_bytes()
}

fn millis(at: Option<Timestamp>) -> Option<i64> {
    at.map(Timestamp::millis)
}

fn instant(millis: Option<i64>) -> Option<Timestamp> {
    millis.map(Timestamp::from_millis)
}

/// What one step of a sweep did to a table.
#[derive(Clone, Copy, Default)]
pub(crate) struct Swept {
    /// Rows that were due.
    pub(crate) found: usize,
    /// Rows that were removed: another node may have been faster.
    pub(crate) removed: usize,
}

/// Keys of rows, by tenant: rows are deleted by their whole keys, one statement per tenant. (A comparison of pairs
/// with a subquery would make SQLite scan the tenant.)
fn by_tenant(keys: Vec<(i64, Vec<u8>)>) -> BTreeMap<i64, Vec<Vec<u8>>> {
    let mut grouped = BTreeMap::<_, Vec<_>>::new();
    for (tenant, key) in keys {
        grouped.entry(tenant).or_default().push(key);
    }
    grouped
}
