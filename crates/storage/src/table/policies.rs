//! Authentication policies.

use diesel::prelude::*;
use domain::{AuthenticationPolicy, PolicyCode, TenantId};

use super::{from_json, to_json};
use crate::failure::{Result, on};
use crate::link::Link;

const TABLE: &str = "policies";

diesel::table! {
    policies (tenant_id, code) {
        tenant_id -> BigInt,
        code -> Text,
        doc -> Text,
    }
}

#[diesel::dsl::auto_type(no_type_alias)]
fn scoped(tenant: TenantId) -> _ {
    let number: i64 = tenant.number();
    policies::table.filter(policies::tenant_id.eq(number))
}

pub(crate) fn one(
    link: &mut Link,
    tenant: TenantId,
    code: &PolicyCode,
) -> Result<Option<AuthenticationPolicy>> {
    let doc: Option<String> = scoped(tenant)
        .filter(policies::code.eq(code.as_str()))
        .select(policies::doc)
        .get_result(link.read())
        .optional()
        .map_err(on(TABLE, "select"))?;
    doc.map(|doc| from_json(&doc, "policies.doc")).transpose()
}

pub(crate) fn all(link: &mut Link, tenant: TenantId) -> Result<Vec<AuthenticationPolicy>> {
    let docs: Vec<String> = scoped(tenant)
        .select(policies::doc)
        .order(policies::code)
        .load(link.read())
        .map_err(on(TABLE, "select"))?;
    docs.iter().map(|doc| from_json(doc, "policies.doc")).collect()
}

/// Administrative changes wait for each other, so that looking first is safe.
pub(crate) fn put(link: &mut Link, tenant: TenantId, policy: &AuthenticationPolicy) -> Result<()> {
    let doc = to_json(policy)?;
    let rows = diesel::update(scoped(tenant).filter(policies::code.eq(policy.code.as_str())))
        .set(policies::doc.eq(&doc))
        .execute(link.write())
        .map_err(on(TABLE, "update"))?;
    if rows > 0 {
        return Ok(());
    }
    diesel::insert_into(policies::table)
        .values((
            policies::tenant_id.eq(tenant.number()),
            policies::code.eq(policy.code.as_str()),
            policies::doc.eq(&doc),
        ))
        .execute(link.write())
        .map(drop)
        .map_err(on(TABLE, "insert"))
}

pub(crate) fn remove(link: &mut Link, tenant: TenantId, code: &PolicyCode) -> Result<()> {
    diesel::delete(scoped(tenant).filter(policies::code.eq(code.as_str())))
        .execute(link.write())
        .map(drop)
        .map_err(on(TABLE, "delete"))
}
