//! Time. The bench measures durations, so it reads clocks; everything of the kind happens here.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use domain::Timestamp;

/// A sleep may end this much late; the rest of a wait is spent turning.
const COARSE: Duration = Duration::from_millis(2);

/// Now, for durations.
#[expect(clippy::disallowed_methods, reason = "a bench measures durations")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Now, as rows of the database tell it.
#[expect(clippy::disallowed_methods, reason = "rows need a date, and there is no server here to give one")]
pub(crate) fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or_default())
}

/// Waits until `at`, to a few microseconds: timers are good for a millisecond only, and a late request would look like
/// a slow one.
#[expect(clippy::disallowed_methods, reason = "a held rate is a matter of time")]
pub(crate) async fn until(at: Instant) {
    let left = at.saturating_duration_since(now());
    if left > COARSE {
        tokio::time::sleep(left.saturating_sub(COARSE)).await;
    }
    while now() < at {
        tokio::task::yield_now().await;
    }
}

/// Lets the processor go for a while.
#[expect(clippy::disallowed_methods, reason = "polling a server must not be a load by itself")]
pub(crate) fn pause(span: Duration) {
    std::thread::sleep(span);
}
