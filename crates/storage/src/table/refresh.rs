//! Refresh families and their tokens.

use diesel::prelude::*;
use domain::{
    ClientId, FamilyEnd, Layout, Locator, RefreshFamily, RefreshToken, Scopes, SecretDigest, SessionLimits,
    StoredRefresh, TenantId, Timestamp, Ttl, UserId,
};

use super::facts::Facts;
use super::{RowKey, blob, instant, locator, millis, remove_by_tenant};
use crate::dialect::each;
use crate::failure::{Result, on, require, sound};
use crate::kept;
use crate::link::Link;

const FAMILIES: &str = "refresh_families";
const TOKENS: &str = "refresh_tokens";

diesel::table! {
    refresh_families (tenant_id, locator) {
        tenant_id -> BigInt,
        locator -> Binary,
        client_id -> Text,
        user_id -> BigInt,
        scopes -> Text,
        auth_time -> BigInt,
        inactivity -> Nullable<BigInt>,
        total -> BigInt,
        facts -> Text,
        expires_at -> BigInt,
        current -> Binary,
        previous -> Nullable<Binary>,
        rotated_at -> Nullable<BigInt>,
        sealed_answer -> Nullable<Binary>,
        ended -> Nullable<Text>,
    }
}

diesel::table! {
    refresh_tokens (tenant_id, locator) {
        tenant_id -> BigInt,
        locator -> Binary,
        digest -> Binary,
        family -> Binary,
        expires_at -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(refresh_families, refresh_tokens);

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = refresh_families, treat_none_as_default_value = false)]
struct FamilyRow {
    tenant_id: i64,
    locator: Vec<u8>,
    client_id: String,
    user_id: i64,
    scopes: String,
    auth_time: i64,
    inactivity: Option<i64>,
    total: i64,
    facts: String,
    expires_at: i64,
    current: Vec<u8>,
    previous: Option<Vec<u8>>,
    rotated_at: Option<i64>,
    sealed_answer: Option<Vec<u8>>,
    ended: Option<String>,
}

impl FamilyRow {
    fn new(tenant: TenantId, family: &RefreshFamily) -> Result<Self> {
        let facts = Facts {
            audience: family.audience.clone(),
            acr: family.acr.clone(),
            amr: family.amr.clone(),
            policy: family.policy.clone(),
            channel: family.channel.clone(),
            context: family.context.clone(),
            layout: (family.layout != Layout::default()).then_some(family.layout),
            cnf: family.confirmation,
            ..Facts::default()
        };
        Ok(Self {
            tenant_id: tenant.number(),
            locator: blob(&family.locator).to_vec(),
            client_id: family.client_id.as_str().to_owned(),
            user_id: family.subject.user_id.number(),
            scopes: family.scopes.to_text(),
            auth_time: family.auth_time.millis(),
            inactivity: family.limits.inactivity.map(Ttl::millis),
            total: family.limits.total.millis(),
            facts: sound(facts.about(Some(&family.subject)).stored()?, "facts")?,
            expires_at: family.expires_at.millis(),
            current: blob(&family.current).to_vec(),
            previous: family.previous.as_ref().map(|previous| blob(previous).to_vec()),
            rotated_at: millis(family.rotated_at),
            sealed_answer: family.sealed_answer.clone(),
            ended: family.ended.then(|| FamilyEnd::Revoked.as_str().to_owned()),
        })
    }

    fn read(self) -> Result<RefreshFamily> {
        let mut facts = Facts::read(Some(&self.facts))?;
        let limits = SessionLimits {
            inactivity: self.inactivity.map(Ttl::from_millis),
            total: Ttl::from_millis(self.total),
        };
        let previous = self.previous.map(|bytes| locator(&bytes, "refresh_families.previous")).transpose()?;
        Ok(RefreshFamily {
            locator: locator(&self.locator, "refresh_families.locator")?,
            client_id: sound(ClientId::parse(&self.client_id), "refresh_families.client_id")?,
            layout: facts.layout.unwrap_or_default(),
            subject: facts.subject(self.user_id)?,
            scopes: sound(Scopes::parse(&self.scopes, false), "refresh_families.scopes")?,
            audience: facts.audience,
            acr: facts.acr,
            amr: facts.amr,
            auth_time: Timestamp::from_millis(self.auth_time),
            limits,
            policy: facts.policy,
            channel: facts.channel,
            context: facts.context,
            confirmation: facts.cnf,
            expires_at: Timestamp::from_millis(self.expires_at),
            current: locator(&self.current, "refresh_families.current")?,
            previous,
            rotated_at: instant(self.rotated_at),
            sealed_answer: self.sealed_answer,
            ended: self.ended.is_some(),
        })
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = refresh_tokens)]
struct TokenRow {
    locator: Vec<u8>,
    digest: Vec<u8>,
    family: Vec<u8>,
    expires_at: i64,
}

