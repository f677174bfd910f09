//! Identifiers that are remembered for a while: what may be used once, and what is denied.

use sha2::{Digest, Sha256};

use crate::Timestamp;

/// Why an identifier is remembered. One purpose never answers for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RememberedFor {
    /// A DPoP proof that has been used (RFC 9449 §11.1).
    DpopProof,
    /// A client's assertion that has been used (RFC 7523 §3 item 7).
    ClientAssertion,
    /// An access token without a row of its own that has been revoked (RFC 7009).
    DeniedToken,
    /// A place in a day's quota of open registrations that has been taken.
    Registration,
}

impl RememberedFor {
    /// The stored value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DpopProof => "dpop",
            Self::ClientAssertion => "assertion",
            Self::DeniedToken => "denied",
            Self::Registration => "registration",
        }
    }
}

/// The digest under which an identifier is remembered: 32 bytes, whatever it was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RememberedKey([u8; 32]);

impl RememberedKey {
    /// Digests `parts`, each with its length, so that no two lists of parts give the same key.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }

    /// The same behind an instant that belongs to the identifier: 48 bits of milliseconds take the place of the first
    /// six bytes. Rows are then appended, not scattered. Only for an instant that whoever shows the identifier again
    /// cannot change.
    #[must_use]
    pub fn ordered_by(mut self, at: Timestamp) -> Self {
        for (to, from) in self.0.iter_mut().zip(at.millis().to_be_bytes().into_iter().skip(2)) {
            *to = from;
        }
        self
    }

    /// Its bytes, for storage.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// An identifier to remember.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// Why.
    pub purpose: RememberedFor,
    /// Under which digest.
    pub key: RememberedKey,
    /// From when on it may be forgotten: what it stands for is of no use by then.
    pub expires_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(RememberedKey::of(&[b"ab", b"c"]), RememberedKey::of(&[b"a", b"bc"]));
        assert_ne!(RememberedKey::of(&[b""]), RememberedKey::of(&[]));
    }

    #[test]
    fn an_instant_orders_keys_and_the_rest_still_tells_them_apart() {
        let at = |millis| RememberedKey::of(&[b"x"]).ordered_by(Timestamp::from_millis(millis));
        assert!(at(255) < at(256) && at(1) < at(1_800_000_000_000));
        let other = RememberedKey::of(&[b"y"]).ordered_by(Timestamp::from_millis(1));
        assert_ne!(at(1), other);
        assert_eq!(at(1).as_bytes()[..6], [0, 0, 0, 0, 0, 1]);
    }
}
