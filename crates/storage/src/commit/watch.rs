//! Withdraws what has waited too long.

use std::time::Duration;

use super::queue::Queue;

/// How often it looks, at least and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(100));

/// Until the queue is closed, answers those in it who have waited for longer than `patience`. It has a thread of its
/// own, for the committers may be held up by a disk that does not answer. What waits when the queue is closed is
/// done, as long as that takes.
pub(super) fn run(queue: &Queue, patience: Duration) {
    let pause = (patience / 10).clamp(PAUSES.0, PAUSES.1);
    while queue.stays_open(pause) {
        // Whoever queued something may have been held up before it could say so.
        queue.wake();
        for pending in queue.late(super::now()) {
            pending.withdraw();
        }
    }
}
