//! Failures with chosen client secrets, by source.

use diesel::prelude::*;
use domain::{ClientId, SourceAddr, SourceFailures, TenantId, Timestamp};

use super::{instant, millis, unchanged};
use crate::dialect::each;
use crate::failure::{Result, on, require};
use crate::kept;
use crate::link::Link;

const TABLE: &str = "source_failures";

diesel::table! {
    source_failures (tenant_id, client_id, source) {
        tenant_id -> BigInt,
        client_id -> Text,
        source -> Text,
        consecutive -> BigInt,
        locked_until -> Nullable<BigInt>,
        expires_at -> BigInt,
    }
}

#[diesel::dsl::auto_type(no_type_alias)]
fn scoped(tenant: TenantId) -> _ {
    let number: i64 = tenant.number();
    source_failures::table.filter(source_failures::tenant_id.eq(number))
}

pub(crate) fn one(
    link: &mut Link,
    tenant: TenantId,
    client: &ClientId,
    source: SourceAddr,
) -> Result<Option<SourceFailures>> {
    let row: Option<(i64, Option<i64>, i64)> = scoped(tenant)
        .filter(source_failures::client_id.eq(client.as_str()))
        .filter(source_failures::source.eq(source.to_string()))
        .select((source_failures::consecutive, source_failures::locked_until, source_failures::expires_at))
        .get_result(link.read())
        .optional()
        .map_err(on(TABLE, "select"))?;
    Ok(row.map(|(consecutive, locked_until, expires_at)| SourceFailures {
        consecutive,
        locked_until: instant(locked_until),
        expires_at: Timestamp::from_millis(expires_at),
    }))
}

/// The counter's row, if it is still as seen: the precondition of both changes.
macro_rules! as_seen {
    ($tenant:expr, $client:expr, $source:expr, $seen:expr) => {{
        let locked = millis($seen.locked_until);
        scoped($tenant)
            .filter(source_failures::client_id.eq($client.as_str()))
            .filter(source_failures::source.eq($source.to_string()))
            .filter(source_failures::consecutive.eq($seen.consecutive))
            .filter(source_failures::expires_at.eq($seen.expires_at.millis()))
            .filter(unchanged!(source_failures::locked_until, locked))
    }};
}

/// Precondition: the counter is as seen.
pub(crate) fn count(
    link: &mut Link,
    tenant: TenantId,
    (client, source): (&ClientId, SourceAddr),
    seen: Option<SourceFailures>,
    now: SourceFailures,
) -> Result<()> {
    let Some(seen) = seen else {
        return diesel::insert_into(source_failures::table)
            .values((
                source_failures::tenant_id.eq(tenant.number()),
                source_failures::client_id.eq(client.as_str()),
                source_failures::source.eq(source.to_string()),
                source_failures::consecutive.eq(now.consecutive),
                source_failures::locked_until.eq(millis(now.locked_until)),
                source_failures::expires_at.eq(now.expires_at.millis()),
            ))
            .execute(link.write())
            .map(drop)
            .map_err(on(TABLE, "insert"));
    };
    let row = as_seen!(tenant, client, source, seen);
    let count = kept::update(
        row,
        (
            source_failures::consecutive.eq(now.consecutive),
            source_failures::locked_until.eq(millis(now.locked_until)),
            source_failures::expires_at.eq(now.expires_at.millis()),
        ),
    );
    let rows = each!(link.write(), db => count.execute(db)).map_err(on(TABLE, "update"))?;
    require(rows)
}

/// Precondition: the counter is as seen.
pub(crate) fn forget(
    link: &mut Link,
    tenant: TenantId,
    (client, source): (&ClientId, SourceAddr),
    seen: SourceFailures,
) -> Result<()> {
    let row = as_seen!(tenant, client, source, seen);
    require(diesel::delete(row).execute(link.write()).map_err(on(TABLE, "delete"))?)
}

pub(crate) fn forget_client(link: &mut Link, tenant: TenantId, client: &ClientId) -> Result<()> {
    diesel::delete(scoped(tenant).filter(source_failures::client_id.eq(client.as_str())))
        .execute(link.write())
        .map(drop)
        .map_err(on(TABLE, "delete"))
}

/// A counter's key: tenant, client, source.
pub(crate) type Key = (i64, String, String);

/// At most `limit` that may be forgotten, of all tenants.
pub(crate) fn due(link: &mut Link, now: Timestamp, limit: i64) -> Result<Vec<Key>> {
    source_failures::table
        .filter(source_failures::expires_at.le(now.millis()))
        .select((source_failures::tenant_id, source_failures::client_id, source_failures::source))
        .order(source_failures::expires_at)
        .limit(limit)
        .load(link.read())
        .map_err(on(TABLE, "select"))
}

/// Removes one that is due still: a new failure may have come in between.
pub(crate) fn remove_due(link: &mut Link, (tenant, client, source): &Key, now: Timestamp) -> Result<usize> {
    let row = source_failures::table
        .filter(source_failures::tenant_id.eq(tenant))
        .filter(source_failures::client_id.eq(client))
        .filter(source_failures::source.eq(source))
        .filter(source_failures::expires_at.le(now.millis()));
    each!(link.write(), db => diesel::delete(row).execute(db)).map_err(on(TABLE, "delete"))
}
