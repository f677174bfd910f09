//! Ports: what engines and the server ask of the world. Synchronous, object-safe, small.

mod crypto;
mod store;

pub use crypto::{Entropy, KeyedDigest, PasswordHash, Sealer, SecretHasher, Signer, Verified};
pub use store::{
    Apply, AuthenticatorLookup, ClientLookup, PolicyLookup, RefreshLookup, RememberedLookup, SessionLookup,
    SourceFailureLookup, StoredClient, TenantPorts, UserLookup,
};
