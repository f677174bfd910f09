//! Nonces that no node needs to remember (RFC 9449 §8): each is a keyed digest of the tenant and of a period.

use domain::{TenantId, Timestamp, Ttl, encoding, port::KeyedDigest};

/// How long a nonce is the current one. It is accepted for as long again.
pub const NONCE_PERIOD: Ttl = Ttl::from_secs(180);

const LABEL: &[u8] = b"dpop nonce";
/// Bytes of the digest that go into a nonce.
const LENGTH: usize = 18;

/// A tenant's nonces, the same on every node of an installation.
#[derive(Clone, Copy)]
pub struct Nonces<'a> {
    /// The installation's keyed digest.
    pub digest: &'a dyn KeyedDigest,
    /// Whose.
    pub tenant: TenantId,
}

impl Nonces<'_> {
    /// The nonce to give out at `now`.
    pub fn current(&self, now: Timestamp) -> String {
        self.of(period(now))
    }

    /// Whether a presented nonce is that of this period, of the one before, or of the next: another node's clock may
    /// be a little ahead.
    pub fn accept(&self, presented: &str, now: Timestamp) -> bool {
        let this = period(now);
        [this, this.saturating_sub(1), this.saturating_add(1)]
            .iter()
            .any(|period| self.of(*period) == presented)
    }

    fn of(&self, period: i64) -> String {
        let number = self.tenant.number().to_be_bytes();
        let digest = self.digest.keyed(&[LABEL, &[0], &number, &period.to_be_bytes()].concat());
        encoding::base64url(digest.as_bytes().get(..LENGTH).unwrap_or_default())
    }
}

impl std::fmt::Debug for Nonces<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Nonces").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

const fn period(now: Timestamp) -> i64 {
    now.millis().div_euclid(NONCE_PERIOD.millis())
}
