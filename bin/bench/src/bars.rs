//! What the figures have to show, and whether they do.

use crate::cases::Host;
use crate::formula::{efficiency, over_part, over_peer};
use crate::samples::{Samples, median};

/// One demand.
pub(crate) struct Bar {
    /// In words.
    pub(crate) demand: String,
    /// What was found; `None` when this run did not measure it.
    pub(crate) found: Option<f64>,
    /// Whether it is met; `None` when this run did not measure it.
    pub(crate) met: Option<bool>,
}

/// All demands that a run can judge.
pub(crate) fn bars(samples: &Samples) -> Vec<Bar> {
    let mut bars = Vec::new();
    let mut at_least = |demand: String, found: Option<f64>, bar: f64| {
        bars.push(Bar { demand, found, met: found.map(|found| found >= bar) });
    };
    for (name, bar) in [("client_credentials", 0.6), ("introspect", 0.6), ("refresh_token", 0.5)] {
        at_least(format!("{name}: efficiency at least {bar}"), efficiency(samples, name), bar);
    }
    for (name, bar) in [("client_credentials", 4.0), ("introspect", 3.0), ("refresh_token", 3.0)] {
        at_least(format!("{name}: at least {bar} times oidc-provider"), over_peer(samples, name), bar);
    }
    let share = over_part(samples, "userinfo", "openssl speed rsa2048");
    at_least("userinfo: at least 0.75 of openssl speed rsa2048".to_owned(), share, 0.75);

    let machine = samples.case(Host::Countersign, "client_credentials");
    let mut at_most = |demand: &str, found: Option<f64>, bar: f64| {
        bars.push(Bar { demand: demand.to_owned(), found, met: found.map(|found| found <= bar) });
    };
    let took = machine.map(|seen| seen.took);
    // The lock of a remembered secret's source is read anew every 1.5 s, and jobs write a little: hundredths.
    at_most("client_credentials: no read statement per request", took.map(|took| took.reads), 0.01);
    at_most("client_credentials: at most two rows per request", took.map(|took| took.rows), 2.01);
    at_most("client_credentials: one batch per request", took.map(|took| took.batches), 1.01);
    let held = machine.filter(|seen| !seen.held.is_empty());
    let p99 = held.map(|seen| median(seen.held.iter().map(|seen| seen.p99)));
    at_most("client_credentials: p99 below 10 ms at 70 % of the maximum", p99, 10.0);
    bars
}
