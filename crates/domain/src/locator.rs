//! Time-ordered keys of rows.

use crate::{Fault, Timestamp, env::Env};

/// The public, time-ordered half of a token: 48 bits of milliseconds, then 48 random bits (DECISIONS 3.1).
/// Rows are keyed by it, so that inserts append.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Locator([u8; 12]);

impl Locator {
    /// Bytes in a locator.
    pub const LEN: usize = 12;

    /// A new locator for the present moment.
    ///
    /// # Errors
    /// [`Fault::Entropy`] when no randomness can be had.
    pub fn mint(env: &Env<'_>) -> Result<Self, Fault> {
        let mut bytes = [0_u8; Self::LEN];
        let (time, random) = bytes.split_at_mut(6);
        time.copy_from_slice(
            env.now
                .millis()
                .to_be_bytes()
                .last_chunk::<6>()
                .ok_or(Fault::Invariant("an i64 has eight bytes"))?,
        );
        env.entropy.fill(random)?;
        Ok(Self(bytes))
    }

    /// Reads a stored or presented locator; `None` unless there are exactly 12 bytes.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 12] {
        &self.0
    }

    /// When it was made, to the millisecond.
    pub fn minted_at(&self) -> Timestamp {
        let mut bytes = [0_u8; 8];
        for (to, from) in bytes.iter_mut().skip(2).zip(self.0) {
            *to = from;
        }
        Timestamp::from_millis(i64::from_be_bytes(bytes))
    }
}
