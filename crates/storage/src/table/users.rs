//! Users.

use std::collections::{BTreeMap, BTreeSet};

use diesel::dsl::exists;
use diesel::prelude::*;
use domain::{Fault, SubjectId, TenantId, Timestamp, User, UserId, UserStatus};
use serde::{Deserialize, Serialize};

use super::{from_json, to_json};
use crate::dialect::each;
use crate::failure::{Failure, Result, on, require, sound};
use crate::link::Link;

const TABLE: &str = "users";

diesel::table! {
    users (tenant_id, user_id) {
        tenant_id -> BigInt,
        user_id -> BigInt,
        user_name -> Text,
        external_id -> Nullable<Text>,
        subject_id -> Text,
        doc -> Text,
        updated_at -> BigInt,
    }
}

/// What is never searched for.
#[derive(Serialize, Deserialize)]
struct Doc {
    #[serde(default)]
    status: UserStatus,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    groups: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    roles: BTreeSet<String>,
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = users, treat_none_as_default_value = false, treat_none_as_null = true)]
struct Row {
    tenant_id: i64,
    user_id: i64,
    user_name: String,
    external_id: Option<String>,
    subject_id: String,
    doc: String,
    updated_at: i64,
}

impl Row {
    fn new(tenant: TenantId, user: &User) -> Result<Self> {
        let texts = [Some(&user.user_name), user.external_id.as_ref()];
        if texts.into_iter().flatten().any(|text| text.contains('\0')) {
            // PostgreSQL cannot store it.
            return Err(Failure::Fault(Fault::Invariant("a user's names hold no NUL")));
        }
        let doc = Doc {
            status: user.status,
            attributes: user.attributes.clone(),
            groups: user.groups.clone(),
            roles: user.roles.clone(),
        };
        Ok(Self {
            tenant_id: tenant.number(),
            user_id: user.id.number(),
            user_name: user.user_name.clone(),
            external_id: user.external_id.clone(),
            subject_id: user.subject_id.as_str().to_owned(),
            doc: to_json(&doc)?,
            updated_at: user.updated_at.millis(),
        })
    }

    fn read(self) -> Result<User> {
        let doc: Doc = from_json(&self.doc, "users.doc")?;
        Ok(User {
            id: UserId::new(self.user_id),
            subject_id: sound(SubjectId::parse(&self.subject_id), "users.subject_id")?,
            external_id: self.external_id,
            user_name: self.user_name,
            status: doc.status,
            attributes: doc.attributes,
            groups: doc.groups,
            roles: doc.roles,
            updated_at: Timestamp::from_millis(self.updated_at),
        })
    }
}

#[diesel::dsl::auto_type(no_type_alias)]
fn scoped(tenant: TenantId) -> _ {
    let number: i64 = tenant.number();
    users::table.filter(users::tenant_id.eq(number))
}

pub(crate) fn one(link: &mut Link, tenant: TenantId, id: UserId) -> Result<Option<User>> {
    let this = scoped(tenant).filter(users::user_id.eq(id.number()));
    let row: Option<Row> = each!(link.read(), db => this.select(Row::as_select()).get_result(db))
        .optional()
        .map_err(on(TABLE, "select"))?;
    row.map(Row::read).transpose()
}

pub(crate) fn of_subject(link: &mut Link, tenant: TenantId, subject: &SubjectId) -> Result<Option<User>> {
    let this = scoped(tenant).filter(users::subject_id.eq(subject.as_str()));
    let row: Option<Row> = each!(link.read(), db => this.select(Row::as_select()).get_result(db))
        .optional()
        .map_err(on(TABLE, "select"))?;
    row.map(Row::read).transpose()
}

pub(crate) fn named(link: &mut Link, tenant: TenantId, user_name: &str) -> Result<Option<User>> {
    if user_name.contains('\0') {
        return Ok(None);
    }
    let this = scoped(tenant).filter(users::user_name.eq(user_name));
    let row: Option<Row> = each!(link.read(), db => this.select(Row::as_select()).get_result(db))
        .optional()
        .map_err(on(TABLE, "select"))?;
    row.map(Row::read).transpose()
}

/// In order of their ids, those behind `after`.
pub(crate) fn page(
    link: &mut Link,
    tenant: TenantId,
    after: Option<UserId>,
    limit: i64,
) -> Result<Vec<User>> {
    let rows: Vec<Row> = scoped(tenant)
        .filter(users::user_id.gt(after.map_or(i64::MIN, UserId::number)))
        .select(Row::as_select())
        .order(users::user_id)
        .limit(limit)
        .load(link.read())
        .map_err(on(TABLE, "select"))?;
    rows.into_iter().map(Row::read).collect()
}

/// Whether some user has this subject id.
pub(crate) fn is_subject(link: &mut Link, tenant: TenantId, subject: &str) -> Result<bool> {
    diesel::select(exists(scoped(tenant).filter(users::subject_id.eq(subject))))
        .get_result(link.read())
        .map_err(on(TABLE, "select"))
}

pub(crate) fn insert(link: &mut Link, tenant: TenantId, user: &User) -> Result<()> {
    diesel::insert_into(users::table)
        .values(Row::new(tenant, user)?)
        .execute(link.write())
        .map(drop)
        .map_err(on(TABLE, "insert"))
}

pub(crate) fn update(link: &mut Link, tenant: TenantId, user: &User) -> Result<()> {
    let rows = diesel::update(scoped(tenant).filter(users::user_id.eq(user.id.number())))
        .set(Row::new(tenant, user)?)
        .execute(link.write())
        .map_err(on(TABLE, "update"))?;
    require(rows)
}

/// Authenticators, sessions and families go with them.
pub(crate) fn remove(link: &mut Link, tenant: TenantId, id: UserId) -> Result<()> {
    diesel::delete(scoped(tenant).filter(users::user_id.eq(id.number())))
        .execute(link.write())
        .map(drop)
        .map_err(on(TABLE, "delete"))
}
