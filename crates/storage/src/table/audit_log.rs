//! The audit log: monthly segments that are only appended to.

use diesel::prelude::*;
use domain::{AuditEvent, Locator, TenantId, Timestamp};

use super::{blob, locator};
use crate::dialect::each;
use crate::failure::{Result, on, sound};
use crate::link::Link;

const TABLE: &str = "audit_log";
/// Bytes kept of each text.
const LONGEST: usize = 255;

diesel::table! {
    audit_log (tenant_id, segment, id) {
        tenant_id -> BigInt,
        segment -> BigInt,
        id -> Binary,
        at -> BigInt,
        kind -> Text,
        outcome -> Text,
        reason -> Text,
        client_id -> Nullable<Text>,
        user_name -> Nullable<Text>,
        source -> Nullable<Text>,
        request_id -> Text,
        detail -> Text,
    }
}

/// Which rows of a tenant's audit log to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditFilter {
    /// From this instant on.
    pub since: Option<Timestamp>,
    /// Until before this instant.
    pub until: Option<Timestamp>,
    /// Behind this row: segment and id of the last one of the page before.
    pub after: Option<(i32, Locator)>,
    /// Of more rows than `limit`, take the newest instead of the oldest.
    pub newest: bool,
    /// How many rows at most.
    pub limit: i64,
}

impl Default for AuditFilter {
    /// The newest hundred.
    fn default() -> Self {
        Self { since: None, until: None, after: None, newest: true, limit: 100 }
    }
}

/// A row of the audit log as stored. Its texts came from outside and are cut to 255 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// Year and month in UTC: `yyyymm`.
    pub segment: i32,
    /// The row's key within the segment.
    pub id: Locator,
    /// When.
    pub at: Timestamp,
    /// What; see [`domain::AuditKind::as_str`].
    pub kind: String,
    /// How it ended; see [`domain::AuditOutcome::as_str`].
    pub outcome: String,
    /// Why, as a label; empty when there is nothing to say.
    pub reason: String,
    /// The client concerned, as presented.
    pub client_id: Option<String>,
    /// The user concerned, as presented.
    pub user_name: Option<String>,
    /// From where.
    pub source: Option<String>,
    /// The request's id.
    pub request_id: String,
    /// What else is worth knowing.
    pub detail: String,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_log, treat_none_as_default_value = false)]
struct Row {
    tenant_id: i64,
    segment: i64,
    id: Vec<u8>,
    at: i64,
    kind: String,
    outcome: String,
    reason: String,
    client_id: Option<String>,
    user_name: Option<String>,
    source: Option<String>,
    request_id: String,
    detail: String,
}

impl Row {
    fn read(self) -> Result<AuditRow> {
        Ok(AuditRow {
            segment: sound(i32::try_from(self.segment).ok(), "audit_log.segment")?,
            id: locator(&self.id, "audit_log.id")?,
            at: Timestamp::from_millis(self.at),
            kind: self.kind,
            outcome: self.outcome,
            reason: self.reason,
            client_id: self.client_id,
            user_name: self.user_name,
            source: self.source,
            request_id: self.request_id,
            detail: self.detail,
        })
    }
}

#[diesel::dsl::auto_type(no_type_alias)]
fn scoped(tenant: TenantId) -> _ {
    let number: i64 = tenant.number();
    audit_log::table.filter(audit_log::tenant_id.eq(number))
}

/// Precondition: its id is free.
pub(crate) fn append(link: &mut Link, tenant: TenantId, event: &AuditEvent) -> Result<()> {
    let row = Row {
        tenant_id: tenant.number(),
        segment: segment(event.at),
        id: blob(&event.id).to_vec(),
        at: event.at.millis(),
        kind: event.kind.as_str().to_owned(),
        outcome: event.outcome.as_str().to_owned(),
        reason: event.reason.to_owned(),
        client_id: event.client_id.as_deref().map(cut),
        user_name: event.user_name.as_deref().map(cut),
        source: event.source.map(|source| source.to_string()),
        request_id: event.request_id.as_str().to_owned(),
        detail: cut(&event.detail),
    };
    each!(link.write(), db => diesel::insert_into(audit_log::table).values(row).execute(db))
        .map(drop)
        .map_err(on(TABLE, "insert"))
}

/// Oldest first.
pub(crate) fn page(link: &mut Link, tenant: TenantId, filter: &AuditFilter) -> Result<Vec<AuditRow>> {
    let mut query = scoped(tenant).select(Row::as_select()).limit(filter.limit).into_boxed();
    if let Some(since) = filter.since {
        query = query.filter(audit_log::segment.ge(segment(since))).filter(audit_log::at.ge(since.millis()));
    }
    if let Some(until) = filter.until {
        query = query.filter(audit_log::segment.le(segment(until))).filter(audit_log::at.lt(until.millis()));
    }
    if let Some((segment, id)) = filter.after {
        let segment = i64::from(segment);
        let behind = audit_log::segment.eq(segment).and(audit_log::id.gt(blob(&id).to_vec()));
        query = query.filter(audit_log::segment.gt(segment).or(behind));
    }
    let query = if filter.newest {
        query.order((audit_log::segment.desc(), audit_log::id.desc()))
    } else {
        query.order((audit_log::segment.asc(), audit_log::id.asc()))
    };
    let mut rows: Vec<Row> = query.load(link.read()).map_err(on(TABLE, "select"))?;
    if filter.newest {
        rows.reverse();
    }
    rows.into_iter().map(Row::read).collect()
}

