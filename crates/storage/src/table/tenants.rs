//! Tenants, and the numbers that name them.

use diesel::prelude::*;
use domain::{Tenant, TenantId, TenantName, TenantSettings, UserId, WireProfile, profile::SubjectForm};

use super::{from_json, to_json};
use crate::failure::{Failure, Result, on, require, sound};
use crate::link::Link;

const TABLE: &str = "tenants";
const FIRST_USER_ID: i64 = 10_001;

diesel::table! {
    tenants (id) {
        id -> BigInt,
        name -> Text,
        settings -> Text,
        revision -> BigInt,
        next_user_id -> BigInt,
    }
}

diesel::table! {
    numbers (name) {
        name -> Text,
        next -> BigInt,
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = tenants)]
struct Row {
    id: i64,
    name: String,
    settings: String,
    revision: i64,
}

impl Row {
    fn read(self) -> Result<Tenant> {
        Ok(Tenant {
            id: tenant_id(self.id),
            name: sound(TenantName::parse(&self.name), "tenants.name")?,
            settings: from_json(&self.settings, "tenants.settings")?,
            revision: self.revision,
        })
    }
}

#[diesel::dsl::auto_type(no_type_alias)]
fn scoped(tenant: TenantId) -> _ {
    let number: i64 = tenant.number();
    tenants::table.filter(tenants::id.eq(number))
}

#[expect(clippy::disallowed_methods, reason = "storage names tenants by their stored ids")]
const fn tenant_id(number: i64) -> TenantId {
    TenantId::assume(number)
}

pub(crate) fn all(link: &mut Link) -> Result<Vec<Tenant>> {
    let rows: Vec<Row> = tenants::table
        .select(Row::as_select())
        .order(tenants::name)
        .load(link.read())
        .map_err(on(TABLE, "select"))?;
    rows.into_iter().map(Row::read).collect()
}

pub(crate) fn named(link: &mut Link, name: &TenantName) -> Result<Option<Tenant>> {
    let row: Option<Row> = tenants::table
        .filter(tenants::name.eq(name.as_str()))
        .select(Row::as_select())
        .get_result(link.read())
        .optional()
        .map_err(on(TABLE, "select"))?;
    row.map(Row::read).transpose()
}

pub(crate) fn revisions(link: &mut Link) -> Result<Vec<(TenantId, TenantName, i64)>> {
    let rows: Vec<(i64, String, i64)> = tenants::table
        .select((tenants::id, tenants::name, tenants::revision))
        .order(tenants::id)
        .load(link.read())
        .map_err(on(TABLE, "select"))?;
    let read = |(id, name, revision): (i64, String, i64)| {
        Ok((tenant_id(id), sound(TenantName::parse(&name), "tenants.name")?, revision))
    };
    rows.into_iter().map(read).collect()
}

/// A conflict: the name is taken. A number is never given twice, for the audit log keeps it.
pub(crate) fn insert(link: &mut Link, name: &TenantName, settings: &TenantSettings) -> Result<Tenant> {
    let next: i64 = diesel::update(numbers::table.filter(numbers::name.eq("tenant")))
        .set(numbers::next.eq(numbers::next + 1))
        .returning(numbers::next)
        .get_result(link.write())
        .map_err(on("numbers", "update"))?;
    let id = next.saturating_sub(1);
    diesel::insert_into(tenants::table)
        .values((
            tenants::id.eq(id),
            tenants::name.eq(name.as_str()),
            tenants::settings.eq(to_json(settings)?),
            tenants::revision.eq(1_i64),
            tenants::next_user_id.eq(FIRST_USER_ID),
        ))
        .execute(link.write())
        .map_err(on(TABLE, "insert"))?;
    Ok(Tenant { id: tenant_id(id), name: name.clone(), settings: settings.clone(), revision: 1 })
}

/// Changes a row of its own, to see whether the database takes writes. It must change something: SQLite writes nothing
/// for a row that stays as it is, and a full disk would take that.
pub(crate) fn probe(link: &mut Link) -> Result<()> {
    const NAME: &str = "probe";
    let rows = diesel::update(numbers::table.filter(numbers::name.eq(NAME)))
        .set(numbers::next.eq(numbers::next + 1))
        .execute(link.write())
        .map_err(on("numbers", "update"))?;
    if rows > 0 {
        return Ok(());
    }
    diesel::insert_into(numbers::table)
        .values((numbers::name.eq(NAME), numbers::next.eq(1_i64)))
        .execute(link.write())
        .map(drop)
        .map_err(on("numbers", "insert"))
}

pub(crate) fn remove(link: &mut Link, tenant: TenantId) -> Result<()> {
    diesel::delete(scoped(tenant)).execute(link.write()).map(drop).map_err(on(TABLE, "delete"))
}

/// It also makes administrative changes of one tenant wait for each other, and fails when the tenant is gone.
pub(crate) fn bump_revision(link: &mut Link, tenant: TenantId) -> Result<()> {
    let rows = diesel::update(scoped(tenant))
        .set(tenants::revision.eq(tenants::revision + 1))
        .execute(link.write())
        .map_err(on(TABLE, "update"))?;
    require(rows)
}

pub(crate) fn put_settings(link: &mut Link, tenant: TenantId, settings: &TenantSettings) -> Result<()> {
    let rows = diesel::update(scoped(tenant))
        .set(tenants::settings.eq(to_json(settings)?))
        .execute(link.write())
        .map_err(on(TABLE, "update"))?;
    require(rows)
}

/// Whether users stand in tokens by their names.
pub(crate) fn names_users(link: &mut Link, tenant: TenantId) -> Result<bool> {
    let settings = settings(link, tenant)?;
    Ok(WireProfile::effective(settings.profile, None).subject == SubjectForm::UserName)
}

pub(crate) fn settings(link: &mut Link, tenant: TenantId) -> Result<TenantSettings> {
    let settings: String = scoped(tenant)
        .select(tenants::settings)
        .get_result(link.read())
        .optional()
        .map_err(on(TABLE, "select"))?
        .ok_or(Failure::Conflict)?;
    from_json(&settings, "tenants.settings")
}

/// The first of `count` ids that nobody else is given.
pub(crate) fn reserve_user_ids(link: &mut Link, tenant: TenantId, count: i64) -> Result<UserId> {
    let next: Option<i64> = diesel::update(scoped(tenant))
        .set(tenants::next_user_id.eq(tenants::next_user_id + count))
        .returning(tenants::next_user_id)
        .get_result(link.write())
        .optional()
        .map_err(on(TABLE, "update"))?;
    Ok(UserId::new(next.ok_or(Failure::Conflict)?.saturating_sub(count)))
}

/// Keeps ids up to `used`, which was chosen elsewhere, from being given out.
pub(crate) fn skip_user_id(link: &mut Link, tenant: TenantId, used: UserId) -> Result<()> {
    diesel::update(scoped(tenant).filter(tenants::next_user_id.le(used.number())))
        .set(tenants::next_user_id.eq(used.number().saturating_add(1)))
        .execute(link.write())
        .map(drop)
        .map_err(on(TABLE, "update"))
}
