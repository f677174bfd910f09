//! Instants and durations. Engines receive the current time in [`crate::Env`]; nothing here reads a clock.

use serde::{Deserialize, Serialize};

/// How far in the future may lie what others have dated as past: their clocks differ from ours (DECISIONS 3.7). What they
/// say ends has no leeway.
pub const SKEW: Ttl = Ttl::from_secs(30);

/// An instant: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// From whole seconds since the epoch; saturates.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// A JWT `NumericDate` in whole seconds (RFC 7519 §2).
    pub const fn as_numeric_date(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This instant, `ttl` later; saturates.
    pub const fn plus(self, ttl: Ttl) -> Self {
        Self(self.0.saturating_add(ttl.0))
    }

    /// This instant, `ttl` earlier; saturates.
    pub const fn minus(self, ttl: Ttl) -> Self {
        Self(self.0.saturating_sub(ttl.0))
    }

    /// How long after `earlier` this instant lies; zero when it lies before.
    pub const fn since(self, earlier: Self) -> Ttl {
        let millis = self.0.saturating_sub(earlier.0);
        Ttl(if millis < 0 { 0 } else { millis })
    }

    /// Whether something that expires at this instant has expired at `now`: the equal case has.
    pub const fn has_passed(self, now: Self) -> bool {
        self.0 <= now.0
    }
}

/// A duration: milliseconds, never negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ttl(i64);

impl Ttl {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// From whole seconds; negative becomes zero, too large saturates.
    pub const fn from_secs(secs: i64) -> Self {
        Self::from_millis(secs.saturating_mul(1000))
    }

    /// From milliseconds; negative becomes zero.
    pub const fn from_millis(millis: i64) -> Self {
        Self(if millis < 0 { 0 } else { millis })
    }

    /// From whole days; saturates.
    pub const fn from_days(days: i64) -> Self {
        Self::from_secs(days.saturating_mul(86_400))
    }

    /// Milliseconds.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds, rounded down.
    pub const fn secs(self) -> i64 {
        self.0 / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_equal_instant_has_passed() {
        let at = Timestamp::from_secs(100);
        assert!(at.has_passed(at));
        assert!(!at.has_passed(at.minus(Ttl::from_millis(1))));
    }

    #[test]
    fn numeric_dates_are_whole_seconds() {
        assert_eq!(Timestamp::from_millis(1_999).as_numeric_date(), 1);
        assert_eq!(Timestamp::from_millis(-1).as_numeric_date(), -1);
    }
}
