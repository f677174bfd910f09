//! Removes what has expired, continuously, in small batches (DECISIONS 3.6).

use std::{sync::Arc, time::Duration};

use domain::{Fault, Timestamp, Ttl};
use storage::AuditSweep;
use tokio::time::Instant;

use crate::app::App;

/// How long a backlog may be worked off gently, at a fifth of the time.
const GENTLY: Duration = Duration::from_mins(1);
/// How long then at half of the time, before nothing is more urgent than disk that grows.
const FIRMLY: Duration = Duration::from_mins(5);
/// How many batches are looked for at a time in a file, where a look costs nobody anything but time, and what it finds goes
/// bit by bit; and up to how many rows.
const LOOK_AHEAD: (i64, i64) = (5, 1000);
/// A moment for those who wait to commit, however short a batch was.
const BREATH: Duration = Duration::from_millis(2);

/// Expires for ever: at once again while something is left over, else after the interval. In a file, rows go in the
/// transactions of others and make way by themselves; else there is a pause if anybody has committed meanwhile.
#[expect(clippy::disallowed_methods, reason = "a background job makes way for requests")]
pub(super) async fn run(app: Arc<App>) {
    let jobs = &app.config.raw.jobs;
    let interval = Duration::from_millis(jobs.expiry_interval_ms);
    let (mut ticker, mut audit) = (super::ticker(interval), AuditRound::new(interval));
    loop {
        ticker.tick().await;
        let start = Instant::now();
        audit.wake(start);
        let (mut before, mut committed) = (start, app.database.counters().batches);
        let (mut rows, mut segments) = (true, true);
        loop {
            rows = rows && pass(&app).await;
            segments = segments && audit.step(&app).await;
            if !rows && !segments {
                break;
            }
            let others = app.database.counters().batches;
            if app.database.is_local() || others == committed {
                tokio::task::yield_now().await;
            } else {
                tokio::time::sleep(pause(before.elapsed(), start.elapsed())).await;
            }
            (before, committed) = (Instant::now(), others);
        }
    }
}

/// How long to pause after a batch that took `took`, when there has been something left over for `busy` and others
/// commit meanwhile. A batch makes every commit wait, so it gets a share of the time only. What it took has the wait
/// for the committer in it: the more others there are, the more it makes way.
fn pause(took: Duration, busy: Duration) -> Duration {
    let times = if busy < GENTLY { 4 } else { u32::from(busy < FIRMLY) };
    took.saturating_mul(times).max(BREATH)
}

/// A walk through the tenants for old audit rows. They come of age once a month: when a walk has found none, the next
/// one takes its time.
struct AuditRound {
    rest: Duration,
    after: Option<i64>,
    found: bool,
    due: Option<Instant>,
}

impl AuditRound {
    fn new(interval: Duration) -> Self {
        Self { rest: interval.saturating_mul(60), after: Some(i64::MIN), found: false, due: None }
    }

    fn wake(&mut self, now: Instant) {
        if self.after.is_none() && self.due.is_none_or(|due| now >= due) {
            self.after = Some(i64::MIN);
        }
    }

    /// One step; whether more may be left.
    async fn step(&mut self, app: &Arc<App>) -> bool {
        let Some(after) = self.after.filter(|_| app.removing.is_on(app.clock.steady())) else { return false };
        let jobs = &app.config.raw.jobs;
        let before = segment(app.clock.now(), jobs.audit_retention_months);
        let (database, batch) = (app.database.clone(), jobs.expiry_batch);
        let job = move || database.system().expire_audit(before, batch, after);
        let Some(swept) = done(app.reads.run(job).await) else { return false };
        count(app, "audit_log", swept.removed);
        self.note(swept)
    }

    fn note(&mut self, swept: AuditSweep) -> bool {
        self.found |= swept.removed > 0;
        self.after = swept.next;
        if self.after.is_none() {
            let rest = if std::mem::take(&mut self.found) { Duration::ZERO } else { self.rest };
            self.due = Instant::now().checked_add(rest);
        }
        self.after.is_some()
    }
}

/// One batch of all but the audit log; whether more is left.
async fn pass(app: &Arc<App>) -> bool {
    if !app.removing.is_on(app.clock.steady()) {
        return false;
    }
    let jobs = &app.config.raw.jobs;
    // A clock that is ahead when the server starts must not cost sessions that others may still need.
    let gone = app.clock.now().minus(Ttl::from_secs(jobs.expiry_lag));
    let database = app.database.clone();
    let (times, most) = LOOK_AHEAD;
    let ahead = jobs.expiry_batch.saturating_mul(times).min(most).max(jobs.expiry_batch);
    let batch = if database.is_local() { ahead } else { jobs.expiry_batch };
    let Some(expired) = done(app.reads.run(move || database.system().expire(gone, batch)).await) else {
        return false;
    };
    count(app, "sessions", expired.sessions);
    count(app, "refresh_tokens", expired.refresh_tokens);
    count(app, "refresh_families", expired.refresh_families);
    count(app, "source_failures", expired.source_failures);
    count(app, "remembered_ids", expired.remembered_ids);
    count(app, "registration_tokens", expired.registration_tokens);
    expired.more
}

fn done<T>(result: Result<Result<T, Fault>, Fault>) -> Option<T> {
    let told = |fault| tracing::warn!(%fault, "expiry failed; it will be tried again");
    result.flatten().map_err(told).ok()
}

fn count(app: &App, table: &str, rows: u64) {
    app.metrics.expired.with_label_values(&[table]).inc_by(rows);
}

/// The oldest month that is kept, as `yyyymm`.
fn segment(now: Timestamp, months: u32) -> i32 {
    let date = time::OffsetDateTime::from_unix_timestamp(now.as_numeric_date())
        .unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    let month =
        date.year().saturating_mul(12).saturating_add(i32::from(u8::from(date.month()))).saturating_sub(1);
    let month = month.saturating_sub(i32::try_from(months).unwrap_or(i32::MAX));
    month.div_euclid(12).saturating_mul(100).saturating_add(month.rem_euclid(12)).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_gets_a_fifth_of_the_time_and_more_when_a_backlog_does_not_end() {
        let took = Duration::from_millis(10);
        assert_eq!(pause(took, Duration::ZERO), Duration::from_millis(40));
        assert_eq!(pause(took, GENTLY), took);
        assert_eq!(pause(took, FIRMLY), BREATH);
        assert_eq!(pause(Duration::ZERO, Duration::ZERO), BREATH);
    }

    #[test]
    fn months_are_counted_over_the_turn_of_the_year() {
        let now = Timestamp::from_secs(1_768_000_000); // January 2026
        assert_eq!(segment(now, 0), 202_601);
        assert_eq!(segment(now, 1), 202_512);
        assert_eq!(segment(now, 13), 202_412);
    }
}
