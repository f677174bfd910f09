//! Bytes that look random and are the same in every run.

use std::sync::atomic::{AtomicU64, Ordering};

use domain::Fault;
use domain::port::Entropy;
use sha2::{Digest, Sha256};

/// SHA-256 over seed and counter: never twice the same bytes from one instance, always the same from one seed.
#[derive(Debug, Default)]
pub struct SeededEntropy {
    seed: u64,
    counter: AtomicU64,
}

impl SeededEntropy {
    /// Starts at the beginning of the sequence that `seed` names.
    pub const fn new(seed: u64) -> Self {
        Self { seed, counter: AtomicU64::new(0) }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Fault> {
        for chunk in bytes.chunks_mut(32) {
            let count = self.counter.fetch_add(1, Ordering::SeqCst);
            let block = Sha256::new().chain_update(self.seed.to_be_bytes()).chain_update(count.to_be_bytes());
            for (to, from) in chunk.iter_mut().zip(block.finalize()) {
                *to = from;
            }
        }
        Ok(())
    }
}
