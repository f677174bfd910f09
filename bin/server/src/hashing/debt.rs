//! What wrong secrets have cost: a leaky bucket of processor time for each tenant, and one for all of them together.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use domain::TenantId;

/// One part in so many of the threads' time may go into wrong secrets of one tenant.
const SHARE: u32 = 16;

/// One part in so many may go into wrong secrets of all tenants together.
const SHARE_OF_ALL: u32 = 2;

/// What a tenant may owe before that counts, for each thread: some ten hashes. Beside busy workers a thread takes seconds
/// for them.
const CREDIT: Duration = Duration::from_millis(250);

/// What all together may owe, for each thread.
const CREDIT_OF_ALL: Duration = Duration::from_secs(4);

/// What a tenant may still owe while all together owe too much, for each thread: two or three hashes, for people mistype.
const TOKEN: Duration = Duration::from_millis(60);

/// No tenant owes more, for each thread: what was hashed while nobody else wanted the threads is not held against it
/// for longer than two seconds.
const MOST: Duration = Duration::from_millis(375);

/// Tenants that are looked through for paid debts when another one comes.
const MANY: usize = 1024;

/// Who owes how much, and since when.
#[derive(Debug)]
pub(super) struct Debts {
    threads: u32,
    /// By tenant, with the reading of `paying` at which it was noted.
    owed: HashMap<TenantId, (Duration, Duration)>,
    /// For how long tenants have paid. It stands while all together owe too much: otherwise each of very many tenants
    /// would have paid for its next hash before the others had theirs.
    paying: Duration,
    together: Duration,
    seen: Instant,
}

impl Debts {
    /// Nobody owes anything.
    pub(super) fn new(threads: usize, now: Instant) -> Self {
        Self {
            threads: u32::try_from(threads).unwrap_or(u32::MAX).max(1),
            owed: HashMap::new(),
            paying: Duration::ZERO,
            together: Duration::ZERO,
            seen: now,
        }
    }

    /// A wrong secret took so much of a processor.
    pub(super) fn add(&mut self, tenant: TenantId, took: Duration, now: Instant) {
        self.pay(now);
        if self.owed.len() >= MANY {
            let (threads, paying) = (self.threads, self.paying);
            self.owed.retain(|_, owed| !left(threads, *owed, paying).is_zero());
        }
        let before = self.left(tenant);
        let owed = before.saturating_add(took).min(MOST.saturating_mul(self.threads)).max(before);
        self.together = self.together.saturating_add(owed.saturating_sub(before));
        self.owed.insert(tenant, (owed, self.paying));
    }

    /// Whether a tenant owes more than it may.
    pub(super) fn is_deep(&mut self, tenant: TenantId, now: Instant) -> bool {
        self.pay(now);
        let crowded = self.together > CREDIT_OF_ALL.saturating_mul(self.threads);
        let may = if crowded { TOKEN } else { CREDIT };
        self.left(tenant) > may.saturating_mul(self.threads)
    }

    fn pay(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.seen);
        self.seen = self.seen.max(now);
        let beyond = self.together.saturating_sub(CREDIT_OF_ALL.saturating_mul(self.threads));
        let standing = beyond.saturating_mul(SHARE_OF_ALL) / self.threads;
        self.paying = self.paying.saturating_add(passed.saturating_sub(standing));
        self.together = self.together.saturating_sub(passed.saturating_mul(self.threads) / SHARE_OF_ALL);
    }

    fn left(&self, tenant: TenantId) -> Duration {
        self.owed.get(&tenant).map_or(Duration::ZERO, |owed| left(self.threads, *owed, self.paying))
    }
}

fn left(threads: u32, (owed, since): (Duration, Duration), paying: Duration) -> Duration {
    owed.saturating_sub(paying.saturating_sub(since).saturating_mul(threads) / SHARE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: Duration = Duration::from_millis(25);

    #[expect(clippy::disallowed_methods, reason = "a test names a tenant")]
    fn tenant(id: i64) -> TenantId {
        TenantId::assume(id)
    }

    #[expect(clippy::disallowed_methods, reason = "a test begins somewhere")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn wrong_secrets_of_a_tenant_take_a_sixteenth_of_the_time_after_their_credit() {
        let start = start();
        let (mut debts, flooded, other) = (Debts::new(2, start), tenant(1), tenant(2));
        // Ten minutes of as many guesses as there is room for, with two threads.
        let (mut made, mut now) = (0_u32, start);
        for tick in 0..60_000_u64 {
            now = start + Duration::from_millis(tick * 10);
            if !debts.is_deep(flooded, now) {
                debts.add(flooded, HASH, now);
                made += 1;
            }
        }
        // Half a second on credit, and a sixteenth of twice 600 s.
        let meant = 20 + 75 * 40;
        assert!(made.abs_diff(meant) <= 2, "{made} of {meant}");
        assert!(!debts.is_deep(other, now));
    }

    #[test]
    fn wrong_secrets_of_a_thousand_tenants_take_half_of_the_time_together() {
        let start = start();
        let (mut debts, mut made, mut now) = (Debts::new(1, start), 0_u32, start);
        // Twenty minutes, as many guesses as four threads could make, each at the next tenant that has room.
        for tick in 0..200_000_u64 {
            now = start + Duration::from_millis(tick * 6);
            let guessed = tenant(i64::try_from(tick % 1000).unwrap());
            if !debts.is_deep(guessed, now) {
                debts.add(guessed, HASH, now);
                made += 1;
            }
        }
        // Half of 1,200 s, the credit, and two or three hashes at each tenant before it is noticed.
        let (meant, begun) = (600 * 40, (4 + 75) * 40);
        assert!(made > meant - 100 && made < meant + begun, "{made} of {meant}");
        assert!(!debts.is_deep(tenant(5000), now), "who has not guessed is not refused");
    }

    #[test]
    fn who_mistypes_while_all_together_owe_too_much_is_not_refused_for_it() {
        let start = start();
        let mut debts = Debts::new(1, start);
        for id in 0..1000 {
            debts.add(tenant(id), HASH * 3, start);
        }
        assert!(debts.is_deep(tenant(1), start));
        debts.add(tenant(5000), HASH, start);
        assert!(!debts.is_deep(tenant(5000), start));
        let later = start + Duration::from_mins(5);
        assert!(!debts.is_deep(tenant(1), later));
    }

    #[test]
    fn what_was_hashed_while_there_was_room_is_paid_within_two_seconds() {
        let start = start();
        let mut debts = Debts::new(1, start);
        for _ in 0..10_000 {
            debts.add(tenant(1), HASH, start);
        }
        assert!(debts.is_deep(tenant(1), start + Duration::from_millis(1_900)));
        assert!(!debts.is_deep(tenant(1), start + Duration::from_secs(2)));
    }

    #[test]
    fn paid_debts_are_forgotten_when_there_are_many() {
        let start = start();
        let mut debts = Debts::new(1, start);
        for id in 0..5000 {
            debts.add(tenant(id), Duration::from_millis(1), start + Duration::from_secs(id.unsigned_abs()));
        }
        assert!(debts.owed.len() <= MANY, "{}", debts.owed.len());
    }
}
