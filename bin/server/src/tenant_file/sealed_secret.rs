//! A generated secret itself, sealed under the master key and bound to tenant and client, for `client_secret_jwt`: the
//! HMAC needs it (DECISIONS 5.5). The tenant's name binds it, so that an export can carry it as it is stored.

use domain::{ClientId, Fault, Secret, TenantName};
use jose::MasterKey;

const LABEL: &str = "client secret";

/// Seals a secret.
///
/// # Errors
/// [`Fault::Crypto`] or [`Fault::Entropy`].
pub fn seal(
    master: &MasterKey,
    tenant: &TenantName,
    client: &ClientId,
    secret: &Secret,
) -> Result<Vec<u8>, Fault> {
    master.seal(LABEL, &bound_to(tenant, client), secret.expose().as_bytes())
}

/// Opens one; `None` when it was sealed for another client or under another key.
pub fn open(master: &MasterKey, tenant: &TenantName, client: &ClientId, sealed: &[u8]) -> Option<Secret> {
    String::from_utf8(master.open(LABEL, &bound_to(tenant, client), sealed)?).ok().map(Secret::new)
}

/// What an export carried, if it opens.
pub(super) fn carried(
    master: &MasterKey,
    tenant: &TenantName,
    client: &ClientId,
    sealed: &[u8],
) -> Option<Vec<u8>> {
    open(master, tenant, client, sealed).map(|_secret| sealed.to_vec())
}

/// A tenant's name has no `/`, so that no two pairs give the same bytes.
fn bound_to(tenant: &TenantName, client: &ClientId) -> Vec<u8> {
    format!("{tenant}/{client}").into_bytes()
}
