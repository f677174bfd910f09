//! Sessions.

use diesel::prelude::*;
use domain::{ClientId, Locator, Scopes, SecretDigest, Session, TenantId, Timestamp, Ttl, UserId};

use super::facts::Facts;
use super::{RowKey, blob, locator, remove_by_tenant};
use crate::dialect::each;
use crate::failure::{Result, on, sound};
use crate::kept;
use crate::link::Link;

const TABLE: &str = "sessions";

diesel::table! {
    sessions (tenant_id, locator) {
        tenant_id -> BigInt,
        locator -> Binary,
        digest -> Binary,
        client_id -> Text,
        user_id -> Nullable<BigInt>,
        scopes -> Text,
        issued_at -> BigInt,
        expires_at -> BigInt,
        inactivity -> Nullable<BigInt>,
        touched_at -> BigInt,
        auth_time -> BigInt,
        family -> Nullable<Binary>,
        facts -> Nullable<Text>,
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions, treat_none_as_default_value = false)]
struct Row {
    tenant_id: i64,
    locator: Vec<u8>,
    digest: Vec<u8>,
    client_id: String,
    user_id: Option<i64>,
    scopes: String,
    issued_at: i64,
    expires_at: i64,
    inactivity: Option<i64>,
    touched_at: i64,
    auth_time: i64,
    family: Option<Vec<u8>>,
    facts: Option<String>,
}

impl Row {
    fn read(self) -> Result<Session> {
        let mut facts = Facts::read(self.facts.as_deref())?;
        Ok(Session {
            locator: locator(&self.locator, "sessions.locator")?,
            digest: sound(SecretDigest::from_slice(&self.digest), "sessions.digest")?,
            client_id: sound(ClientId::parse(&self.client_id), "sessions.client_id")?,
            subject: self.user_id.map(|id| facts.subject(id)).transpose()?,
            scopes: sound(Scopes::parse(&self.scopes, false), "sessions.scopes")?,
            audience: facts.audience,
            issued_at: Timestamp::from_millis(self.issued_at),
            expires_at: Timestamp::from_millis(self.expires_at),
            inactivity: self.inactivity.map(Ttl::from_millis),
            touched_at: Timestamp::from_millis(self.touched_at),
            family: self.family.map(|bytes| locator(&bytes, "sessions.family")).transpose()?,
            acr: facts.acr,
            amr: facts.amr,
            auth_time: Timestamp::from_millis(self.auth_time),
            policy: facts.policy,
            channel: facts.channel,
            context: facts.context,
            confirmation: facts.cnf,
        })
    }
}

#[diesel::dsl::auto_type(no_type_alias)]
fn scoped(tenant: TenantId) -> _ {
    let number: i64 = tenant.number();
    sessions::table.filter(sessions::tenant_id.eq(number))
}

pub(crate) fn one(link: &mut Link, tenant: TenantId, locator: &Locator) -> Result<Option<Session>> {
    let this = scoped(tenant).filter(sessions::locator.eq(blob(locator)));
    let row: Option<Row> = each!(link.read(), db => this.select(Row::as_select()).get_result(db))
        .optional()
        .map_err(on(TABLE, "select"))?;
    row.map(Row::read).transpose()
}

/// Precondition: its locator is free.
pub(crate) fn insert(link: &mut Link, tenant: TenantId, session: &Session) -> Result<()> {
    let facts = Facts {
        audience: session.audience.clone(),
        acr: session.acr.clone(),
        amr: session.amr.clone(),
        policy: session.policy.clone(),
        channel: session.channel.clone(),
        context: session.context.clone(),
        cnf: session.confirmation,
        ..Facts::default()
    };
    let row = Row {
        tenant_id: tenant.number(),
        locator: blob(&session.locator).to_vec(),
        digest: session.digest.as_bytes().to_vec(),
        client_id: session.client_id.as_str().to_owned(),
        user_id: session.subject.as_ref().map(|subject| subject.user_id.number()),
        scopes: session.scopes.to_text(),
        issued_at: session.issued_at.millis(),
        expires_at: session.expires_at.millis(),
        inactivity: session.inactivity.map(Ttl::millis),
        touched_at: session.touched_at.millis(),
        auth_time: session.auth_time.millis(),
        family: session.family.as_ref().map(|family| blob(family).to_vec()),
        facts: facts.about(session.subject.as_ref()).stored()?,
    };
    each!(link.write(), db => diesel::insert_into(sessions::table).values(row).execute(db))
        .map(drop)
        .map_err(on(TABLE, "insert"))
}

