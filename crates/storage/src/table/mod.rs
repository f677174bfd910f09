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

/// A row's tenant, and its key within it.
pub(crate) type RowKey = (i64, Vec<u8>);

/// Has `remove` remove each tenant's rows, and tells how many it did: rows are deleted by their whole keys, one
/// statement per tenant. (A comparison of pairs with a subquery would make SQLite scan the tenant.)
fn remove_by_tenant(
    keys: &[RowKey],
    mut remove: impl FnMut(i64, Vec<&[u8]>) -> Result<usize>,
) -> Result<usize> {
    let mut grouped = BTreeMap::<_, Vec<_>>::new();
    for (tenant, key) in keys {
        grouped.entry(*tenant).or_default().push(key.as_slice());
    }
    let mut removed = 0;
    for (tenant, keys) in grouped {
        removed += remove(tenant, keys)?;
    }
    Ok(removed)
}
