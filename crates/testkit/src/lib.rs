//! Fakes and conformance suites for tests. A dev-dependency only: nothing here protects anything.
//!
//! A rule of storage exists when [`conformance`] has a case for it.

#![expect(clippy::expect_used, reason = "a broken fixture must stop the test that uses it")]

mod builder;
mod clock;
pub mod conformance;
mod crypto;
mod entropy;
mod memory;
mod mute;

pub use builder::{
    AuthenticatorBuilder, ClientBuilder, PolicyBuilder, UserBuilder, a_client, a_policy, a_user,
    an_authenticator, client_id, policy_code, scopes, source, tenant_id,
};
pub use clock::ManualClock;
pub use crypto::{FastDigest, PlainHasher, TestSigner, XorSealer};
pub use entropy::SeededEntropy;
pub use memory::MemoryStore;
pub use mute::first_words;
