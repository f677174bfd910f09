//! Turns to fetch: so many in all, for one tenant a quarter of them, and from one host a few. Slow publishers of one tenant
//! take the turns of that tenant, and leave the others theirs.

use std::{sync::Arc, time::Duration};

use domain::TenantId;
use moka::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use super::hosts::{HostTurn, Hosts};

/// What part of all turns one tenant may have at once.
const PART: usize = 4;

/// All turns.
#[derive(Debug)]
pub(super) struct Turns {
    all: Semaphore,
    share: usize,
    of_tenants: Cache<TenantId, Arc<Semaphore>>,
    of_hosts: Hosts,
}

/// One turn, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    _own: Option<OwnedSemaphorePermit>,
    _at_host: HostTurn<'a>,
    _shared: Option<SemaphorePermit<'a>>,
}

impl Turns {
    /// So many in all, at least one, and so many from one host. `None`: as many as one tenant has.
    pub(super) fn new(most: usize, from_a_host: Option<usize>) -> Self {
        // No fetch takes nearly as long as an idle tenant's share is kept.
        let of_tenants = Cache::builder().time_to_idle(Duration::from_hours(1)).build();
        let share = most.div_ceil(PART).max(1);
        let of_hosts = Hosts::new(from_a_host.unwrap_or(share));
        Self { all: Semaphore::new(most.max(1)), share, of_tenants, of_hosts }
    }

    /// Waits for a tenant's turn: first among its own, so that no more than its share ever wait with the others'; then for
    /// the host.
    pub(super) async fn of(&self, tenant: TenantId, host: &str) -> Turn<'_> {
        let own = self.of_tenants.get_with(tenant, || Arc::new(Semaphore::new(self.share)));
        // Neither semaphore is ever closed.
        let own = own.acquire_owned().await.ok();
        let at_host = self.of_hosts.of(host).await;
        Turn { _own: own, _at_host: at_host, _shared: self.all.acquire().await.ok() }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::Future, pin::pin, task::Poll};

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "a test names a tenant")]
    fn tenant(number: i64) -> TenantId {
        TenantId::assume(number)
    }

    #[test]
    fn a_tenant_that_waits_for_turns_leaves_the_others_theirs() {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let turns = Turns::new(8, None);
        let mut mine = Vec::new();
        let mut ask = |tenant, host| match pin!(turns.of(tenant, host)).as_mut().poll(&mut context) {
            Poll::Ready(turn) => Some(turn),
            Poll::Pending => None,
        };
        for (number, host) in [(1, "a.example"), (2, "b.example")] {
            mine.push(ask(tenant(1), host).unwrap());
            assert_eq!(mine.len(), number);
        }
        assert!(ask(tenant(1), "c.example").is_none(), "more than a quarter");
        let other = ask(tenant(2), "c.example").unwrap();
        drop(mine.pop());
        assert!(ask(tenant(1), "c.example").is_some());
        drop(other);
    }

    #[test]
    fn tenants_share_what_one_host_takes_and_have_the_others_to_themselves() {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let turns = Turns::new(8, Some(2));
        let mut ask = |number, host| match pin!(turns.of(tenant(number), host)).as_mut().poll(&mut context) {
            Poll::Ready(turn) => Some(turn),
            Poll::Pending => None,
        };
        let (first, second) = (ask(1, "a.example").unwrap(), ask(2, "a.example").unwrap());
        for number in 1..=3 {
            assert!(ask(number, "a.example").is_none(), "{number}");
            assert!(ask(number, "b.example").is_some(), "{number}: who gave up waiting left nothing behind");
        }
        drop(first);
        assert!(ask(3, "a.example").is_some());
        drop(second);
    }
}
