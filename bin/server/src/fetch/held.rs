//! A document that was fetched, and how long it counts.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, Ordering},
};

use domain::{Timestamp, Ttl};

use super::document::Document;

/// How long a document is fresh when its `Cache-Control` says nothing, and the bounds of what it may say. Not for long:
/// what somebody takes out of it must not be good for much longer.
const FRESH: i64 = 300;
const FRESH_LEAST: i64 = 30;
const FRESH_MOST: i64 = 3600;
/// For how long after that, or after an attempt to fetch it again has failed, it is used before another one has ended.
const BESIDE: Ttl = Ttl::from_secs(60);

/// A document as it came.
pub(super) struct Read<D> {
    pub(super) document: D,
    /// From so many.
    pub(super) bytes: usize,
    /// For how long it is fresh.
    pub(super) fresh_for: Ttl,
}

/// A document that was fetched. Instants are those of a steady clock.
#[derive(Debug)]
pub struct Held<D> {
    /// What it says.
    pub document: D,
    /// What it counts for in memory.
    weight: u32,
    from: (String, bool),
    fetched_at: Timestamp,
    fresh_until: Timestamp,
    /// When it could last not be fetched again, milliseconds.
    failed_at: AtomicI64,
    /// Whether it has been believed.
    counted: AtomicBool,
}

/// What is held of one document.
#[derive(Debug)]
pub struct Kept<D> {
    /// What was fetched last.
    pub newest: Arc<Held<D>>,
    /// What was believed last, where that is not it, of those that are signed.
    pub before: Option<Arc<Held<D>>>,
}

impl<D: Document> Kept<D> {
    /// What is held once `next` was fetched.
    pub(super) fn then(last: Option<&Self>, next: Held<D>) -> Self {
        let believed = last.filter(|_| D::SIGNED).and_then(|last| {
            if last.newest.counted.load(Ordering::Relaxed) {
                Some(Arc::clone(&last.newest))
            } else {
                last.before.clone()
            }
        });
        Self { newest: Arc::new(next), before: believed }
    }

    pub(super) fn weight(&self) -> u32 {
        let before = self.before.as_ref().map_or(0, |held| held.weight);
        self.newest.weight.saturating_add(before)
    }
}

impl<D: Document> Held<D> {
    /// Fetched at `now` from a URI, with or without private addresses.
    pub(super) fn new(from: (String, bool), read: Read<D>, now: Timestamp) -> Self {
        let fresh_until = now.plus(read.fresh_for);
        Self {
            weight: read.document.weight(read.bytes),
            document: read.document,
            from,
            fetched_at: now,
            fresh_until,
            failed_at: AtomicI64::new(i64::MIN),
            counted: AtomicBool::new(false),
        }
    }

    pub(super) const fn fetched_at(&self) -> Timestamp {
        self.fetched_at
    }

    /// Whether it was fetched since an instant.
    pub fn is_fetched_since(&self, instant: Timestamp) -> bool {
        self.fetched_at >= instant
    }

    /// For how much longer it is fresh; nothing when it is no more.
    pub fn fresh_for(&self, now: Timestamp) -> Ttl {
        self.fresh_until.since(now)
    }

    /// Notes that it was believed.
    pub fn counts(&self) {
        self.counted.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_from(&self, uri: &str, private: bool) -> bool {
        self.from.0 == uri && self.from.1 == private
    }

    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        !self.fresh_until.has_passed(now)
    }

    /// Whether it may be used at all.
    pub(super) fn is_good(&self, now: Timestamp) -> bool {
        !self.fresh_until.plus(D::STALE).has_passed(now)
    }

    /// Whether it is used without waiting for another. Whoever was not asked for long is asked first: what was taken out
    /// of the document since should not count once more.
    pub(super) fn is_for_now(&self, now: Timestamp) -> bool {
        let failed = Timestamp::from_millis(self.failed_at.load(Ordering::Relaxed));
        let beside = [self.fresh_until, failed].iter().any(|since| !since.plus(BESIDE).has_passed(now));
        self.is_fresh(now) || (beside && self.is_good(now))
    }

    pub(super) fn could_not_be_fetched_again(&self, now: Timestamp) {
        self.failed_at.store(now.millis(), Ordering::Relaxed);
    }
}

/// How long a document is fresh by its `Cache-Control` (RFC 9111 §5.2.2), less what it has aged in caches on the way (§5.1).
pub fn freshness(cache_control: &str, age: &str) -> Ttl {
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
    // Of several the first counts, and one that is none does not (§5.1).
    let age =
        age.split(',').next().map(str::trim).filter(|age| age.bytes().all(|byte| byte.is_ascii_digit()));
    let aged = age.filter(|age| !age.is_empty()).map_or(0, |age| age.parse().unwrap_or(i64::MAX));
    Ttl::from_secs(seconds.saturating_sub(aged).clamp(FRESH_LEAST, FRESH_MOST))
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
            assert_eq!(freshness(header, "").secs(), seconds, "{header}");
        }
    }

    #[test]
    fn what_has_aged_on_the_way_is_fresh_for_less() {
        for (header, age, seconds) in [
            ("max-age=600", "200", 400),
            ("max-age=600", "590", 30),
            ("max-age=600", "99999999999999999999", 30),
            ("max-age=600", "-5", 600),
            ("max-age=600", "x", 600),
            ("max-age=600", "200, 100", 400),
            ("max-age=99999", "99000", 999),
            ("", "100", 200),
        ] {
            assert_eq!(freshness(header, age).secs(), seconds, "{header} {age}");
        }
    }
}
