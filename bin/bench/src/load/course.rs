//! How a run goes: how fast, for how long, and when each connection sends.

use std::time::{Duration, Instant};

use crate::clock;

/// How long after its end a run may still be answered. Whoever is that far behind does not hold the rate at all;
/// whoever is less so shows it in the latencies.
const PATIENCE: Duration = Duration::from_secs(10);

/// How fast to send.
#[derive(Clone, Copy)]
pub(crate) enum Pace {
    /// The next request as soon as the last one is answered.
    Full,
    /// This many requests per second over all connections, come what may. Latency counts from when a request *should*
    /// have been sent, so that a stall of the server delays, and is seen in, every request behind it (coordinated
    /// omission).
    Held(f64),
}

/// How fast, and for how long.
#[derive(Clone, Copy)]
pub(crate) struct Course {
    /// How fast.
    pub(crate) pace: Pace,
    /// At the beginning, over the same connections, and not counted: a run that begins cold tells of the beginning.
    ramp: Duration,
    /// What is counted.
    pub(crate) span: Duration,
}

impl Course {
    /// All of it is counted.
    pub(crate) const fn of(pace: Pace, span: Duration) -> Self {
        Self { pace, ramp: Duration::ZERO, span }
    }

    /// At full pace; all of it is counted.
    pub(crate) const fn full(span: Duration) -> Self {
        Self::of(Pace::Full, span)
    }

    /// The same after a ramp.
    pub(crate) const fn after(self, ramp: Duration) -> Self {
        Self { ramp, ..self }
    }

    /// With the ramp.
    pub(crate) fn whole(self) -> Duration {
        self.ramp.saturating_add(self.span)
    }
}

/// When one connection sends.
pub(super) struct Schedule {
    /// The next intended time, and the time between two, when a rate is held.
    held: Option<(Instant, Duration)>,
    /// The end of the ramp.
    from: Instant,
    end: Instant,
    /// When a held rate is given up.
    late: Instant,
}

impl Schedule {
    /// That of a connection by its number, of so many.
    pub(super) fn new(course: Course, (number, count): (u32, u32), start: Instant) -> Self {
        let held = match course.pace {
            Pace::Full => None,
            Pace::Held(rate) => {
                let interval = Duration::from_secs_f64(f64::from(count) / rate.max(1.0));
                // Connections take turns.
                Some((start + interval.mul_f64(f64::from(number) / f64::from(count)), interval))
            }
        };
        let end = start + course.whole();
        Self { held, from: start + course.ramp, end, late: end + PATIENCE }
    }

    /// When the next request should be sent; `None` at the end.
    pub(super) fn next(&mut self) -> Option<Instant> {
        let at = match &mut self.held {
            None => clock::now(),
            Some((next, interval)) => {
                let at = *next;
                *next += *interval;
                at
            }
        };
        (at < self.end).then_some(at)
    }

    /// Whether what was due then is looked at: not in the ramp.
    pub(super) fn counts(&self, due: Instant) -> bool {
        due >= self.from
    }

    /// Whether what came then came in the span that is counted.
    pub(super) fn covers(&self, done: Instant) -> bool {
        (self.from..=self.end).contains(&done)
    }

    /// Whether what came then came so late that the rate is not held.
    pub(super) fn is_lost(&self, done: Instant) -> bool {
        done > self.late
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_millis(50);

    #[test]
    fn a_held_rate_is_a_timetable_that_connections_share_and_no_answer_moves() {
        let start = clock::now();
        let times = |number| {
            let mut schedule = Schedule::new(Course::of(Pace::Held(100.0), SPAN), (number, 2), start);
            let times = std::iter::from_fn(|| schedule.next());
            times.map(|at| at.saturating_duration_since(start).as_millis()).collect::<Vec<_>>()
        };
        assert_eq!(times(0), [0, 20, 40]);
        assert_eq!(times(1), [10, 30]);
    }

    #[test]
    fn a_ramp_comes_before_the_span_and_does_not_count() {
        let (start, ramp) = (clock::now(), Duration::from_millis(20));
        let course = Course::full(SPAN).after(ramp);
        let schedule = Schedule::new(course, (0, 1), start);
        assert_eq!(course.whole(), Duration::from_millis(70));
        assert!(!schedule.counts(start) && schedule.counts(start + ramp));
        assert!(!schedule.covers(start) && schedule.covers(start + ramp + SPAN));
        assert!(!schedule.covers(start + ramp + SPAN + ramp));
    }
}
