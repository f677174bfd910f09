//! Access tokens that are JWTs of our own, at our own endpoints: the signature says that we made them, storage whether
//! they still stand.

use domain::{
    Fault, Issuer, Layout, Session, User,
    port::{RefreshLookup as _, RememberedLookup as _, UserLookup as _},
};
use oidc_core::jwt_access::{self, Read, Standing, UserKey};

use super::client;
use crate::extract::Call;

/// Reads a JWT access token of this tenant, whichever layout it was issued in: a token is the tenant's
/// (docs/decisions/0035). `None`: it is none, it has expired, or the tenant is not reached in that layout.
pub fn read(call: &Call, text: &str) -> Option<Read> {
    let (read, layout) = read_to_revoke(call, text)?;
    call.facts.face(layout).map(|_reached| read)
}

/// The same, also of a layout that the tenant is not reached in any more, with that layout. It may be again before the
/// token expires, and what was revoked meanwhile must be dead then.
pub fn read_to_revoke(call: &Call, text: &str) -> Option<(Read, Layout)> {
    if !jwt_access::looks_like_one(text) {
        return None;
    }
    let jws = call.facts.verified(text, call.now)?;
    let (base, tenant) = (call.app.bases().public, &call.facts.tenant.name);
    Layout::ALL.into_iter().find_map(|layout| {
        let issuer = Issuer::laid_out(layout, base, tenant);
        Read::new(&jws.header, &jws.claims, &issuer, &call.env()).map(|read| (read, layout))
    })
}

/// The session that it stands for, with its user, as storage has it now: nothing of this comes from a cache but its
/// client. `None` when it stands no more.
///
/// # Errors
/// Those of storage and of the lane.
pub async fn standing(call: &Call, read: Read) -> Result<Option<(Session, Option<User>)>, Fault> {
    let stored = client::client(call, read.client_id()).await?.filter(|stored| stored.client.enabled);
    let Some(stored) = stored else { return Ok(None) };
    let profile = call.profile(&stored.client);
    let key = read.user.as_deref().map(|sub| UserKey::of(sub, &profile));
    let (denial, family) = (read.denial(), read.family().copied());
    let statements = 1 + u32::from(family.is_some()) + u32::from(key.is_some());
    let client_generation = stored.client.generation;
    let found = call.read(statements, move |store| {
        Ok(Standing {
            client_generation,
            denied: store.remembered(denial.purpose, &denial.key)?,
            family: family.map(|family| store.family(&family)).transpose()?.flatten(),
            user: match key.flatten() {
                Some(UserKey::Name(name)) => store.user_by_name(&name)?,
                Some(UserKey::Subject(subject)) => store.user_by_subject(&subject)?,
                None => None,
            },
        })
    });
    let found = found.await?;
    Ok(read.standing(&found).map(|session| (session, found.user)))
}