/// Never backwards; a session that has gone stays gone.
pub(crate) fn touch(link: &mut Link, tenant: TenantId, locator: &Locator, at: Timestamp) -> Result<()> {
    let row = scoped(tenant)
        .filter(sessions::locator.eq(blob(locator)))
        .filter(sessions::touched_at.lt(at.millis()));
    let touch = kept::update(row, sessions::touched_at.eq(at.millis()));
    each!(link.write(), db => touch.execute(db)).map(drop).map_err(on(TABLE, "update"))
}

pub(crate) fn remove(link: &mut Link, tenant: TenantId, locator: &Locator) -> Result<()> {
    diesel::delete(scoped(tenant).filter(sessions::locator.eq(blob(locator))))
        .execute(link.write())
        .map(drop)
        .map_err(on(TABLE, "delete"))
}

/// Removes a family's sessions.
pub(crate) fn remove_family(link: &mut Link, tenant: TenantId, family: &Locator) -> Result<()> {
    diesel::delete(scoped(tenant).filter(sessions::family.eq(blob(family))))
        .execute(link.write())
        .map(drop)
        .map_err(on(TABLE, "delete"))
}

/// Removes all sessions of a user.
pub(crate) fn remove_user(link: &mut Link, tenant: TenantId, user: UserId) -> Result<()> {
    diesel::delete(scoped(tenant).filter(sessions::user_id.eq(user.number())))
        .execute(link.write())
        .map(drop)
        .map_err(on(TABLE, "delete"))
}

/// Removes all of a tenant's.
pub(crate) fn clear(link: &mut Link, tenant: TenantId) -> Result<()> {
    diesel::delete(scoped(tenant)).execute(link.write()).map(drop).map_err(on(TABLE, "delete"))
}

/// One that has expired.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub(crate) struct Due {
    tenant_id: i64,
    locator: Vec<u8>,
    /// When, milliseconds.
    pub(crate) expires_at: i64,
}

impl Due {
    pub(crate) fn key(&self) -> RowKey {
        (self.tenant_id, self.locator.clone())
    }

    /// For how long, milliseconds.
    pub(crate) const fn is_due_since(&self, now: Timestamp) -> i64 {
        now.millis().saturating_sub(self.expires_at)
    }
}

/// At most `limit` that have expired, of all tenants, by the time at which they did.
pub(crate) fn due(link: &mut Link, now: Timestamp, limit: i64) -> Result<Vec<Due>> {
    sessions::table
        .filter(sessions::expires_at.le(now.millis()))
        .select((sessions::tenant_id, sessions::locator, sessions::expires_at))
        .order(sessions::expires_at)
        .limit(limit)
        .load(link.read())
        .map_err(on(TABLE, "select"))
}

/// Removes one that was due: when a session expires never changes.
pub(crate) fn remove_due(link: &mut Link, (tenant, locator): &RowKey) -> Result<usize> {
    let row = sessions::table.filter(sessions::tenant_id.eq(tenant)).filter(sessions::locator.eq(locator));
    each!(link.write(), db => diesel::delete(row).execute(db)).map_err(on(TABLE, "delete"))
}

/// Removes all that have expired by then (milliseconds), of all tenants: to be few.
pub(crate) fn remove_expired(link: &mut Link, by: i64) -> Result<usize> {
    let rows = sessions::table.filter(sessions::expires_at.le(by));
    each!(link.write(), db => diesel::delete(rows).execute(db)).map_err(on(TABLE, "delete"))
}

/// Removes those that were due, in one statement for each tenant.
pub(crate) fn remove_all_due(link: &mut Link, rows: &[Due]) -> Result<usize> {
    let keys: Vec<RowKey> = rows.iter().map(Due::key).collect();
    remove_by_tenant(&keys, |tenant, locators| {
        let rows =
            sessions::table.filter(sessions::tenant_id.eq(tenant)).filter(sessions::locator.eq_any(locators));
        diesel::delete(rows).execute(link.write()).map_err(on(TABLE, "delete"))
    })
}
