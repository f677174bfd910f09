//! Where a request came from.

use std::net::{IpAddr, Ipv6Addr};

use crate::Timestamp;

/// A client's network address, with IPv4-mapped IPv6 written as IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceAddr(IpAddr);

impl SourceAddr {
    /// Takes an address as the socket gave it.
    pub fn new(addr: IpAddr) -> Self {
        Self(addr.to_canonical())
    }

    /// The address.
    pub const fn ip(self) -> IpAddr {
        self.0
    }

    /// The unit that counters and locks use: an IPv4 address, or an IPv6 /64, which is what one site is given.
    #[must_use]
    pub fn lock_unit(self) -> Self {
        match self.0 {
            IpAddr::V4(_) => self,
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                Self(IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)))
            }
        }
    }
}

impl std::fmt::Display for SourceAddr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Failures with a *chosen* client secret from one source (DECISIONS 5.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceFailures {
    /// Failures in a row.
    pub consecutive: i64,
    /// Until when this source is locked out of this client; `None` when it is not.
    pub locked_until: Option<Timestamp>,
    /// When the row may be forgotten.
    pub expires_at: Timestamp,
}