impl TokenRow {
    fn read(&self) -> Result<RefreshToken> {
        Ok(RefreshToken {
            locator: locator(&self.locator, "refresh_tokens.locator")?,
            digest: sound(SecretDigest::from_slice(&self.digest), "refresh_tokens.digest")?,
            family: locator(&self.family, "refresh_tokens.family")?,
            expires_at: Timestamp::from_millis(self.expires_at),
        })
    }
}

#[diesel::dsl::auto_type(no_type_alias)]
fn scoped(tenant: TenantId) -> _ {
    let number: i64 = tenant.number();
    refresh_families::table.filter(refresh_families::tenant_id.eq(number))
}

#[diesel::dsl::auto_type(no_type_alias)]
fn scoped_tokens(tenant: TenantId) -> _ {
    let number: i64 = tenant.number();
    refresh_tokens::table.filter(refresh_tokens::tenant_id.eq(number))
}

/// The token with its family, in one statement.
pub(crate) fn one(link: &mut Link, tenant: TenantId, locator: &Locator) -> Result<Option<StoredRefresh>> {
    let same_family = refresh_families::tenant_id
        .eq(refresh_tokens::tenant_id)
        .and(refresh_families::locator.eq(refresh_tokens::family));
    let this = scoped_tokens(tenant)
        .inner_join(refresh_families::table.on(same_family))
        .filter(refresh_tokens::locator.eq(blob(locator)));
    let row: Option<(TokenRow, FamilyRow)> =
        each!(link.read(), db => this.select((TokenRow::as_select(), FamilyRow::as_select())).get_result(db))
            .optional()
            .map_err(on(TOKENS, "select"))?;
    row.map(|(token, family)| Ok(StoredRefresh { token: token.read()?, family: family.read()? })).transpose()
}

/// A family by its own locator.
pub(crate) fn family(link: &mut Link, tenant: TenantId, locator: &Locator) -> Result<Option<RefreshFamily>> {
    let this = scoped(tenant).filter(refresh_families::locator.eq(blob(locator)));
    let row: Option<FamilyRow> = each!(link.read(), db => this.select(FamilyRow::as_select()).get_result(db))
        .optional()
        .map_err(on(FAMILIES, "select"))?;
    row.map(FamilyRow::read).transpose()
}

/// Precondition: both locators are free.
pub(crate) fn open(
    link: &mut Link,
    tenant: TenantId,
    family: &RefreshFamily,
    token: &RefreshToken,
) -> Result<()> {
    let row = FamilyRow::new(tenant, family)?;
    each!(link.write(), db => diesel::insert_into(refresh_families::table).values(row).execute(db))
        .map_err(on(FAMILIES, "insert"))?;
    insert_token(link, tenant, token)
}

fn insert_token(link: &mut Link, tenant: TenantId, token: &RefreshToken) -> Result<()> {
    let row = (
        refresh_tokens::tenant_id.eq(tenant.number()),
        refresh_tokens::locator.eq(blob(&token.locator)),
        refresh_tokens::digest.eq(token.digest.as_bytes().as_slice()),
        refresh_tokens::family.eq(blob(&token.family)),
        refresh_tokens::expires_at.eq(token.expires_at.millis()),
    );
    each!(link.write(), db => diesel::insert_into(refresh_tokens::table).values(row).execute(db))
        .map(drop)
        .map_err(on(TOKENS, "insert"))
}

/// Precondition: the family has not ended and its current token is `spent`.
pub(crate) fn rotate(
    link: &mut Link,
    tenant: TenantId,
    spent: &Locator,
    successor: &RefreshToken,
    (rotated_at, sealed_answer): (Timestamp, &[u8]),
) -> Result<()> {
    let row = scoped(tenant)
        .filter(refresh_families::locator.eq(blob(&successor.family)))
        .filter(refresh_families::current.eq(blob(spent)))
        .filter(refresh_families::ended.is_null());
    let rotate = kept::update(
        row,
        (
            refresh_families::current.eq(blob(&successor.locator)),
            refresh_families::previous.eq(blob(spent)),
            refresh_families::rotated_at.eq(rotated_at.millis()),
            refresh_families::sealed_answer.eq(sealed_answer),
        ),
    );
    let rows = each!(link.write(), db => rotate.execute(db)).map_err(on(FAMILIES, "update"))?;
    require(rows)?;
    insert_token(link, tenant, successor)
}

/// Precondition: the family has not ended and its current token is `current`. The row is written as it stands, so
/// that until the commit nobody else can end the family.
pub(crate) fn hold(link: &mut Link, tenant: TenantId, family: &Locator, current: &Locator) -> Result<()> {
    let row = scoped(tenant)
        .filter(refresh_families::locator.eq(blob(family)))
        .filter(refresh_families::current.eq(blob(current)))
        .filter(refresh_families::ended.is_null());
    let hold = kept::update(row, refresh_families::current.eq(blob(current)));
    let rows = each!(link.write(), db => hold.execute(db)).map_err(on(FAMILIES, "update"))?;
    require(rows)
}

