//! The digest of a generated secret, as an export carries it: sealed, because it is worth something only together with
//! the master key that it was made under, and bound to tenant and client.

use domain::{ClientId, Fault, SecretDigest, TenantName};
use jose::MasterKey;

const LABEL: &str = "client secret digest";

/// Seals a digest.
///
/// # Errors
/// [`Fault::Crypto`] or [`Fault::Entropy`].
pub(super) fn seal(
    master: &MasterKey,
    tenant: &TenantName,
    client: &ClientId,
    digest: &SecretDigest,
) -> Result<Vec<u8>, Fault> {
    master.seal(LABEL, &bound_to(tenant, client), digest.as_bytes())
}

/// Opens one; `None` when it was sealed for another client or under another key.
pub(super) fn open(
    master: &MasterKey,
    tenant: &TenantName,
    client: &ClientId,
    sealed: &[u8],
) -> Option<SecretDigest> {
    SecretDigest::from_slice(&master.open(LABEL, &bound_to(tenant, client), sealed)?)
}

/// A tenant's name has no `/`, so that no two pairs give the same bytes.
fn bound_to(tenant: &TenantName, client: &ClientId) -> Vec<u8> {
    format!("{tenant}/{client}").into_bytes()
}
