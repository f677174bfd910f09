//! Prometheus metrics.

use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry, TextEncoder,
    core::Collector,
};

/// Everything that is measured, in one registry per server.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
    /// `countersign_requests_total{route,outcome}`
    pub requests: IntCounterVec,
    /// `countersign_request_seconds{route}`
    pub seconds: HistogramVec,
    /// `countersign_sql_statements_per_request{route,kind}`
    pub statements: HistogramVec,
    /// `countersign_lane_wait_seconds{lane}`
    pub lane_wait: HistogramVec,
    /// `countersign_cache_total{cache,outcome}`
    pub cache: IntCounterVec,
    /// `countersign_expired_rows_total{table}`
    pub expired: IntCounterVec,
    /// `countersign_clock_steps_total{what}`
    pub clock_steps: IntCounterVec,
    /// `countersign_shed_total{why}`
    pub shed: IntCounterVec,
    /// `countersign_connections_refused_total`
    pub connections_refused: IntCounter,
    /// `countersign_commit_batch_size`
    pub commit_size: Histogram,
    /// `countersign_storage{what}`: storage's own counters, copied when scraped.
    storage: prometheus::IntGaugeVec,
}

impl Metrics {
    /// Makes and registers them.
    ///
    /// # Errors
    /// `prometheus::Error` when a name is malformed or taken, which a test would show.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let lane = vec![0.000_1, 0.000_5, 0.001, 0.005, 0.025, 0.1, 0.5, 2.0];
        let time =
            vec![0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];
        let counts = vec![0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0];
        let metrics = Self {
            requests: counter(
                "countersign_requests_total",
                "Requests by route and outcome.",
                &["route", "outcome"],
            )?,
            seconds: histogram(
                "countersign_request_seconds",
                "Seconds from head to answer.",
                &["route"],
                time,
            )?,
            statements: histogram(
                "countersign_sql_statements_per_request",
                "SQL reads, and rows written, per request.",
                &["route", "kind"],
                counts,
            )?,
            lane_wait: histogram(
                "countersign_lane_wait_seconds",
                "Seconds a job waited for its lane.",
                &["lane"],
                lane,
            )?,
            cache: counter("countersign_cache_total", "Cache look-ups by outcome.", &["cache", "outcome"])?,
            expired: counter(
                "countersign_expired_rows_total",
                "Rows removed because they expired.",
                &["table"],
            )?,
            clock_steps: counter(
                "countersign_clock_steps_total",
                "Steps of the machine's clock: stepped, returned, followed.",
                &["what"],
            )?,
            shed: counter("countersign_shed_total", "What was refused unread under overload.", &["why"])?,
            connections_refused: IntCounter::new(
                "countersign_connections_refused_total",
                "Connections ended at once: their source has its share, or handshakes that wait.",
            )?,
            commit_size: Histogram::with_opts(
                HistogramOpts::new("countersign_commit_batch_size", "Batches in a committed transaction.")
                    .buckets(vec![1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0]),
            )?,
            storage: prometheus::IntGaugeVec::new(
                Opts::new("countersign_storage", "Storage: statements, commits, batches, queue."),
                &["what"],
            )?,
            registry,
        };
        for collector in metrics.collectors() {
            metrics.registry.register(collector)?;
        }
        Ok(metrics)
    }

    fn collectors(&self) -> Vec<Box<dyn Collector>> {
        vec![
            Box::new(self.requests.clone()),
            Box::new(self.seconds.clone()),
            Box::new(self.statements.clone()),
            Box::new(self.lane_wait.clone()),
            Box::new(self.cache.clone()),
            Box::new(self.expired.clone()),
            Box::new(self.clock_steps.clone()),
            Box::new(self.shed.clone()),
            Box::new(self.connections_refused.clone()),
            Box::new(self.commit_size.clone()),
            Box::new(self.storage.clone()),
        ]
    }

    /// The wait histogram of one lane.
    pub fn lane(&self, name: &str) -> Histogram {
        self.lane_wait.with_label_values(&[name])
    }

    /// Notes a cache look-up.
    pub fn cache(&self, cache: &str, hit: bool) {
        self.cache.with_label_values(&[cache, if hit { "hit" } else { "miss" }]).inc();
    }

    /// Copies one of storage's counters.
    pub fn storage(&self, what: &str, value: u64) {
        self.storage.with_label_values(&[what]).set(i64::try_from(value).unwrap_or(i64::MAX));
    }

    /// The text exposition.
    ///
    /// # Errors
    /// `prometheus::Error` when it cannot be encoded.
    pub fn text(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

fn counter(name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
    IntCounterVec::new(Opts::new(name, help), labels)
}

fn histogram(
    name: &str,
    help: &str,
    labels: &[&str],
    buckets: Vec<f64>,
) -> Result<HistogramVec, prometheus::Error> {
    HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets), labels)
}
