//! Authenticators, with counters and passwords.

use diesel::prelude::*;
use domain::port::PasswordHash;
use domain::{
    Authenticator, AuthenticatorStatus, PasswordCredential, PolicyCode, Statistics, TenantId, Timestamp,
    UserId,
};

use super::{from_json, instant, millis, to_json, unchanged};
use crate::dialect::each;
use crate::failure::{Result, on, require, sound};
use crate::kept;
use crate::link::Link;

const TABLE: &str = "authenticators";
/// How many earlier passwords are kept.
const HISTORY: usize = 8;

diesel::table! {
    authenticators (tenant_id, user_id, policy) {
        tenant_id -> BigInt,
        user_id -> BigInt,
        policy -> Text,
        status -> Text,
        valid_from -> BigInt,
        valid_until -> BigInt,
        locked_at -> Nullable<BigInt>,
        uses -> BigInt,
        consecutive_failed -> BigInt,
        consecutive_success -> BigInt,
        total_success -> BigInt,
        total_failed -> BigInt,
        last_successful -> Nullable<BigInt>,
        last_unsuccessful -> Nullable<BigInt>,
        password_hash -> Text,
        password_version -> BigInt,
        password_uses -> BigInt,
        password_history -> Text,
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = authenticators, treat_none_as_default_value = false)]
struct Row {
    tenant_id: i64,
    user_id: i64,
    policy: String,
    status: String,
    valid_from: i64,
    valid_until: i64,
    locked_at: Option<i64>,
    uses: i64,
    consecutive_failed: i64,
    consecutive_success: i64,
    total_success: i64,
    total_failed: i64,
    last_successful: Option<i64>,
    last_unsuccessful: Option<i64>,
    password_hash: String,
    password_version: i64,
    password_uses: i64,
    password_history: String,
}

impl Row {
    fn new(tenant: TenantId, authenticator: &Authenticator) -> Result<Self> {
        let Authenticator { statistics, password, .. } = authenticator;
        Ok(Self {
            tenant_id: tenant.number(),
            user_id: authenticator.user_id.number(),
            policy: authenticator.policy.as_str().to_owned(),
            status: authenticator.status.as_str().to_owned(),
            valid_from: authenticator.valid_from.millis(),
            valid_until: authenticator.valid_until.millis(),
            locked_at: millis(authenticator.locked_at),
            uses: authenticator.uses,
            consecutive_failed: statistics.consecutive_failed,
            consecutive_success: statistics.consecutive_success,
            total_success: statistics.total_success,
            total_failed: statistics.total_failed,
            last_successful: millis(statistics.last_successful),
            last_unsuccessful: millis(statistics.last_unsuccessful),
            password_hash: password.hash.as_phc().to_owned(),
            password_version: password.version,
            password_uses: password.uses,
            password_history: history(password)?,
        })
    }

    fn read(self) -> Result<Authenticator> {
        let earlier: Vec<String> = from_json(&self.password_history, "authenticators.password_history")?;
        Ok(Authenticator {
            user_id: UserId::new(self.user_id),
            policy: sound(PolicyCode::parse(&self.policy), "authenticators.policy")?,
            status: sound(AuthenticatorStatus::parse(&self.status), "authenticators.status")?,
            valid_from: Timestamp::from_millis(self.valid_from),
            valid_until: Timestamp::from_millis(self.valid_until),
            locked_at: instant(self.locked_at),
            uses: self.uses,
            statistics: Statistics {
                consecutive_failed: self.consecutive_failed,
                consecutive_success: self.consecutive_success,
                total_success: self.total_success,
                total_failed: self.total_failed,
                last_successful: instant(self.last_successful),
                last_unsuccessful: instant(self.last_unsuccessful),
            },
            password: PasswordCredential {
                hash: PasswordHash::from_phc(self.password_hash),
                version: self.password_version,
                uses: self.password_uses,
                history: earlier.into_iter().map(PasswordHash::from_phc).collect(),
            },
        })
    }
}

/// Newest first.
fn history(password: &PasswordCredential) -> Result<String> {
    to_json(&password.history.iter().take(HISTORY).map(PasswordHash::as_phc).collect::<Vec<_>>())
}

