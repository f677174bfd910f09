//! A document that was fetched, and how long it counts.

use std::sync::atomic::{AtomicBool, Ordering};

use domain::{Timestamp, Ttl};

use super::document::Document;

/// How long a document is fresh when its `Cache-Control` says nothing, and the bounds of what it may say. Not for long:
/// what somebody takes out of it must not be good for much longer.
const FRESH: i64 = 300;
const FRESH_LEAST: i64 = 30;
const FRESH_MOST: i64 = 3600;
/// For how long after that it is used before the first attempt to fetch it again has ended.
const BESIDE: Ttl = Ttl::from_secs(60);

/// A document that was fetched. Instants are those of a steady clock.
#[derive(Debug)]
pub struct Held<D> {
    /// What it says.
    pub document: D,
    from: (String, bool),
    fetched_at: Timestamp,
    fresh_until: Timestamp,
    /// Whether it could not be fetched again since it is stale.
    is_last: AtomicBool,
}

impl<D: Document> Held<D> {
    /// Fetched at `now` from a URI, with or without private addresses.
    pub(super) fn new(from: (String, bool), document: D, cache_control: &str, now: Timestamp) -> Self {
        let fresh_until = now.plus(freshness(cache_control));
        Self { document, from, fetched_at: now, fresh_until, is_last: AtomicBool::new(false) }
    }

    /// Whether it was fetched since an instant.
    pub fn is_fetched_since(&self, instant: Timestamp) -> bool {
        self.fetched_at >= instant
    }

    /// For how much longer it is fresh; nothing when it is no more.
    pub fn fresh_for(&self, now: Timestamp) -> Ttl {
        self.fresh_until.since(now)
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
        let beside = !self.fresh_until.plus(BESIDE).has_passed(now) || self.is_last.load(Ordering::Relaxed);
        self.is_fresh(now) || (beside && self.is_good(now))
    }

    pub(super) fn could_not_be_fetched_again(&self, now: Timestamp) {
        self.is_last.fetch_or(!self.is_fresh(now), Ordering::Relaxed);
    }
}
/// How long a document is fresh by its `Cache-Control` (RFC 9111 §5.2.2).
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
