//! Observations of several runs, and their medians.

use std::collections::BTreeMap;

use crate::cases::Host;
use crate::load::Observed;
use crate::scrape::PerRequest;

/// What was seen of one case.
#[derive(Default)]
pub(crate) struct Seen {
    /// At full pace.
    pub(crate) full: Vec<Observed>,
    /// Processor time per request at full pace, microseconds.
    pub(crate) processor: Vec<f64>,
    /// The same of a database server's processes.
    pub(crate) database: Vec<f64>,
    /// Share of the core that other programs took meanwhile.
    pub(crate) others: Vec<f64>,
    /// Nanoseconds of a step through the shared cache at that time.
    pub(crate) cache: Vec<f64>,
    /// At a held rate.
    pub(crate) held: Vec<Observed>,
    /// Nanoseconds of a step through the shared cache while a rate was held.
    pub(crate) held_cache: Vec<f64>,
    /// Share of the core that other programs took while a rate was held.
    pub(crate) held_others: Vec<f64>,
    /// Round trips to a database server per request.
    pub(crate) trips: Option<f64>,
    /// The rate that was held.
    pub(crate) held_rate: f64,
    /// What each run took.
    pub(crate) took: Vec<PerRequest>,
    /// Memory after each run, MB.
    pub(crate) resident: Vec<f64>,
}

impl Seen {
    /// The median rate at full pace.
    pub(crate) fn rate(&self) -> f64 {
        median(self.full.iter().map(|seen| seen.per_second))
    }

    /// The rate of the last run at full pace.
    pub(crate) fn last_rate(&self) -> Option<f64> {
        self.full.last().map(|seen| seen.per_second)
    }

    /// The median of what the runs took, figure by figure.
    pub(crate) fn took(&self) -> PerRequest {
        let of = |what: fn(&PerRequest) -> f64| median(self.took.iter().map(what));
        PerRequest {
            reads: of(|took| took.reads),
            rows: of(|took| took.rows),
            batches: of(|took| took.batches),
            group: of(|took| took.group),
        }
    }

    /// The rate of one run.
    pub(crate) fn rate_of(&self, run: usize) -> Option<f64> {
        self.full.get(run).map(|seen| seen.per_second)
    }
}

/// Everything that was seen.
#[derive(Default)]
pub(crate) struct Samples {
    /// Rates of the parts.
    pub(crate) parts: BTreeMap<String, Vec<f64>>,
    cases: Vec<(Host, &'static str, Seen)>,
}

impl Samples {
    /// One more rate of a part.
    pub(crate) fn part(&mut self, name: &str, rate: f64) {
        self.parts.entry(name.to_owned()).or_default().push(rate);
    }

    /// The rate of a part in one run.
    pub(crate) fn part_of(&self, name: &str, run: usize) -> Option<f64> {
        self.parts.get(name)?.get(run).copied()
    }

    /// The rate of a case in one run.
    pub(crate) fn case_of(&self, host: Host, name: &str, run: usize) -> Option<f64> {
        self.case(host, name)?.rate_of(run)
    }

    /// What was seen of a case.
    pub(crate) fn case(&self, host: Host, name: &str) -> Option<&Seen> {
        self.cases.iter().find(|case| case.0 == host && case.1 == name).map(|case| &case.2)
    }

    /// The same, to add to it.
    pub(crate) fn case_mut(&mut self, host: Host, name: &'static str) -> Option<&mut Seen> {
        if self.case(host, name).is_none() {
            self.cases.push((host, name, Seen::default()));
        }
        self.cases.iter_mut().find(|case| case.0 == host && case.1 == name).map(|case| &mut case.2)
    }

    /// Forgets a case: what was seen of it is not of as many runs as the rest.
    pub(crate) fn forget(&mut self, host: Host, name: &str) {
        self.cases.retain(|case| case.0 != host || case.1 != name);
    }

    /// The cases of a host, in the order in which they were first seen.
    pub(crate) fn of(&self, host: Host) -> impl Iterator<Item = (&'static str, &Seen)> {
        self.cases.iter().filter(move |case| case.0 == host).map(|case| (case.1, &case.2))
    }
}

/// The middle one; of an even number, the lower of the two in the middle. Zero of none.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

/// Where the median is of what some values are a sample of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interval {
    /// At least this,
    pub(crate) low: f64,
    /// at most this,
    pub(crate) high: f64,
    /// with this probability (0 to 1).
    pub(crate) confidence: f64,
}

/// The narrowest interval between two of the values, as far from either end, that holds the median with at least 90 %
/// confidence, whatever their distribution (by the signs of their distances from it); `None` of fewer than five.
pub(crate) fn interval(values: &[f64]) -> Option<Interval> {
    const LEAST: f64 = 0.9;
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = u32::try_from(sorted.len()).ok()?;
    // The probability that exactly, and that fewer than, so many of the values are below the median.
    let (mut exactly, mut fewer) = (0.5_f64.powf(f64::from(count)), 0.0);
    let mut found = None;
    for (below, (low, high)) in (0_u32..).zip(sorted.iter().zip(sorted.iter().rev())) {
        fewer += exactly;
        let confidence = 1.0 - 2.0 * fewer;
        if confidence < LEAST {
            break;
        }
        found = Some(Interval { low: *low, high: *high, confidence });
        exactly *= f64::from(count.saturating_sub(below)) / f64::from(below.saturating_add(1));
    }
    found
}

/// The median over the runs of what each run by itself gives, until one gives nothing. What is compared was measured
/// within a minute or two, so that a disturbance hits both sides.
pub(crate) fn by_run(of_run: impl FnMut(usize) -> Option<f64>) -> Option<f64> {
    let values: Vec<_> = (0..).map_while(of_run).filter(|value| value.is_finite()).collect();
    (!values.is_empty()).then(|| median(values.into_iter()))
}

/// The smallest and the largest.
pub(crate) fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, 0.0), |(low, high), value| (low.min(value), high.max(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one_whatever_the_order() {
        assert!((median([3.0, 1.0, 2.0].into_iter()) - 2.0).abs() < 1e-9);
        assert!((median([4.0, 1.0].into_iter()) - 1.0).abs() < 1e-9);
        assert!(median([].into_iter()).abs() < 1e-9);
    }

    #[test]
    fn an_interval_needs_five_values_and_leaves_out_three_of_fifteen_at_each_end() {
        assert!(interval(&[1.0; 4]).is_none());
        let five = interval(&[5.0, 1.0, 3.0, 2.0, 4.0]).unwrap();
        assert!((five.low - 1.0).abs() < 1e-9 && (five.high - 5.0).abs() < 1e-9);
        assert!((five.confidence - 0.9375).abs() < 1e-9);
        let values: Vec<_> = (1..=15).map(f64::from).collect();
        let fifteen = interval(&values).unwrap();
        assert!((fifteen.low - 4.0).abs() < 1e-9 && (fifteen.high - 12.0).abs() < 1e-9);
        assert!((fifteen.confidence - 0.9648).abs() < 1e-3);
    }
}
