//! What a decision may know of the world besides its facts.

use crate::{Fault, port::Entropy, time::Timestamp};

/// The claims of a JWT, or the members of a JSON answer, in insertion order.
pub type Claims = serde_json::Map<String, serde_json::Value>;

/// The time of the request, sampled once, and a source of randomness.
#[derive(Clone, Copy)]
pub struct Env<'a> {
    /// When the request arrived.
    pub now: Timestamp,
    /// Where random bytes come from.
    pub entropy: &'a dyn Entropy,
}

impl Env<'_> {
    /// A number for [`crate::Client::generation`].
    ///
    /// # Errors
    /// [`Fault::Entropy`].
    pub fn generation(&self) -> Result<u64, Fault> {
        let mut bytes = [0; 8];
        self.entropy.fill(&mut bytes)?;
        Ok(u64::from_be_bytes(bytes))
    }
}