#[diesel::dsl::auto_type(no_type_alias)]
fn scoped(tenant: TenantId) -> _ {
    let number: i64 = tenant.number();
    authenticators::table.filter(authenticators::tenant_id.eq(number))
}

/// Which one in a tenant.
pub(crate) type Which<'a> = (UserId, &'a PolicyCode);

#[diesel::dsl::auto_type(no_type_alias)]
fn this<'a>(tenant: TenantId, user: UserId, policy: &'a PolicyCode) -> _ {
    let number: i64 = tenant.number();
    let user: i64 = user.number();
    let policy: &'a str = policy.as_str();
    authenticators::table
        .filter(authenticators::tenant_id.eq(number))
        .filter(authenticators::user_id.eq(user))
        .filter(authenticators::policy.eq(policy))
}

pub(crate) fn one(
    link: &mut Link,
    tenant: TenantId,
    (user, policy): Which<'_>,
) -> Result<Option<Authenticator>> {
    let this = this(tenant, user, policy);
    let row: Option<Row> = each!(link.read(), db => this.select(Row::as_select()).get_result(db))
        .optional()
        .map_err(on(TABLE, "select"))?;
    row.map(Row::read).transpose()
}

pub(crate) fn of_user(link: &mut Link, tenant: TenantId, user: UserId) -> Result<Vec<Authenticator>> {
    let rows: Vec<Row> = scoped(tenant)
        .filter(authenticators::user_id.eq(user.number()))
        .select(Row::as_select())
        .order(authenticators::policy)
        .load(link.read())
        .map_err(on(TABLE, "select"))?;
    rows.into_iter().map(Row::read).collect()
}

pub(crate) fn insert(link: &mut Link, tenant: TenantId, authenticator: &Authenticator) -> Result<()> {
    diesel::insert_into(authenticators::table)
        .values(Row::new(tenant, authenticator)?)
        .execute(link.write())
        .map(drop)
        .map_err(on(TABLE, "insert"))
}

/// What a success assumes.
pub(crate) struct SeenSuccess {
    pub(crate) version: i64,
    pub(crate) locked_at: Option<Timestamp>,
    pub(crate) uses: Option<(i64, i64)>,
}

/// Gives all of a user's passwords a new version: every log-in under way conflicts.
pub(crate) fn outdate(link: &mut Link, tenant: TenantId, user: UserId) -> Result<()> {
    diesel::update(scoped(tenant).filter(authenticators::user_id.eq(user.number())))
        .set(authenticators::password_version.eq(authenticators::password_version + 1))
        .execute(link.write())
        .map_err(on(TABLE, "update"))?;
    Ok(())
}

/// Precondition: it is enabled, valid at `at`, and as seen.
pub(crate) fn succeed(
    link: &mut Link,
    tenant: TenantId,
    (user, policy): Which<'_>,
    seen: &SeenSuccess,
    at: Timestamp,
    rehash: Option<&PasswordHash>,
) -> Result<()> {
    let locked = millis(seen.locked_at);
    let (uses, password_uses) = seen.uses.unwrap_or_default();
    let same_uses = authenticators::uses
        .eq(uses)
        .and(authenticators::password_uses.eq(password_uses))
        .or(seen.uses.is_none().into_sql::<diesel::sql_types::Bool>());
    let row = this(tenant, user, policy)
        .filter(authenticators::status.eq(AuthenticatorStatus::Enabled.as_str()))
        .filter(authenticators::valid_from.le(at.millis()))
        .filter(authenticators::valid_until.gt(at.millis()))
        .filter(authenticators::password_version.eq(seen.version))
        .filter(unchanged!(authenticators::locked_at, locked))
        .filter(same_uses);
    let succeed = kept::update(
        row,
        (
            authenticators::locked_at.eq(None::<i64>),
            authenticators::uses.eq(authenticators::uses + 1),
            authenticators::password_uses.eq(authenticators::password_uses + 1),
            authenticators::consecutive_failed.eq(0_i64),
            authenticators::consecutive_success.eq(authenticators::consecutive_success + 1),
            authenticators::total_success.eq(authenticators::total_success + 1),
            authenticators::last_successful.eq(at.millis()),
        ),
    );
    let rows = each!(link.write(), db => succeed.execute(db)).map_err(on(TABLE, "update"))?;
    require(rows)?;
    rehash.map_or(Ok(()), |hash| store_rehash(link, tenant, (user, policy), hash))
}

