//! Carries out [`AdminWrite`]s, each with its precondition.

use domain::{AdminWrite, AuditEvent, Client, ClientSecrets, FamilyEnd, TenantId, User, UserStatus};

use crate::failure::{Failure, Result};
use crate::link::Link;
use crate::table::{
    audit_log, authenticators, clients, policies, refresh, registration_tokens, remembered_ids, sessions,
    signing_keys, source_failures, tenants, users,
};

/// Does all of it in the transaction at hand, in order, and bumps the revision once; or fails somewhere in the
/// middle.
pub(crate) fn all(
    link: &mut Link,
    tenant: TenantId,
    writes: &[AdminWrite],
    audit: &[AuditEvent],
) -> Result<()> {
    if !writes.is_empty() {
        // First, so that administrators of one tenant wait for each other.
        tenants::bump_revision(link, tenant)?;
    }
    writes.iter().try_for_each(|write| one(link, tenant, write))?;
    audit.iter().try_for_each(|event| audit_log::append(link, tenant, event))
}

fn one(link: &mut Link, tenant: TenantId, write: &AdminWrite) -> Result<()> {
    match write {
        AdminWrite::PutSettings(settings) => tenants::put_settings(link, tenant, settings),
        AdminWrite::RequireSettings(seen) => {
            if tenants::settings(link, tenant)? == **seen {
                Ok(())
            } else {
                Err(Failure::Conflict)
            }
        }
        AdminWrite::PutPolicy(policy) => policies::put(link, tenant, policy),
        AdminWrite::RemovePolicy(code) => policies::remove(link, tenant, code),
        AdminWrite::InsertClient(client, secrets) => insert_client(link, tenant, client, secrets),
        AdminWrite::UpdateClient(client) => clients::update(link, tenant, client),
        AdminWrite::SetClientSecrets(id, secrets) => {
            clients::set_secrets(link, tenant, id, secrets)?;
            source_failures::forget_client(link, tenant, id)
        }
        // All changes of a tenant wait for each other at its revision, so what is read here stays.
        AdminWrite::RequireClient(seen) => {
            let stored = clients::one(link, tenant, &seen.client_id)?.ok_or(Failure::Conflict)?;
            if *stored.client == **seen { Ok(()) } else { Err(Failure::Conflict) }
        }
        AdminWrite::UseOnce(id) => remembered_ids::use_once(link, tenant, id),
        AdminWrite::InsertRegistrationToken(token) => registration_tokens::insert(link, tenant, token),
        AdminWrite::UseRegistrationToken(id) => registration_tokens::use_one(link, tenant, id),
        AdminWrite::RemoveRegistrationToken(id) => registration_tokens::remove(link, tenant, id),
        AdminWrite::RemoveClient(id) => clients::remove(link, tenant, id),
        AdminWrite::InsertUser(user) => {
            refuse_client_id(link, tenant, user)?;
            users::insert(link, tenant, user)?;
            tenants::skip_user_id(link, tenant, user.id)
        }
        AdminWrite::UpdateUser(user) => update_user(link, tenant, user),
        AdminWrite::RemoveUser(id) => users::remove(link, tenant, *id),
        AdminWrite::InsertAuthenticator(_)
        | AdminWrite::UpdateAuthenticator { .. }
        | AdminWrite::SetPassword { .. }
        | AdminWrite::ResetAuthenticator(..)
        | AdminWrite::RemoveAuthenticator(..) => change_authenticator(link, tenant, write),
        AdminWrite::InsertKey(key) => signing_keys::insert(link, tenant, key),
        AdminWrite::SupersedeKey { kid, verify_from, retired_at } => {
            signing_keys::supersede(link, tenant, kid, *verify_from, *retired_at)
        }
        AdminWrite::RemoveKey(kid) => signing_keys::remove(link, tenant, kid),
    }
}

fn update_user(link: &mut Link, tenant: TenantId, user: &User) -> Result<()> {
    refuse_client_id(link, tenant, user)?;
    users::update(link, tenant, user)?;
    if user.status == UserStatus::Disabled {
        // The families and authenticators first: whoever is opening a session through one has committed by then, or
        // will conflict.
        refresh::end_of_user(link, tenant, user.id, FamilyEnd::Disabled)?;
        authenticators::outdate(link, tenant, user.id)?;
        sessions::remove_user(link, tenant, user.id)?;
    }
    Ok(())
}

fn change_authenticator(link: &mut Link, tenant: TenantId, write: &AdminWrite) -> Result<()> {
    match write {
        AdminWrite::InsertAuthenticator(authenticator) => authenticators::insert(link, tenant, authenticator),
        AdminWrite::UpdateAuthenticator { user_id, policy, status, valid_from, valid_until } => {
            let valid = (*valid_from, *valid_until);
            authenticators::set_validity(link, tenant, (*user_id, policy), *status, valid)
        }
        AdminWrite::SetPassword { user_id, policy, credential, valid_until } => {
            authenticators::set_password(link, tenant, (*user_id, policy), credential, *valid_until)
        }
        AdminWrite::ResetAuthenticator(user, policy) => authenticators::reset(link, tenant, (*user, policy)),
        AdminWrite::RemoveAuthenticator(user, policy) => {
            authenticators::remove(link, tenant, (*user, policy))
        }
        _ => Ok(()),
    }
}

/// What stands for a user in tokens is never equal to a client id (DECISIONS 2, RFC 9068 §5): nobody could tell user
/// from machine. That is the opaque id, and where tokens have names, the name. The tenant's row is locked, so what is read
/// here stays.
fn insert_client(link: &mut Link, tenant: TenantId, client: &Client, secrets: &ClientSecrets) -> Result<()> {
    let id = client.client_id.as_str();
    if users::is_subject(link, tenant, id)?
        || tenants::names_users(link, tenant)? && users::named(link, tenant, id)?.is_some()
    {
        return Err(Failure::Conflict);
    }
    clients::insert(link, tenant, client, secrets)
}

fn refuse_client_id(link: &mut Link, tenant: TenantId, user: &User) -> Result<()> {
    let taken = clients::is_taken(link, tenant, user.subject_id.as_str())?
        || tenants::names_users(link, tenant)? && clients::is_taken(link, tenant, &user.user_name)?;
    if taken { Err(Failure::Conflict) } else { Ok(()) }
}
