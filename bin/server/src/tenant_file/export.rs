//! Stored state → a file that, applied, changes nothing; or that recreates the tenant elsewhere.

use domain::{AuthMethod, Fault, TenantName, encoding, port::StoredClient};
use jose::MasterKey;
use toml::Spanned;

use super::{
    ApplyError,
    document::{ClientDoc, TenantDocument, UserDoc},
    sealed_digest,
    stored::{Stored, StoredUser},
    written,
};
use crate::setup::Setup;

/// Writes a tenant as a file: every policy, client and user with what is kept of their secrets. Private keys and the
/// digests of generated secrets stay sealed under the installation's master key (DECISIONS 5.8).
///
/// # Errors
/// [`ApplyError::NoSuchTenant`], and faults of storage and cryptography.
pub fn export(setup: &Setup, name: &TenantName) -> Result<String, ApplyError> {
    let stored = Stored::read(&setup.database, name)?;
    let Some(tenant) = &stored.tenant else { return Err(ApplyError::NoSuchTenant(name.clone())) };
    let policies = stored.policies.values().map(|policy| written::policy(policy).map(anywhere));
    let clients = stored.clients.values().map(|stored| client(&setup.master, name, stored).map(anywhere));
    let document = TenantDocument {
        name: name.clone(),
        profile: tenant.settings.profile,
        settings: Some(anywhere(written::settings(&tenant.settings))),
        policies: policies.collect::<Result<_, _>>()?,
        clients: clients.collect::<Result<_, _>>()?,
        users: stored.users.values().map(|stored| anywhere(user(stored))).collect(),
        keys: stored.keys.iter().map(|key| anywhere(written::key(key))).collect(),
    };
    let body = toml::to_string_pretty(&document)
        .map_err(|error| Fault::Inconsistent(format!("tenant {name} cannot be written: {error}")))?;
    Ok(format!(
        "# Tenant {name}, as exported. Keep it as you keep a database: it holds hashes of passwords.\n\n{body}"
    ))
}

/// Of what was never in a file.
fn anywhere<T>(value: T) -> Spanned<T> {
    Spanned::new(0..0, value)
}

fn client(master: &MasterKey, tenant: &TenantName, stored: &StoredClient) -> Result<ClientDoc, Fault> {
    let mut doc = written::client(&stored.client);
    if stored.client.auth_methods.contains(&AuthMethod::None) {
        return Ok(doc);
    }
    doc.client_secret_hash = stored.secrets.chosen.as_ref().map(|hash| hash.as_phc().to_owned());
    if let Some(digest) = &stored.secrets.generated {
        let sealed = sealed_digest::seal(master, tenant, &stored.client.client_id, digest)?;
        doc.client_secret_digest = Some(encoding::base64url(&sealed));
    }
    doc.client_secret_sealed = stored.secrets.sealed.as_deref().map(encoding::base64url);
    Ok(doc)
}

fn user(stored: &StoredUser) -> UserDoc {
    let authenticators = stored.authenticators.values().map(|one| anywhere(written::authenticator(one)));
    UserDoc { authenticators: authenticators.collect(), ..written::user(&stored.user) }
}
