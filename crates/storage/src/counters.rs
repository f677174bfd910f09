//! What storage has done since it was opened.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// Cumulative numbers since the database was opened, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// SELECT statements.
    pub reads: u64,
    /// INSERT, UPDATE and DELETE statements.
    pub writes: u64,
    /// Transactions of the committer that were committed.
    pub commits: u64,
    /// Batches that were committed.
    pub batches: u64,
    /// Batches in those transactions, with those that conflicted; by `commits` it gives the mean size of a group.
    pub commit_size_sum: u64,
    /// Batches that conflicted.
    pub conflicts: u64,
    /// Batches waiting now.
    pub queue_length: u64,
}

/// Who wants to know the size of each group that was committed.
pub(crate) type Observer = Arc<dyn Fn(usize) + Send + Sync>;

/// Who is to be asked to answer the batches of a group: it calls what it is given, once.
pub(crate) type Around = Arc<dyn Fn(&mut dyn FnMut()) + Send + Sync>;

/// The counters while they count.
#[derive(Default)]
pub(crate) struct Meter {
    pub(crate) reads: Count,
    pub(crate) writes: Count,
    pub(crate) commits: Count,
    pub(crate) batches: Count,
    pub(crate) commit_size_sum: Count,
    pub(crate) conflicts: Count,
    observer: RwLock<Option<Observer>>,
    around: RwLock<Option<Around>>,
}

impl Meter {
    /// Replaces whoever was told before.
    pub(crate) fn observe(&self, observer: Observer) {
        *self.observer.write().unwrap_or_else(PoisonError::into_inner) = Some(observer);
    }

    /// Replaces whoever was asked before.
    pub(crate) fn surround(&self, around: Around) {
        *self.around.write().unwrap_or_else(PoisonError::into_inner) = Some(around);
    }

    /// Has a group's batches answered by `answer`.
    pub(crate) fn answering(&self, answer: &mut dyn FnMut()) {
        let around = self.around.read().unwrap_or_else(PoisonError::into_inner).clone();
        match around {
            Some(around) => around(answer),
            None => answer(),
        }
    }

    /// Counts a committed transaction of so many batches.
    pub(crate) fn committed(&self, batches: usize) {
        self.commits.one();
        self.commit_size_sum.add(batches);
        let observer = self.observer.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(observer) = observer {
            observer(batches);
        }
    }

    pub(crate) fn read_out(&self, queue_length: usize) -> Counters {
        Counters {
            reads: self.reads.value(),
            writes: self.writes.value(),
            commits: self.commits.value(),
            batches: self.batches.value(),
            commit_size_sum: self.commit_size_sum.value(),
            conflicts: self.conflicts.value(),
            queue_length: u64::try_from(queue_length).unwrap_or(u64::MAX),
        }
    }
}

/// A number that only grows.
#[derive(Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn one(&self) {
        self.add(1);
    }

    pub(crate) fn add(&self, more: usize) {
        self.0.fetch_add(u64::try_from(more).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
