//! Whether a server still answers: what is under way, and when something last came to an end.
//!
//! A dead peer is told by the network; one that hangs is told by nobody, and a thread that waits for it cannot be called
//! back. So whoever would join it is refused at once, until something has come to an end again.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// For how long nothing may come to an end while something is under way.
const SILENCE: Duration = Duration::from_secs(2);

/// How long after a failure someone may try all the same.
const PROBE: Duration = Duration::from_secs(1);

/// How long after one who tries and hears nothing another one may. Mostly the silence ends with those who waited first.
const PATIENT_PROBE: Duration = Duration::from_secs(5);

/// The pulse of one kind of work.
pub(crate) struct Pulse {
    what: &'static str,
    born: Instant,
    under_way: AtomicUsize,
    /// Milliseconds since `born`: when something last went well, or began where there was no trouble.
    moved: AtomicU64,
    /// When something last failed; 0 when something has gone well since.
    failed: AtomicU64,
    /// When the next one may try.
    probe: AtomicU64,
    /// Whether the log has been told.
    silent: AtomicBool,
}

/// Work under way. Dropped, it has failed.
pub(crate) struct Beat<'a> {
    pulse: &'a Pulse,
    well: bool,
}

impl Beat<'_> {
    /// The database answered, whatever it said.
    pub(crate) fn went_well(mut self) {
        self.well = true;
    }
}

impl Pulse {
    #[expect(clippy::disallowed_methods, reason = "silence is a duration")]
    pub(crate) fn new(what: &'static str) -> Self {
        Self {
            what,
            born: Instant::now(),
            under_way: AtomicUsize::new(0),
            moved: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            probe: AtomicU64::new(0),
            silent: AtomicBool::new(false),
        }
    }

    /// Begins work.
    pub(crate) fn beat(&self) -> Beat<'_> {
        self.begin(self.now());
        Beat { pulse: self, well: false }
    }

    /// Whether more work may begin: always, but when for a while nothing has gone well; then one in a while, to see.
    pub(crate) fn admits(&self) -> bool {
        let (admits, silent) = self.admits_at(self.now());
        if self.silent.swap(silent, Ordering::AcqRel) != silent {
            if silent {
                tracing::error!(
                    work = self.what,
                    "the database does not answer; requests are refused at once"
                );
            } else {
                tracing::info!(work = self.what, "the database answers again");
            }
        }
        admits
    }

    /// Whether for a while nothing has gone well that should have.
    pub(crate) fn is_silent(&self) -> bool {
        self.is_silent_at(self.now())
    }

    fn is_silent_at(&self, now: u64) -> bool {
        self.is_troubled_at(now) && now.saturating_sub(self.moved.load(Ordering::Acquire)) >= millis(SILENCE)
    }

    /// Whether something has failed a moment ago, and nothing has gone well since: then it is not that one connection
    /// hangs and nobody uses the others.
    pub(crate) fn has_just_failed(&self) -> bool {
        self.has_failed_at(self.now())
    }

    fn has_failed_at(&self, now: u64) -> bool {
        let failed = self.failed.load(Ordering::Acquire);
        failed > 0 && now.saturating_sub(failed) < millis(SILENCE)
    }

    /// Whether something is under way, or has failed a moment ago.
    fn is_troubled_at(&self, now: u64) -> bool {
        self.under_way.load(Ordering::Acquire) > 0 || self.has_failed_at(now)
    }

    /// Whether one more may begin, and whether there is silence.
    fn admits_at(&self, now: u64) -> (bool, bool) {
        if !self.is_silent_at(now) {
            return (true, false);
        }
        let next = self.probe.load(Ordering::Acquire);
        let later = now.saturating_add(millis(PATIENT_PROBE));
        let chosen = now >= next
            && self.probe.compare_exchange(next, later, Ordering::AcqRel, Ordering::Acquire).is_ok();
        (chosen, true)
    }

    fn begin(&self, now: u64) {
        if !self.is_troubled_at(now) {
            self.moved.store(now, Ordering::Release);
        }
        self.under_way.fetch_add(1, Ordering::AcqRel);
    }

    fn end(&self, now: u64, well: bool) {
        if well {
            self.moved.store(now, Ordering::Release);
            // The next silence is another one: its first caller looks at once.
            self.probe.store(0, Ordering::Release);
        } else {
            self.probe.store(now.saturating_add(millis(PROBE)), Ordering::Release);
        }
        self.failed.store(if well { 0 } else { now.max(1) }, Ordering::Release);
        self.under_way.fetch_sub(1, Ordering::AcqRel);
    }

    fn now(&self) -> u64 {
        millis(self.born.elapsed())
    }
}

impl Drop for Beat<'_> {
    fn drop(&mut self) {
        self.pulse.end(self.pulse.now(), self.well);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_while_all_that_is_under_way_hangs_but_for_one_in_a_while() {
        let pulse = Pulse::new("test");
        assert_eq!(pulse.admits_at(9_000), (true, false), "nothing is under way");
        pulse.begin(10_000);
        pulse.begin(11_500);
        assert_eq!(pulse.admits_at(11_999), (true, false));
        assert_eq!(pulse.admits_at(12_000), (true, true), "the first one sees");
        assert_eq!(pulse.admits_at(12_000), (false, true));
        assert_eq!(pulse.admits_at(16_999), (false, true));
        assert_eq!(pulse.admits_at(17_000), (true, true), "another one");
        pulse.end(17_100, true);
        assert_eq!(pulse.admits_at(17_200), (true, false), "one has come to an end");
        assert_eq!(pulse.admits_at(22_100), (true, true), "the other one still hangs");
        pulse.end(22_200, true);
        assert_eq!(pulse.admits_at(99_000), (true, false));
    }

    #[test]
    fn what_fails_does_not_break_the_silence() {
        let pulse = Pulse::new("test");
        pulse.begin(10_000);
        pulse.end(11_500, false);
        pulse.begin(11_600);
        assert_eq!(pulse.admits_at(11_900), (true, false), "one failure is none");
        pulse.end(13_000, false);
        assert_eq!(pulse.admits_at(13_100), (false, true), "nothing has gone well for 3.1 s");
        assert_eq!(pulse.admits_at(14_000), (true, true), "one looks");
        assert_eq!(pulse.admits_at(14_100), (false, true));
        pulse.begin(14_100);
        pulse.end(14_300, true);
        assert_eq!(pulse.admits_at(14_400), (true, false));
        pulse.begin(20_000);
        pulse.end(20_001, false);
        assert_eq!(pulse.admits_at(60_000), (true, false), "a failure of long ago says nothing of now");
    }

    #[test]
    fn one_that_hangs_among_many_that_do_not_is_no_silence() {
        let pulse = Pulse::new("test");
        pulse.begin(0);
        for at in (0_u64..60_000).step_by(1_000) {
            pulse.begin(at);
            pulse.end(at + 10, true);
            assert_eq!(pulse.admits_at(at + 500), (true, false), "{at}");
        }
    }
}
