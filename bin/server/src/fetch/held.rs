//! A set that was fetched, and how long it counts.

use std::sync::atomic::{AtomicBool, Ordering};

use domain::{Timestamp, Ttl};
use jose::{JoseVerifier, KeyChoice, RegisteredCertificates};

/// Longest set, bytes.
pub(super) const LONGEST: usize = 128 * 1024;
/// Most usable keys of one set that are held: an RSA key without `alg` counts for each of its algorithms.
pub(super) const MOST_KEYS_OF_ONE: usize = 32;
/// Most keys of all sets that are held, some 2 KiB each.
pub(super) const MOST_KEYS_OF_ALL: u64 = 20_000;
/// How long a set is fresh when its `Cache-Control` says nothing, and the bounds of what it may say. Not for long: what
/// a client takes out of its set must not be good for much longer.
const FRESH: i64 = 300;
const FRESH_LEAST: i64 = 30;
const FRESH_MOST: i64 = 3600;
/// How much longer it is used while it cannot be fetched.
const STALE: Ttl = Ttl::from_secs(3600);
/// For how long after that it is used before the first attempt to fetch it again has ended.
const BESIDE: Ttl = Ttl::from_secs(60);

/// What a set says.
#[derive(Debug)]
pub(super) struct KeySet {
    verifier: JoseVerifier,
    /// Those that all keys name, and those that the keys without `use` name where there are any.
    certificates: [RegisteredCertificates; 2],
}

impl KeySet {
    /// Reads a set. Takes milliseconds.
    ///
    /// # Errors
    /// Why it is none.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let verifier = JoseVerifier::from_first_of_jwks(text, MOST_KEYS_OF_ONE);
        let certificates = [KeyChoice::Any, KeyChoice::PreferUnmarked]
            .map(|choice| RegisteredCertificates::from_jwks(text, choice));
        Ok(Self { verifier: verifier.map_err(|error| error.to_string())?, certificates })
    }
}

/// A set that was fetched.
#[derive(Debug)]
pub struct HeldKeys {
    /// Its usable keys.
    pub verifier: JoseVerifier,
    certificates: [RegisteredCertificates; 2],
    from: (String, bool),
    fetched_at: Timestamp,
    fresh_until: Timestamp,
    /// Whether it could not be fetched again since it is stale.
    is_last: AtomicBool,
}

impl HeldKeys {
    /// Fetched at `now` from a URI, with or without private addresses.
    pub(super) fn new(from: (String, bool), set: KeySet, cache_control: &str, now: Timestamp) -> Self {
        let fresh_until = now.plus(freshness(cache_control));
        let KeySet { verifier, certificates } = set;
        Self { verifier, certificates, from, fetched_at: now, fresh_until, is_last: AtomicBool::new(false) }
    }

    /// The certificates that its keys of that choice name.
    pub const fn certificates(&self, choice: KeyChoice) -> &RegisteredCertificates {
        let [any, unmarked] = &self.certificates;
        match choice {
            KeyChoice::Any => any,
            KeyChoice::PreferUnmarked => unmarked,
        }
    }

    /// Whether it was fetched since an instant.
    pub fn is_fetched_since(&self, instant: Timestamp) -> bool {
        self.fetched_at >= instant
    }

    pub(super) fn is_from(&self, uri: &str, private: bool) -> bool {
        self.from.0 == uri && self.from.1 == private
    }

    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        !self.fresh_until.has_passed(now)
    }

    /// Whether it may be used at all.
    pub(super) fn is_good(&self, now: Timestamp) -> bool {
        !self.fresh_until.plus(STALE).has_passed(now)
    }

    /// Whether it is used without waiting for another. A client that was quiet for long is asked first: what it has taken
    /// out of its set should not count once more.
    pub(super) fn is_for_now(&self, now: Timestamp) -> bool {
        let beside = !self.fresh_until.plus(BESIDE).has_passed(now) || self.is_last.load(Ordering::Relaxed);
        self.is_fresh(now) || (beside && self.is_good(now))
    }

    pub(super) fn could_not_be_fetched_again(&self, now: Timestamp) {
        self.is_last.fetch_or(!self.is_fresh(now), Ordering::Relaxed);
    }

    /// What it counts for in memory.
    pub(super) fn weight(&self) -> u32 {
        u32::try_from(self.verifier.key_count()).unwrap_or(u32::MAX).saturating_add(1)
    }
}

/// How long a set is fresh by its `Cache-Control` (RFC 9111 §5.2.2).
fn freshness(cache_control: &str) -> Ttl {
    let mut seconds = FRESH;
    for directive in cache_control.split(',').map(|part| part.trim().to_ascii_lowercase()) {
        if directive == "no-store" || directive == "no-cache" {
            seconds = 0;
            break;
        }
        if let Some(value) = directive.strip_prefix("max-age=") {
            seconds = value.trim_matches('"').parse().unwrap_or(FRESH);
        }
    }
    Ttl::from_secs(seconds.clamp(FRESH_LEAST, FRESH_MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cache_control_counts_within_bounds() {
        for (header, seconds) in [
            ("", 300),
            ("public, max-age=600", 600),
            ("Max-Age=5", 30),
            ("max-age=99999999", 3600),
            ("max-age=99999999999999999999999", 300),
            ("max-age=-1", 30),
            ("no-cache, max-age=600", 30),
            ("max-age=600, no-store", 30),
            ("s-maxage=9", 300),
        ] {
            assert_eq!(freshness(header).secs(), seconds, "{header}");
        }
    }
}