/// The first end stands.
pub(crate) fn end(link: &mut Link, tenant: TenantId, family: &Locator, end: FamilyEnd) -> Result<()> {
    let row = scoped(tenant)
        .filter(refresh_families::locator.eq(blob(family)))
        .filter(refresh_families::ended.is_null());
    diesel::update(row)
        .set(refresh_families::ended.eq(end.as_str()))
        .execute(link.write())
        .map(drop)
        .map_err(on(FAMILIES, "update"))
}

/// Ends all families of a user. The first end of each stands.
pub(crate) fn end_of_user(link: &mut Link, tenant: TenantId, user: UserId, end: FamilyEnd) -> Result<()> {
    let rows = scoped(tenant)
        .filter(refresh_families::user_id.eq(user.number()))
        .filter(refresh_families::ended.is_null());
    diesel::update(rows)
        .set(refresh_families::ended.eq(end.as_str()))
        .execute(link.write())
        .map(drop)
        .map_err(on(FAMILIES, "update"))
}

/// Removes all of a tenant's.
pub(crate) fn clear(link: &mut Link, tenant: TenantId) -> Result<()> {
    diesel::delete(scoped_tokens(tenant)).execute(link.write()).map_err(on(TOKENS, "delete"))?;
    diesel::delete(scoped(tenant)).execute(link.write()).map(drop).map_err(on(FAMILIES, "delete"))
}

/// At most `limit` tokens of families that have expired, of all tenants. Tokens end with their family, and so need no
/// index of their own for it.
pub(crate) fn due_tokens(link: &mut Link, now: Timestamp, limit: i64) -> Result<Vec<RowKey>> {
    let same_family = refresh_tokens::tenant_id
        .eq(refresh_families::tenant_id)
        .and(refresh_tokens::family.eq(refresh_families::locator));
    refresh_families::table
        .inner_join(refresh_tokens::table.on(same_family))
        .filter(refresh_families::expires_at.le(now.millis()))
        .select((refresh_tokens::tenant_id, refresh_tokens::locator))
        .order(refresh_families::expires_at)
        .limit(limit)
        .load(link.read())
        .map_err(on(TOKENS, "select"))
}

/// Removes a token whose family was due: when a family expires never changes.
pub(crate) fn remove_due_token(link: &mut Link, (tenant, locator): &RowKey) -> Result<usize> {
    let row = refresh_tokens::table
        .filter(refresh_tokens::tenant_id.eq(tenant))
        .filter(refresh_tokens::locator.eq(locator));
    each!(link.write(), db => diesel::delete(row).execute(db)).map_err(on(TOKENS, "delete"))
}

/// Removes tokens whose families were due, in one statement for each tenant.
pub(crate) fn remove_all_due_tokens(link: &mut Link, keys: &[RowKey]) -> Result<usize> {
    remove_by_tenant(keys, |tenant, locators| {
        let rows = refresh_tokens::table
            .filter(refresh_tokens::tenant_id.eq(tenant))
            .filter(refresh_tokens::locator.eq_any(locators));
        diesel::delete(rows).execute(link.write()).map_err(on(TOKENS, "delete"))
    })
}

/// At most `limit` families that have expired, of all tenants.
pub(crate) fn due_families(link: &mut Link, now: Timestamp, limit: i64) -> Result<Vec<RowKey>> {
    refresh_families::table
        .filter(refresh_families::expires_at.le(now.millis()))
        .select((refresh_families::tenant_id, refresh_families::locator))
        .order(refresh_families::expires_at)
        .limit(limit)
        .load(link.read())
        .map_err(on(FAMILIES, "select"))
}

/// Removes a family that was due, with what tokens it has left.
pub(crate) fn remove_due_family(link: &mut Link, (tenant, locator): &RowKey) -> Result<usize> {
    let row = refresh_families::table
        .filter(refresh_families::tenant_id.eq(tenant))
        .filter(refresh_families::locator.eq(locator));
    each!(link.write(), db => diesel::delete(row).execute(db)).map_err(on(FAMILIES, "delete"))
}

/// Removes families that were due, with what tokens they have left, in one statement for each tenant.
pub(crate) fn remove_all_due_families(link: &mut Link, keys: &[RowKey]) -> Result<usize> {
    remove_by_tenant(keys, |tenant, locators| {
        let rows = refresh_families::table
            .filter(refresh_families::tenant_id.eq(tenant))
            .filter(refresh_families::locator.eq_any(locators));
        diesel::delete(rows).execute(link.write()).map_err(on(FAMILIES, "delete"))
    })
}
