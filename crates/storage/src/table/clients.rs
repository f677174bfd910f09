//! Clients and what is kept of their secrets.

use std::sync::Arc;

use diesel::dsl::exists;
use diesel::prelude::*;
use domain::port::{PasswordHash, StoredClient};
use domain::{Client, ClientId, ClientSecrets, SecretDigest, TenantId};

use super::{from_json, to_json};
use crate::failure::{Result, on, require, sound};
use crate::link::Link;

const TABLE: &str = "clients";

diesel::table! {
    clients (tenant_id, client_id) {
        tenant_id -> BigInt,
        client_id -> Text,
        doc -> Text,
        secret_generated -> Nullable<Binary>,
        secret_chosen -> Nullable<Text>,
        secret_sealed -> Nullable<Binary>,
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = clients)]
struct Row {
    doc: String,
    secret_generated: Option<Vec<u8>>,
    secret_chosen: Option<String>,
    secret_sealed: Option<Vec<u8>>,
}

impl Row {
    fn read(self) -> Result<StoredClient> {
        let digest = |bytes: Vec<u8>| sound(SecretDigest::from_slice(&bytes), "clients.secret_generated");
        let client: Client = from_json(&self.doc, "clients.doc")?;
        Ok(StoredClient {
            client: Arc::new(client),
            secrets: ClientSecrets {
                generated: self.secret_generated.map(digest).transpose()?,
                chosen: self.secret_chosen.map(PasswordHash::from_phc),
                sealed: self.secret_sealed,
            },
        })
    }
}

#[diesel::dsl::auto_type(no_type_alias)]
fn scoped(tenant: TenantId) -> _ {
    let number: i64 = tenant.number();
    clients::table.filter(clients::tenant_id.eq(number))
}

pub(crate) fn one(link: &mut Link, tenant: TenantId, id: &ClientId) -> Result<Option<StoredClient>> {
    let row: Option<Row> = scoped(tenant)
        .filter(clients::client_id.eq(id.as_str()))
        .select(Row::as_select())
        .get_result(link.read())
        .optional()
        .map_err(on(TABLE, "select"))?;
    row.map(Row::read).transpose()
}

/// In order of their ids, those behind `after`.
pub(crate) fn page(
    link: &mut Link,
    tenant: TenantId,
    after: Option<&ClientId>,
    limit: i64,
) -> Result<Vec<StoredClient>> {
    let rows: Vec<Row> = scoped(tenant)
        .filter(clients::client_id.gt(after.map_or("", ClientId::as_str)))
        .select(Row::as_select())
        .order(clients::client_id)
        .limit(limit)
        .load(link.read())
        .map_err(on(TABLE, "select"))?;
    rows.into_iter().map(Row::read).collect()
}

/// Whether some client has this id.
pub(crate) fn is_taken(link: &mut Link, tenant: TenantId, id: &str) -> Result<bool> {
    diesel::select(exists(scoped(tenant).filter(clients::client_id.eq(id))))
        .get_result(link.read())
        .map_err(on(TABLE, "select"))
}

pub(crate) fn insert(
    link: &mut Link,
    tenant: TenantId,
    client: &Client,
    secrets: &ClientSecrets,
) -> Result<()> {
    diesel::insert_into(clients::table)
        .values((
            clients::tenant_id.eq(tenant.number()),
            clients::client_id.eq(client.client_id.as_str()),
            clients::doc.eq(to_json(client)?),
            clients::secret_generated
                .eq(secrets.generated.as_ref().map(|digest| digest.as_bytes().as_slice())),
            clients::secret_chosen.eq(secrets.chosen.as_ref().map(PasswordHash::as_phc)),
            clients::secret_sealed.eq(secrets.sealed.as_deref()),
        ))
        .execute(link.write())
        .map(drop)
        .map_err(on(TABLE, "insert"))
}

pub(crate) fn update(link: &mut Link, tenant: TenantId, client: &Client) -> Result<()> {
    let rows = diesel::update(scoped(tenant).filter(clients::client_id.eq(client.client_id.as_str())))
        .set(clients::doc.eq(to_json(client)?))
        .execute(link.write())
        .map_err(on(TABLE, "update"))?;
    require(rows)
}

pub(crate) fn set_secrets(
    link: &mut Link,
    tenant: TenantId,
    id: &ClientId,
    secrets: &ClientSecrets,
) -> Result<()> {
    let rows = diesel::update(scoped(tenant).filter(clients::client_id.eq(id.as_str())))
        .set((
            clients::secret_generated
                .eq(secrets.generated.as_ref().map(|digest| digest.as_bytes().as_slice())),
            clients::secret_chosen.eq(secrets.chosen.as_ref().map(PasswordHash::as_phc)),
            clients::secret_sealed.eq(secrets.sealed.as_deref()),
        ))
        .execute(link.write())
        .map_err(on(TABLE, "update"))?;
    require(rows)
}

/// Tells whether `seen` was still stored.
pub(crate) fn rehash(
    link: &mut Link,
    tenant: TenantId,
    id: &ClientId,
    seen: &PasswordHash,
    hash: &PasswordHash,
) -> Result<bool> {
    let row = scoped(tenant)
        .filter(clients::client_id.eq(id.as_str()))
        .filter(clients::secret_chosen.eq(seen.as_phc()));
    let rows = diesel::update(row)
        .set(clients::secret_chosen.eq(hash.as_phc()))
        .execute(link.write())
        .map_err(on(TABLE, "update"))?;
    Ok(rows > 0)
}

/// Sessions, families and failures go with it.
pub(crate) fn remove(link: &mut Link, tenant: TenantId, id: &ClientId) -> Result<()> {
    diesel::delete(scoped(tenant).filter(clients::client_id.eq(id.as_str())))
        .execute(link.write())
        .map(drop)
        .map_err(on(TABLE, "delete"))
}
