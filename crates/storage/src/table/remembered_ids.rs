//! Identifiers that are remembered for a while.

use std::collections::BTreeMap;

use diesel::prelude::*;
use domain::{Remembered, RememberedFor, RememberedKey, TenantId, Timestamp};

use crate::dialect::each;
use crate::failure::{Result, on};
use crate::link::Link;

const TABLE: &str = "remembered_ids";

diesel::table! {
    remembered_ids (tenant_id, purpose, id) {
        tenant_id -> BigInt,
        purpose -> Text,
        id -> Binary,
        expires_at -> BigInt,
    }
}

#[diesel::dsl::auto_type(no_type_alias)]
fn scoped(tenant: TenantId) -> _ {
    let number: i64 = tenant.number();
    remembered_ids::table.filter(remembered_ids::tenant_id.eq(number))
}

pub(crate) fn is_there(
    link: &mut Link,
    tenant: TenantId,
    purpose: RememberedFor,
    key: &RememberedKey,
) -> Result<bool> {
    let this = scoped(tenant)
        .filter(remembered_ids::purpose.eq(purpose.as_str()))
        .filter(remembered_ids::id.eq(key.as_bytes().as_slice()))
        .select(remembered_ids::expires_at);
    let row: Option<i64> =
        each!(link.read(), db => this.get_result(db)).optional().map_err(on(TABLE, "select"))?;
    Ok(row.is_some())
}

/// Precondition: it is not there.
pub(crate) fn use_once(link: &mut Link, tenant: TenantId, id: &Remembered) -> Result<()> {
    each!(link.write(), db => diesel::insert_into(remembered_ids::table).values(row(tenant, id)).execute(db))
        .map(drop)
        .map_err(on(TABLE, "insert"))
}

/// The later end stands.
pub(crate) fn remember(link: &mut Link, tenant: TenantId, id: &Remembered) -> Result<()> {
    let insert = each!(link.write(), db => diesel::insert_into(remembered_ids::table)
        .values(row(tenant, id))
        .on_conflict_do_nothing()
        .execute(db));
    if insert.map_err(on(TABLE, "insert"))? > 0 {
        return Ok(());
    }
    let shorter = scoped(tenant)
        .filter(remembered_ids::purpose.eq(id.purpose.as_str()))
        .filter(remembered_ids::id.eq(id.key.as_bytes().as_slice()))
        .filter(remembered_ids::expires_at.lt(id.expires_at.millis()));
    diesel::update(shorter)
        .set(remembered_ids::expires_at.eq(id.expires_at.millis()))
        .execute(link.write())
        .map(drop)
        .map_err(on(TABLE, "update"))
}

type Row<'a> = (
    diesel::dsl::Eq<remembered_ids::tenant_id, i64>,
    diesel::dsl::Eq<remembered_ids::purpose, &'static str>,
    diesel::dsl::Eq<remembered_ids::id, &'a [u8]>,
    diesel::dsl::Eq<remembered_ids::expires_at, i64>,
);

fn row(tenant: TenantId, id: &Remembered) -> Row<'_> {
    (
        remembered_ids::tenant_id.eq(tenant.number()),
        remembered_ids::purpose.eq(id.purpose.as_str()),
        remembered_ids::id.eq(id.key.as_bytes().as_slice()),
        remembered_ids::expires_at.eq(id.expires_at.millis()),
    )
}

/// Removes all of a tenant's.
pub(crate) fn clear(link: &mut Link, tenant: TenantId) -> Result<()> {
    diesel::delete(scoped(tenant)).execute(link.write()).map(drop).map_err(on(TABLE, "delete"))
}

/// An identifier's key: tenant, purpose, digest.
pub(crate) type Key = (i64, String, Vec<u8>);

/// At most `limit` that may be forgotten, of all tenants.
pub(crate) fn due(link: &mut Link, now: Timestamp, limit: i64) -> Result<Vec<Key>> {
    remembered_ids::table
        .filter(remembered_ids::expires_at.le(now.millis()))
        .select((remembered_ids::tenant_id, remembered_ids::purpose, remembered_ids::id))
        .order(remembered_ids::expires_at)
        .limit(limit)
        .load(link.read())
        .map_err(on(TABLE, "select"))
}

/// Removes one that is due still: its end may have moved in between.
pub(crate) fn remove_due(link: &mut Link, (tenant, purpose, id): &Key, now: Timestamp) -> Result<usize> {
    let row = remembered_ids::table
        .filter(remembered_ids::tenant_id.eq(tenant))
        .filter(remembered_ids::purpose.eq(purpose))
        .filter(remembered_ids::id.eq(id))
        .filter(remembered_ids::expires_at.le(now.millis()));
    each!(link.write(), db => diesel::delete(row).execute(db)).map_err(on(TABLE, "delete"))
}

/// Removes those that are due still, in one statement for each tenant and purpose.
pub(crate) fn remove_all_due(link: &mut Link, keys: &[Key], now: Timestamp) -> Result<usize> {
    let mut grouped = BTreeMap::<_, Vec<_>>::new();
    for (tenant, purpose, id) in keys {
        grouped.entry((tenant, purpose)).or_default().push(id);
    }
    let mut removed = 0;
    for ((tenant, purpose), ids) in grouped {
        let rows = remembered_ids::table
            .filter(remembered_ids::tenant_id.eq(tenant))
            .filter(remembered_ids::purpose.eq(purpose))
            .filter(remembered_ids::id.eq_any(ids))
            .filter(remembered_ids::expires_at.le(now.millis()));
        removed += diesel::delete(rows).execute(link.write()).map_err(on(TABLE, "delete"))?;
    }
    Ok(removed)
}
