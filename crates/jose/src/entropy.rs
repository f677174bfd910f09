//! Randomness from OpenSSL, which the operating system seeds.

use domain::Fault;
use domain::port::Entropy;

/// The process's source of randomness. It has no state of its own; copies are alike.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    #[expect(clippy::disallowed_methods, reason = "the one place that randomness comes from")]
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Fault> {
        openssl::rand::rand_bytes(bytes).or(Err(Fault::Entropy))
    }
}
