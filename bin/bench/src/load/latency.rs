//! What a load run observed.

use std::time::Duration;

/// Counts and latencies of a run, or of one connection of it.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Answers with status 200 within the span that counts.
    pub(crate) answered: u64,
    /// All answers with status 200, those of the ramp and those after the end too.
    pub(crate) all: usize,
    /// Answers with status 503 where they are no error.
    pub(crate) refused: u64,
    /// Everything else.
    pub(crate) errors: u64,
    /// What the first of them was.
    pub(crate) first_error: Option<String>,
    /// Each answer's latency, microseconds.
    micros: Vec<u32>,
    /// How much later than intended requests were sent over free connections, microseconds.
    late: Vec<u32>,
}

impl Tally {
    /// Notes a good answer: how long it took, unless it was asked for in the ramp, and whether it came in the span that
    /// counts.
    pub(crate) fn good(&mut self, latency: Option<Duration>, counted: bool) {
        self.answered = self.answered.saturating_add(u64::from(counted));
        self.all = self.all.saturating_add(1);
        self.micros.extend(latency.map(|latency| u32::try_from(latency.as_micros()).unwrap_or(u32::MAX)));
    }

    /// Notes that a request was sent that much later than intended although its connection was free.
    pub(crate) fn sent_late(&mut self, by: Duration) {
        self.late.push(u32::try_from(by.as_micros()).unwrap_or(u32::MAX));
    }

    /// Notes anything else.
    pub(crate) fn bad(&mut self, what: String) {
        self.errors = self.errors.saturating_add(1);
        self.first_error.get_or_insert(what);
    }

    /// Takes another one in.
    pub(crate) fn merge(&mut self, mut other: Self) {
        self.answered = self.answered.saturating_add(other.answered);
        self.all = self.all.saturating_add(other.all);
        self.refused = self.refused.saturating_add(other.refused);
        self.errors = self.errors.saturating_add(other.errors);
        self.micros.append(&mut other.micros);
        self.late.append(&mut other.late);
        if self.first_error.is_none() {
            self.first_error = other.first_error;
        }
    }

    /// The latencies below which these shares (0 to 1) of the answers stayed, milliseconds.
    pub(crate) fn quantiles<const N: usize>(&mut self, shares: [f64; N]) -> [f64; N] {
        self.micros.sort_unstable();
        shares.map(|share| quantile(&self.micros, share))
    }

    /// How late requests were sent over free connections: 99 % of them less, and the latest, milliseconds.
    pub(crate) fn late(&mut self) -> [f64; 2] {
        self.late.sort_unstable();
        [0.99, 1.0].map(|share| quantile(&self.late, share))
    }
}

/// Of sorted microseconds, as milliseconds; 0 of none.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rank among some million answers is exact in an f64"
)]
fn quantile(sorted: &[u32], share: f64) -> f64 {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    let micros = sorted.get(rank.saturating_sub(1)).or_else(|| sorted.last());
    micros.map_or(0.0, |micros| f64::from(*micros) / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_by_nearest_rank() {
        let mut tally = Tally::default();
        (1..=100).rev().for_each(|millis| tally.good(Some(Duration::from_millis(millis)), true));
        let [half, most, all] = tally.quantiles([0.5, 0.99, 1.0]);
        assert!((half - 50.0).abs() < 1e-9 && (most - 99.0).abs() < 1e-9 && (all - 100.0).abs() < 1e-9);
    }

    #[test]
    fn the_first_error_is_kept_when_tallies_are_merged() {
        let mut one = Tally::default();
        let mut two = Tally::default();
        two.bad("status 500".to_owned());
        one.merge(two);
        one.bad("status 503".to_owned());
        assert_eq!((one.errors, one.first_error.as_deref()), (2, Some("status 500")));
    }
}
