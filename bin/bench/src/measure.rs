//! One measurement of one kind of request.

use std::time::Duration;

use crate::cases::{Case, Host};
use crate::context::{Context, Usage};
use crate::failure::Result;
use crate::load::{self, Course, Observed, Pace, Script};
use crate::output;
use crate::scrape::{self, PerRequest};
use crate::serving::Server;

/// What comes before whatever is counted, over the same connections: 32 that begin at once are not the load that is
/// meant, and what the wait for a quiet machine has cooled down is warm again.
pub(crate) const RAMP: Duration = Duration::from_millis(300);

/// Share of the core beyond which other programs are told of.
const DISTURBED: f64 = 0.1;

/// Requests per second at full pace that a run is prepared for as long as none has been seen.
const UNSEEN: f64 = 15_000.0;

/// The fewest that it is prepared for.
const FEWEST: f64 = 9000.0;

/// How much faster than the one before a run may be.
const FASTER: f64 = 1.5;

/// What is measured.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    /// With which settings.
    pub(crate) context: &'a Context,
    /// What is asked.
    pub(crate) case: &'a Case,
    /// Of whom.
    pub(crate) server: &'a Server,
}

/// What one run gave.
pub(crate) struct Measured {
    /// What the load saw.
    pub(crate) observed: Observed,
    /// Statements and commits.
    pub(crate) took: PerRequest,
    /// Microseconds per request.
    pub(crate) processor: f64,
    /// Those of the database server's processes.
    pub(crate) database: f64,
    /// Share of the core.
    pub(crate) others: f64,
    /// Nanoseconds of a step through the shared cache.
    pub(crate) cache: f64,
}

impl Subject<'_> {
    /// Lets it be asked for so long without looking at anything. Answers per second.
    ///
    /// # Errors
    /// When anything was answered with an error, twice.
    pub(crate) fn warm_up(&self, pace: Pace, span: Duration, seen: Option<f64>) -> Result<f64> {
        let course = Course::of(pace, span);
        self.twice(course, seen, |scripts| self.run(scripts, course)).map(|run| run.observed.per_second)
    }

    /// Measures it once when the machine is quiet, after a ramp. `seen` is how many requests per second were answered
    /// before at full pace, if that is known.
    ///
    /// # Errors
    /// When anything was answered with an error, twice.
    pub(crate) fn measure(&self, pace: Pace, seen: Option<f64>) -> Result<Measured> {
        let course = Course::of(pace, self.context.span).after(RAMP);
        self.twice(course, seen, |scripts| {
            // After the scripts are made: by then the quiet would be over.
            let (measured, cache) = self.context.undisturbed(|| self.run(scripts, course))?;
            Ok(Measured { cache, ..measured })
        })
    }

    fn twice(
        &self,
        course: Course,
        seen: Option<f64>,
        work: impl Fn(Vec<Script>) -> Result<Measured>,
    ) -> Result<Measured> {
        let mut room = prepared_for(course, seen);
        self.context.twice(&format!("{}: {}", self.case.host.name(), self.case.name), || {
            let scripts = self.case.scripts(self.server, room)?;
            // It may be void because there were too few.
            room = room.saturating_mul(2);
            work(scripts)
        })
    }

    fn run(&self, scripts: Vec<Script>, course: Course) -> Result<Measured> {
        let Self { context, case, server } = *self;
        let ours = case.host == Host::Countersign;
        let numbers =
            || if ours { scrape::numbers(server, case.route) } else { Ok(scrape::Numbers::default()) };
        let (before, start) = (numbers()?, Usage::now(context, server)?);
        let observed = load::run(case.target(server)?, scripts, course)?;
        let used = Usage::now(context, server)?.since(&start);
        let others = used.others(course.whole());
        self.tell(&observed, others, course.pace);
        #[expect(clippy::cast_precision_loss, reason = "some million answers are exact in an f64")]
        let requests = observed.answered.max(1) as f64;
        let took = numbers()?.since(&before, requests);
        let [processor, database] = [used.server, used.database].map(|used| used * 1e6 / requests);
        Ok(Measured { observed, took, processor, database, others, cache: 0.0 })
    }

    fn tell(&self, observed: &Observed, others: f64, pace: Pace) {
        let (host, name, generator) = (self.case.host.name(), self.case.name, observed.generator);
        if others > DISTURBED {
            output::progress(&format!("{host}: {name}: others took {:.0} % of the core", others * 100.0));
        }
        if generator.is_bottleneck(matches!(pace, Pace::Held(_))) {
            output::progress(&format!("{host}: {name}: the load itself is the bottleneck: {generator:?}"));
        }
    }
}

/// How many requests a run may send.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some million")]
pub(crate) fn prepared_for(course: Course, seen: Option<f64>) -> usize {
    let rate = match course.pace {
        Pace::Held(rate) => rate,
        Pace::Full => seen.map_or(UNSEEN, |seen| (seen * FASTER).max(FEWEST)),
    };
    // A timetable may be rounded up for each connection.
    (rate * course.whole().as_secs_f64()).ceil() as usize + 64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_prepared_for_half_as_much_again_as_was_seen_and_its_ramp() {
        let full = Course::full(Duration::from_secs(2)).after(Duration::from_secs(1));
        assert_eq!(prepared_for(full, Some(10_000.0)), 45_064);
        assert_eq!(prepared_for(full, Some(10.0)), 27_064);
        let held = Course::of(Pace::Held(100.0), Duration::from_secs(2));
        assert_eq!(prepared_for(held, Some(10_000.0)), 264);
    }
}
