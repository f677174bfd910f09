//! What wrong secrets have cost: a leaky bucket of hashing time for each tenant.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use domain::TenantId;

/// One part in so many of the threads' time may go into wrong secrets of one tenant.
const SHARE: u32 = 8;

/// What may be owed before that counts, for each thread: some forty hashes.
const CREDIT: Duration = Duration::from_secs(1);

/// Tenants that are looked through for paid debts when another one comes.
const MANY: usize = 1024;

/// Who owes how much, and since when.
#[derive(Debug)]
pub(super) struct Debts {
    threads: u32,
    owed: HashMap<TenantId, (Duration, Instant)>,
}

impl Debts {
    /// Nobody owes anything.
    pub(super) fn new(threads: usize) -> Self {
        Self { threads: u32::try_from(threads).unwrap_or(u32::MAX).max(1), owed: HashMap::new() }
    }

    /// A wrong secret took so long.
    pub(super) fn add(&mut self, tenant: TenantId, took: Duration, now: Instant) {
        if self.owed.len() >= MANY {
            let threads = self.threads;
            self.owed.retain(|_, owed| !left(threads, *owed, now).is_zero());
        }
        let owed = self.left(tenant, now).saturating_add(took);
        self.owed.insert(tenant, (owed, now));
    }

    /// Whether a tenant owes more than it may.
    pub(super) fn is_deep(&self, tenant: TenantId, now: Instant) -> bool {
        self.left(tenant, now) > CREDIT.saturating_mul(self.threads)
    }

    fn left(&self, tenant: TenantId, now: Instant) -> Duration {
        self.owed.get(&tenant).map_or(Duration::ZERO, |owed| left(self.threads, *owed, now))
    }
}

fn left(threads: u32, (owed, since): (Duration, Instant), now: Instant) -> Duration {
    owed.saturating_sub(now.saturating_duration_since(since).saturating_mul(threads) / SHARE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "a test names a tenant and an instant")]
    #[test]
    fn wrong_secrets_of_a_tenant_take_an_eighth_of_the_time_after_their_credit() {
        let (mut debts, start) = (Debts::new(2), Instant::now());
        let (flooded, other) = (TenantId::assume(1), TenantId::assume(2));
        let hash = Duration::from_millis(25);
        // Ten minutes of as many guesses as there is room for, with two threads.
        let mut made = 0_u32;
        for tick in 0..60_000_u64 {
            let now = start + Duration::from_millis(tick * 10);
            if !debts.is_deep(flooded, now) {
                debts.add(flooded, hash, now);
                made += 1;
            }
        }
        // 2 s on credit, and an eighth of twice 600 s.
        let meant = (2 + 150) * 40;
        assert!(made.abs_diff(meant) <= 2, "{made} of {meant}");
        assert!(!debts.is_deep(other, start));
    }

    #[expect(clippy::disallowed_methods, reason = "a test names tenants and an instant")]
    #[test]
    fn paid_debts_are_forgotten_when_there_are_many() {
        let (mut debts, start) = (Debts::new(1), Instant::now());
        for id in 0..5000 {
            debts.add(
                TenantId::assume(id),
                Duration::from_millis(1),
                start + Duration::from_secs(id.unsigned_abs()),
            );
        }
        assert!(debts.owed.len() <= MANY, "{}", debts.owed.len());
    }
}