/// The tenants, present or past, that have rows: the smallest number above `above`. Walking them like this needs
/// no scan.
fn next_tenant(link: &mut Link, above: i64) -> Result<Option<i64>> {
    audit_log::table
        .filter(audit_log::tenant_id.gt(above))
        .select(diesel::dsl::min(audit_log::tenant_id))
        .first(link.read())
        .map_err(on(TABLE, "select"))
}

/// The first tenant behind `after` that has rows from segments older than `before`, among the next 64; and the last one
/// that was looked at, unless it is the last of all.
pub(crate) fn next_with_old(link: &mut Link, before: i64, after: i64) -> Result<(Option<i64>, Option<i64>)> {
    let mut last = after;
    for _ in 0..64 {
        let Some(tenant) = next_tenant(link, last)? else { return Ok((None, None)) };
        let oldest: Option<i64> = audit_log::table
            .filter(audit_log::tenant_id.eq(tenant))
            .select(diesel::dsl::min(audit_log::segment))
            .first(link.read())
            .map_err(on(TABLE, "select"))?;
        if oldest.is_some_and(|oldest| oldest < before) {
            return Ok((Some(tenant), Some(tenant)));
        }
        last = tenant;
    }
    Ok((None, Some(last)))
}

/// A row's key: tenant, segment, id.
pub(crate) type Key = (i64, i64, Vec<u8>);

/// At most `limit` rows of a tenant, present or past, from segments older than `before`, oldest first.
pub(crate) fn old(link: &mut Link, tenant: i64, before: i64, limit: i64) -> Result<Vec<Key>> {
    audit_log::table
        .filter(audit_log::tenant_id.eq(tenant))
        .filter(audit_log::segment.lt(before))
        .select((audit_log::tenant_id, audit_log::segment, audit_log::id))
        .order((audit_log::segment, audit_log::id))
        .limit(limit)
        .load(link.read())
        .map_err(on(TABLE, "select"))
}

/// Removes a row of a month that is past.
pub(crate) fn remove_old(link: &mut Link, (tenant, segment, id): &Key) -> Result<usize> {
    let row = audit_log::table
        .filter(audit_log::tenant_id.eq(tenant))
        .filter(audit_log::segment.eq(segment))
        .filter(audit_log::id.eq(id));
    each!(link.write(), db => diesel::delete(row).execute(db)).map_err(on(TABLE, "delete"))
}

/// Removes at most `limit` rows of a tenant, present or past, from segments older than `before`, oldest first.
pub(crate) fn expire(link: &mut Link, tenant: i64, before: i64, limit: i64) -> Result<usize> {
    let old =
        || audit_log::table.filter(audit_log::tenant_id.eq(tenant)).filter(audit_log::segment.lt(before));
    let last: Option<(i64, Vec<u8>)> = old()
        .select((audit_log::segment, audit_log::id))
        .order((audit_log::segment, audit_log::id))
        .limit(limit)
        .load(link.read())
        .map_err(on(TABLE, "select"))?
        .pop();
    let Some((segment, id)) = last else { return Ok(0) };
    let up_to = audit_log::segment.lt(segment).or(audit_log::segment.eq(segment).and(audit_log::id.le(id)));
    diesel::delete(old().filter(up_to)).execute(link.write()).map_err(on(TABLE, "delete"))
}

/// Cut at a character's boundary; PostgreSQL cannot store NUL.
fn cut(text: &str) -> String {
    let mut cut = text.replace('\0', "\u{FFFD}");
    cut.truncate(cut.floor_char_boundary(LONGEST));
    cut
}

/// Year and month in UTC, as `yyyymm` (the proleptic Gregorian calendar).
pub(crate) const fn segment(at: Timestamp) -> i64 {
    // Count days from the first of March of the year 0, so that leap days come last.
    let days = at.millis().div_euclid(86_400_000) + 719_468;
    let era = days.div_euclid(146_097);
    let day = days.rem_euclid(146_097);
    let year_of_era = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let (month, carry) =
        if month_from_march < 10 { (month_from_march + 3, 0) } else { (month_from_march - 9, 1) };
    (era * 400 + year_of_era + carry) * 100 + month
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_months_in_utc() {
        let of = |secs| segment(Timestamp::from_secs(secs));
        assert_eq!(of(0), 197_001);
        assert_eq!(of(-1), 196_912);
        assert_eq!(of(951_782_399), 200_002); // 2000-02-28T23:59:59Z
        assert_eq!(of(951_868_800), 200_003); // 2000-03-01T00:00:00Z
        assert_eq!(of(1_767_225_599), 202_512);
        assert_eq!(of(1_767_225_600), 202_601);
        assert_eq!(of(1_709_251_199), 202_402); // 2024-02-29T23:59:59Z
        assert_eq!(of(1_709_251_200), 202_403);
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(cut(&"é".repeat(200)), "é".repeat(127));
        assert_eq!(cut("a\0b"), "a\u{FFFD}b");
        assert_eq!(cut(&"a".repeat(255)).len(), 255);
    }
}