/// The row is ours until the commit.
fn store_rehash(
    link: &mut Link,
    tenant: TenantId,
    (user, policy): Which<'_>,
    hash: &PasswordHash,
) -> Result<()> {
    diesel::update(this(tenant, user, policy))
        .set((
            authenticators::password_hash.eq(hash.as_phc()),
            authenticators::password_version.eq(authenticators::password_version + 1),
        ))
        .execute(link.write())
        .map(drop)
        .map_err(on(TABLE, "update"))
}

/// What a failure assumes, and what it makes of it.
pub(crate) struct Failed {
    pub(crate) version: i64,
    /// Failures in a row, and since when it is locked: as seen, and from now on.
    pub(crate) seen: (i64, Option<Timestamp>),
    pub(crate) now: (i64, Option<Timestamp>),
    pub(crate) at: Timestamp,
}

/// Precondition: it is as seen.
pub(crate) fn fail(
    link: &mut Link,
    tenant: TenantId,
    (user, policy): Which<'_>,
    failed: &Failed,
) -> Result<()> {
    let (seen, now) = (failed.seen, failed.now);
    let locked = millis(seen.1);
    let row = this(tenant, user, policy)
        .filter(authenticators::password_version.eq(failed.version))
        .filter(authenticators::consecutive_failed.eq(seen.0))
        .filter(unchanged!(authenticators::locked_at, locked));
    let fail = kept::update(
        row,
        (
            authenticators::locked_at.eq(millis(now.1)),
            authenticators::consecutive_failed.eq(now.0),
            authenticators::consecutive_success.eq(0_i64),
            authenticators::total_failed.eq(authenticators::total_failed + 1),
            authenticators::last_unsuccessful.eq(failed.at.millis()),
        ),
    );
    let rows = each!(link.write(), db => fail.execute(db)).map_err(on(TABLE, "update"))?;
    require(rows)
}

pub(crate) fn set_validity(
    link: &mut Link,
    tenant: TenantId,
    (user, policy): Which<'_>,
    status: AuthenticatorStatus,
    (from, until): (Timestamp, Timestamp),
) -> Result<()> {
    let rows = diesel::update(this(tenant, user, policy))
        .set((
            authenticators::status.eq(status.as_str()),
            authenticators::valid_from.eq(from.millis()),
            authenticators::valid_until.eq(until.millis()),
        ))
        .execute(link.write())
        .map_err(on(TABLE, "update"))?;
    require(rows)
}

/// Precondition: the stored version is one less.
pub(crate) fn set_password(
    link: &mut Link,
    tenant: TenantId,
    (user, policy): Which<'_>,
    password: &PasswordCredential,
    valid_until: Timestamp,
) -> Result<()> {
    let before = password.version.saturating_sub(1);
    let rows = diesel::update(this(tenant, user, policy).filter(authenticators::password_version.eq(before)))
        .set((
            authenticators::password_hash.eq(password.hash.as_phc()),
            authenticators::password_version.eq(password.version),
            authenticators::password_uses.eq(password.uses),
            authenticators::password_history.eq(history(password)?),
            authenticators::valid_until.eq(valid_until.millis()),
        ))
        .execute(link.write())
        .map_err(on(TABLE, "update"))?;
    require(rows)
}

pub(crate) fn reset(link: &mut Link, tenant: TenantId, (user, policy): Which<'_>) -> Result<()> {
    let rows = diesel::update(this(tenant, user, policy))
        .set((
            authenticators::locked_at.eq(None::<i64>),
            authenticators::consecutive_failed.eq(0_i64),
            authenticators::uses.eq(0_i64),
        ))
        .execute(link.write())
        .map_err(on(TABLE, "update"))?;
    require(rows)
}

pub(crate) fn remove(link: &mut Link, tenant: TenantId, (user, policy): Which<'_>) -> Result<()> {
    diesel::delete(this(tenant, user, policy)).execute(link.write()).map(drop).map_err(on(TABLE, "delete"))
}
