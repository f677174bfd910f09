//! Turns to fetch: so many in all, and for one tenant a quarter of them. Slow publishers of one tenant take the turns of
//! that tenant, and leave the others theirs.

use std::{sync::Arc, time::Duration};

use domain::TenantId;
use moka::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// What part of all turns one tenant may have at once.
const PART: usize = 4;

/// All turns.
#[derive(Debug)]
pub(super) struct Turns {
    all: Semaphore,
    share: usize,
    of_tenants: Cache<TenantId, Arc<Semaphore>>,
}

/// One turn, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    _of_tenant: Option<OwnedSemaphorePermit>,
    _of_all: Option<SemaphorePermit<'a>>,
}

impl Turns {
    /// So many in all, at least one.
    pub(super) fn new(most: usize) -> Self {
        // No fetch takes nearly as long as an idle tenant's share is kept.
        let of_tenants = Cache::builder().time_to_idle(Duration::from_hours(1)).build();
        Self { all: Semaphore::new(most.max(1)), share: most.div_ceil(PART).max(1), of_tenants }
    }

    /// Waits for a tenant's turn: first among its own, so that no more than its share ever wait with the others'.
    pub(super) async fn of(&self, tenant: TenantId) -> Turn<'_> {
        let own = self.of_tenants.get_with(tenant, || Arc::new(Semaphore::new(self.share)));
        // Neither semaphore is ever closed.
        let of_tenant = own.acquire_owned().await.ok();
        Turn { _of_tenant: of_tenant, _of_all: self.all.acquire().await.ok() }
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
        let turns = Turns::new(8);
        let mut mine = Vec::new();
        let mut ask = |tenant| match pin!(turns.of(tenant)).as_mut().poll(&mut context) {
            Poll::Ready(turn) => Some(turn),
            Poll::Pending => None,
        };
        for number in 1..=2 {
            mine.push(ask(tenant(1)).unwrap());
            assert_eq!(mine.len(), number);
        }
        assert!(ask(tenant(1)).is_none(), "more than a quarter");
        let other = ask(tenant(2)).unwrap();
        drop(mine.pop());
        assert!(ask(tenant(1)).is_some());
        drop(other);
    }
}
