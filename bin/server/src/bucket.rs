//! Token buckets in front of slow hashes (DECISIONS 5.6).

use std::sync::atomic::{AtomicI64, Ordering};

use domain::{TenantId, Timestamp};
use moka::sync::Cache;
use std::sync::Arc;

/// Who guesses what: source × authenticator, or client × user. The parts cannot run into each other: each is
/// preceded by its length.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BucketKey(TenantId, String);

impl BucketKey {
    /// A key of a tenant from its parts.
    pub fn new(tenant: TenantId, parts: &[&str]) -> Self {
        let text = parts.iter().fold(String::new(), |text, part| format!("{text}{}:{part}", part.len()));
        Self(tenant, text)
    }
}

/// Buckets by key, bounded in number. Each keeps one number: the instant at which it is full again (GCRA).
#[derive(Debug)]
pub struct Buckets {
    full_at: Cache<BucketKey, Arc<AtomicI64>>,
    interval: i64,
    burst: i64,
}

impl Buckets {
    /// Buckets of `burst` that refill at `per_minute`.
    pub fn new(burst: u32, per_minute: u32) -> Self {
        let interval = 60_000_i64.checked_div(i64::from(per_minute)).unwrap_or(60_000).max(1);
        let idle = interval.saturating_mul(i64::from(burst)).max(1);
        let full_at = Cache::builder()
            .max_capacity(200_000)
            .time_to_idle(std::time::Duration::from_millis(idle.unsigned_abs()))
            .build();
        Self { full_at, interval, burst: i64::from(burst) }
    }

    /// Takes one.
    ///
    /// # Errors
    /// Seconds to wait, at least 1, when the bucket is empty; then nothing is taken.
    pub fn take(&self, key: BucketKey, now: Timestamp) -> Result<(), i64> {
        let full_at = self.full_at.get_with(key, || Arc::new(AtomicI64::new(0)));
        let now = now.millis();
        let room = self.interval.saturating_mul(self.burst.saturating_sub(1));
        // A clock that stepped back must not lock anyone out: nothing lies further ahead than an empty bucket.
        let clamped = |at: i64| at.clamp(now, now.saturating_add(room).saturating_add(self.interval));
        let fits = |at: i64| at.saturating_sub(now) <= room;
        let step = |at: i64| {
            let at = clamped(at);
            Some(if fits(at) { at.saturating_add(self.interval) } else { at })
        };
        let before = full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step).unwrap_or_else(|at| at);
        let at = clamped(before);
        if fits(at) {
            return Ok(());
        }
        let wait = at.saturating_sub(room).saturating_sub(now);
        Err((wait / 1000).saturating_add(1))
    }

    /// Seconds to wait, at least 1, when the bucket is empty. Nothing is taken.
    pub fn wait(&self, key: &BucketKey, now: Timestamp) -> Option<i64> {
        let at = self.full_at.get(key)?.load(Ordering::Relaxed);
        let now = now.millis();
        let room = self.interval.saturating_mul(self.burst.saturating_sub(1));
        let at = at.clamp(now, now.saturating_add(room).saturating_add(self.interval));
        let beyond = at.saturating_sub(now).saturating_sub(room);
        (beyond > 0).then(|| (beyond / 1000).saturating_add(1))
    }

    /// Gives back what was taken, when it turns out to have been no guess.
    pub fn give_back(&self, key: &BucketKey, now: Timestamp) {
        let Some(full_at) = self.full_at.get(key) else { return };
        let step = |at: i64| Some(at.saturating_sub(self.interval).max(now.millis()));
        // It always steps.
        let _before = full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step);
    }
}

#[cfg(test)]
mod tests {
    use domain::Ttl;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "a test names a tenant")]
    fn key(name: &str) -> BucketKey {
        BucketKey::new(TenantId::assume(1), &[name])
    }

    #[test]
    fn refuses_after_the_burst_and_refills_with_time() {
        let buckets = Buckets::new(3, 60);
        let now = Timestamp::from_secs(1000);
        for _ in 0..3 {
            assert_eq!(buckets.take(key("a"), now), Ok(()));
        }
        assert_eq!(buckets.take(key("a"), now), Err(2));
        assert_eq!(buckets.take(key("b"), now), Ok(()));
        assert_eq!(buckets.take(key("a"), now.plus(Ttl::from_secs(1))), Ok(()));
        assert!(buckets.take(key("a"), now.plus(Ttl::from_secs(1))).is_err());
    }

    #[test]
    fn a_look_takes_nothing() {
        let buckets = Buckets::new(2, 60);
        let now = Timestamp::from_secs(1000);
        for _ in 0..2 {
            assert_eq!(buckets.wait(&key("a"), now), None);
            assert_eq!(buckets.take(key("a"), now), Ok(()));
        }
        for _ in 0..9 {
            assert_eq!(buckets.wait(&key("a"), now), Some(2));
        }
        assert_eq!(buckets.wait(&key("a"), now.plus(Ttl::from_secs(1))), None);
        assert_eq!(buckets.wait(&key("a"), Timestamp::from_secs(10)), Some(2), "a clock that stepped back");
    }

    #[test]
    fn what_is_given_back_can_be_taken_again_and_no_more() {
        let buckets = Buckets::new(2, 60);
        let now = Timestamp::from_secs(1000);
        assert!(buckets.take(key("a"), now).is_ok() && buckets.take(key("a"), now).is_ok());
        buckets.give_back(&key("a"), now);
        assert_eq!(buckets.take(key("a"), now), Ok(()));
        assert!(buckets.take(key("a"), now).is_err());
        for _ in 0..9 {
            buckets.give_back(&key("a"), now);
            buckets.give_back(&key("b"), now);
        }
        for name in ["a", "b"] {
            assert!(buckets.take(key(name), now).is_ok() && buckets.take(key(name), now).is_ok(), "{name}");
            assert!(buckets.take(key(name), now).is_err(), "{name}");
        }
    }

    #[test]
    fn a_clock_that_steps_back_locks_nobody_out_for_longer_than_a_burst() {
        let buckets = Buckets::new(2, 60);
        for _ in 0..2 {
            assert!(buckets.take(key("a"), Timestamp::from_secs(10_000)).is_ok());
        }
        let back = Timestamp::from_secs(10);
        assert!(buckets.take(key("a"), back).is_err_and(|wait| wait <= 3));
        assert!(buckets.take(key("a"), back.plus(Ttl::from_secs(2))).is_ok());
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        #[expect(clippy::disallowed_methods, reason = "a test names a tenant")]
        let tenant = TenantId::assume(1);
        assert_ne!(BucketKey::new(tenant, &["ab", "c"]), BucketKey::new(tenant, &["a", "bc"]));
    }
}
