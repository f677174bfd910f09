//! Latencies of many millions of answers, in a memory that does not grow with them.

use std::time::Duration;

/// How far two latencies must be apart to be told apart, microseconds.
const STEP: u128 = 50;

/// Steps; what is longer (10 s) counts as the last one.
const STEPS: usize = 200_000;

/// How many answers took how long.
pub(crate) struct Histogram {
    counts: Vec<u32>,
    total: u64,
    longest: Duration,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; STEPS], total: 0, longest: Duration::ZERO }
    }
}

impl Histogram {
    /// Notes one.
    pub(super) fn note(&mut self, latency: Duration) {
        let step = usize::try_from(latency.as_micros() / STEP).unwrap_or(usize::MAX);
        if let Some(count) = self.counts.get_mut(step.min(STEPS.saturating_sub(1))) {
            *count = count.saturating_add(1);
        }
        self.total = self.total.saturating_add(1);
        self.longest = self.longest.max(latency);
    }

    /// How many were noted.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// The latency below which this share (0 to 1) stayed, milliseconds, to the next twentieth; 0 of none.
    #[expect(clippy::cast_precision_loss, reason = "some million answers are exact in an f64")]
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let rank = self.total as f64 * share;
        let mut seen = 0.0;
        for (step, count) in (1_u32..).zip(&self.counts) {
            seen += f64::from(*count);
            if *count > 0 && seen >= rank {
                return (f64::from(step) * STEP as f64 / 1000.0).min(self.longest());
            }
        }
        0.0
    }

    /// The longest, milliseconds.
    pub(crate) fn longest(&self) -> f64 {
        self.longest.as_secs_f64() * 1000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_by_nearest_rank_and_never_told_too_low() {
        let mut histogram = Histogram::default();
        (1..=100).for_each(|millis| histogram.note(Duration::from_micros(millis * 1000 - 10)));
        assert_eq!(histogram.total(), 100);
        let near = |share: f64, millis: f64| (histogram.quantile(share) - millis).abs() < 0.011;
        assert!(near(0.5, 50.0) && near(0.99, 99.0) && near(1.0, 99.99));
    }

    #[test]
    fn what_takes_longer_than_it_can_tell_apart_is_still_the_longest() {
        let mut histogram = Histogram::default();
        histogram.note(Duration::from_secs(30));
        assert!((histogram.longest() - 30_000.0).abs() < 1e-9);
        assert!(histogram.quantile(0.99) >= 10_000.0 && Histogram::default().quantile(0.99) < 1e-9);
    }
}
