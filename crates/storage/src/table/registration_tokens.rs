//! Initial access tokens.

use std::collections::BTreeSet;

use diesel::prelude::*;
use domain::{AuthMethod, Locator, RegistrationToken, Scopes, SecretDigest, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{RowKey, blob, from_json, locator, to_json};
use crate::dialect::each;
use crate::failure::{Result, on, require, sound};
use crate::link::Link;

const TABLE: &str = "registration_tokens";

diesel::table! {
    registration_tokens (tenant_id, id) {
        tenant_id -> BigInt,
        id -> Binary,
        digest -> Binary,
        max_uses -> BigInt,
        uses -> BigInt,
        created_at -> BigInt,
        expires_at -> BigInt,
        doc -> Text,
    }
}

/// What is read only as a whole.
#[derive(Serialize, Deserialize)]
struct Doc {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    label: String,
    #[serde(default, skip_serializing_if = "Scopes::is_empty")]
    scopes: Scopes,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    auth_methods: BTreeSet<AuthMethod>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = registration_tokens)]
struct Row {
    id: Vec<u8>,
    digest: Vec<u8>,
    max_uses: i64,
    uses: i64,
    created_at: i64,
    expires_at: i64,
    doc: String,
}

impl Row {
    fn read(self) -> Result<RegistrationToken> {
        let doc: Doc = from_json(&self.doc, "registration_tokens.doc")?;
        Ok(RegistrationToken {
            locator: locator(&self.id, "registration_tokens.id")?,
            digest: sound(SecretDigest::from_slice(&self.digest), "registration_tokens.digest")?,
            label: doc.label,
            max_uses: sound(self.max_uses.try_into().ok(), "registration_tokens.max_uses")?,
            uses: sound(self.uses.try_into().ok(), "registration_tokens.uses")?,
            created_at: Timestamp::from_millis(self.created_at),
            expires_at: Timestamp::from_millis(self.expires_at),
            scopes: doc.scopes,
            auth_methods: doc.auth_methods,
        })
    }
}

#[diesel::dsl::auto_type(no_type_alias)]
fn scoped(tenant: TenantId) -> _ {
    let number: i64 = tenant.number();
    registration_tokens::table.filter(registration_tokens::tenant_id.eq(number))
}

pub(crate) fn one(link: &mut Link, tenant: TenantId, id: &Locator) -> Result<Option<RegistrationToken>> {
    let row: Option<Row> = scoped(tenant)
        .filter(registration_tokens::id.eq(blob(id)))
        .select(Row::as_select())
        .get_result(link.read())
        .optional()
        .map_err(on(TABLE, "select"))?;
    row.map(Row::read).transpose()
}

/// Oldest first, those behind `after`.
pub(crate) fn page(
    link: &mut Link,
    tenant: TenantId,
    after: Option<&Locator>,
    limit: i64,
) -> Result<Vec<RegistrationToken>> {
    let rows: Vec<Row> = scoped(tenant)
        .filter(registration_tokens::id.gt(after.map_or(&[][..], blob)))
        .select(Row::as_select())
        .order(registration_tokens::id)
        .limit(limit)
        .load(link.read())
        .map_err(on(TABLE, "select"))?;
    rows.into_iter().map(Row::read).collect()
}

pub(crate) fn insert(link: &mut Link, tenant: TenantId, new: &RegistrationToken) -> Result<()> {
    let doc =
        Doc { label: new.label.clone(), scopes: new.scopes.clone(), auth_methods: new.auth_methods.clone() };
    let values = (
        registration_tokens::tenant_id.eq(tenant.number()),
        registration_tokens::id.eq(blob(&new.locator)),
        registration_tokens::digest.eq(new.digest.as_bytes().as_slice()),
        registration_tokens::max_uses.eq(i64::from(new.max_uses)),
        registration_tokens::uses.eq(i64::from(new.uses)),
        registration_tokens::created_at.eq(new.created_at.millis()),
        registration_tokens::expires_at.eq(new.expires_at.millis()),
        registration_tokens::doc.eq(to_json(&doc)?),
    );
    diesel::insert_into(registration_tokens::table)
        .values(values)
        .execute(link.write())
        .map(drop)
        .map_err(on(TABLE, "insert"))
}

/// Precondition: it is there, and has a use left.
pub(crate) fn use_one(link: &mut Link, tenant: TenantId, id: &Locator) -> Result<()> {
    let row = scoped(tenant)
        .filter(registration_tokens::id.eq(blob(id)))
        .filter(registration_tokens::uses.lt(registration_tokens::max_uses));
    let count = diesel::update(row).set(registration_tokens::uses.eq(registration_tokens::uses + 1));
    require(each!(link.write(), db => count.execute(db)).map_err(on(TABLE, "update"))?)
}

/// Precondition: it is there.
pub(crate) fn remove(link: &mut Link, tenant: TenantId, id: &Locator) -> Result<()> {
    let row = scoped(tenant).filter(registration_tokens::id.eq(blob(id)));
    require(diesel::delete(row).execute(link.write()).map_err(on(TABLE, "delete"))?)
}

/// At most `limit` that have expired, of all tenants.
pub(crate) fn due(link: &mut Link, now: Timestamp, limit: i64) -> Result<Vec<RowKey>> {
    registration_tokens::table
        .filter(registration_tokens::expires_at.le(now.millis()))
        .select((registration_tokens::tenant_id, registration_tokens::id))
        .order(registration_tokens::expires_at)
        .limit(limit)
        .load(link.read())
        .map_err(on(TABLE, "select"))
}

/// Removes one that was due: when it expires never changes.
pub(crate) fn remove_due(link: &mut Link, (tenant, id): &RowKey) -> Result<usize> {
    let row = registration_tokens::table
        .filter(registration_tokens::tenant_id.eq(tenant))
        .filter(registration_tokens::id.eq(id));
    each!(link.write(), db => diesel::delete(row).execute(db)).map_err(on(TABLE, "delete"))
}
