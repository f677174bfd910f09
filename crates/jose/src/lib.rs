//! josekit, openssl and argon2 behind the crypto ports of [`domain::port`].
//!
//! No type of those libraries leaves this crate: some of them print their private parts. Algorithms are an explicit
//! allow-list ([`domain::SigningAlg`]); `none`, HMAC and a key used with a foreign algorithm cannot be expressed.

mod argon2_hasher;
mod certificate;
mod der;
mod entropy;
mod hkdf;
mod hs256;
mod jwk;
mod key;
mod master_key;
mod ocsp;
pub mod outside;
mod path;
mod peer;
mod pem;
pub mod pki;
mod registered;
mod revocation;
mod sealer;
mod signature;
mod signer;
mod truststore;
mod verifier;

#[cfg(test)]
mod tests;

pub use argon2_hasher::{Argon2Hasher, Argon2Params, HasherConfigError};
pub use entropy::OsEntropy;
pub use hs256::verify_hs256;
pub use jwk::jwk_thumbprint;
pub use key::{NewKey, generate_key};
pub use master_key::{MasterKey, MasterKeyError};
pub use ocsp::{OcspAnswer, OcspRejected};
pub use path::{Link, Path, Said, Standing, Window};
pub use peer::peer_certificate;
pub use pem::certificates_from_pem;
pub use registered::RegisteredCertificates;
pub use revocation::{Crls, CrlsRejected};
pub use sealer::AesSealer;
pub use signer::OpenSslSigner;
pub use truststore::{Truststore, TruststoreRejected};
pub use verifier::{JoseVerifier, JwsRejected, KeyChoice, ProofKey, VerifiedJws};
