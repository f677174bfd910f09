//! Signing keys, their private parts sealed.

use diesel::prelude::*;
use domain::{SigningAlg, SigningKeyRecord, TenantId, Timestamp};

use super::{instant, millis};
use crate::failure::{Result, on, require, sound};
use crate::link::Link;

const TABLE: &str = "signing_keys";

diesel::table! {
    signing_keys (tenant_id, kid) {
        tenant_id -> BigInt,
        kid -> Text,
        alg -> Text,
        public_jwk -> Text,
        sealed_private -> Binary,
        created_at -> BigInt,
        active_from -> BigInt,
        verify_from -> Nullable<BigInt>,
        retired_at -> Nullable<BigInt>,
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = signing_keys, treat_none_as_default_value = false)]
struct Row {
    tenant_id: i64,
    kid: String,
    alg: String,
    public_jwk: String,
    sealed_private: Vec<u8>,
    created_at: i64,
    active_from: i64,
    verify_from: Option<i64>,
    retired_at: Option<i64>,
}

impl Row {
    fn read(self) -> Result<SigningKeyRecord> {
        Ok(SigningKeyRecord {
            kid: self.kid,
            alg: sound(SigningAlg::parse(&self.alg), "signing_keys.alg")?,
            public_jwk: self.public_jwk,
            sealed_private: self.sealed_private,
            created_at: Timestamp::from_millis(self.created_at),
            active_from: Timestamp::from_millis(self.active_from),
            verify_from: instant(self.verify_from),
            retired_at: instant(self.retired_at),
        })
    }
}

#[diesel::dsl::auto_type(no_type_alias)]
fn scoped(tenant: TenantId) -> _ {
    let number: i64 = tenant.number();
    signing_keys::table.filter(signing_keys::tenant_id.eq(number))
}

pub(crate) fn all(link: &mut Link, tenant: TenantId) -> Result<Vec<SigningKeyRecord>> {
    let rows: Vec<Row> = scoped(tenant)
        .select(Row::as_select())
        .order((signing_keys::created_at, signing_keys::kid))
        .load(link.read())
        .map_err(on(TABLE, "select"))?;
    rows.into_iter().map(Row::read).collect()
}

pub(crate) fn insert(link: &mut Link, tenant: TenantId, key: &SigningKeyRecord) -> Result<()> {
    let row = Row {
        tenant_id: tenant.number(),
        kid: key.kid.clone(),
        alg: key.alg.as_str().to_owned(),
        public_jwk: key.public_jwk.clone(),
        sealed_private: key.sealed_private.clone(),
        created_at: key.created_at.millis(),
        active_from: key.active_from.millis(),
        verify_from: millis(key.verify_from),
        retired_at: millis(key.retired_at),
    };
    diesel::insert_into(signing_keys::table)
        .values(row)
        .execute(link.write())
        .map(drop)
        .map_err(on(TABLE, "insert"))
}

/// Precondition: it has no successor yet.
pub(crate) fn supersede(
    link: &mut Link,
    tenant: TenantId,
    kid: &str,
    verify_from: Timestamp,
    retired_at: Timestamp,
) -> Result<()> {
    let row = scoped(tenant).filter(signing_keys::kid.eq(kid)).filter(signing_keys::verify_from.is_null());
    let rows = diesel::update(row)
        .set((
            signing_keys::verify_from.eq(verify_from.millis()),
            signing_keys::retired_at.eq(retired_at.millis()),
        ))
        .execute(link.write())
        .map_err(on(TABLE, "update"))?;
    require(rows)
}

pub(crate) fn remove(link: &mut Link, tenant: TenantId, kid: &str) -> Result<()> {
    diesel::delete(scoped(tenant).filter(signing_keys::kid.eq(kid)))
        .execute(link.write())
        .map(drop)
        .map_err(on(TABLE, "delete"))
}
