//! What the figures have to show, and whether they do.

use crate::cases::Host;
use crate::formula::{efficiency, over_case, over_part, over_peer};
use crate::pgbench;
use crate::samples::{Samples, Seen, median};

/// Whether a demand is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is.
    Met,
    /// It is not.
    Missed,
    /// What was measured cannot tell.
    Undecided,
    /// This run did not measure it.
    Unmeasured,
}

impl Verdict {
    /// In a table, and in JSON.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Met => "yes",
            Self::Missed => "**no**",
            Self::Undecided => "undecided",
            Self::Unmeasured => "not measured",
        }
    }

    /// Yes or no, if that is known.
    pub(crate) const fn met(self) -> Option<bool> {
        match self {
            Self::Met => Some(true),
            Self::Missed => Some(false),
            Self::Undecided | Self::Unmeasured => None,
        }
    }
}

/// One demand.
#[derive(Clone, Debug)]
pub(crate) struct Bar {
    /// In words.
    pub(crate) demand: String,
    /// What was found; `None` when this run did not measure it.
    pub(crate) found: Option<f64>,
    /// What to hold beside it: how sure it is.
    pub(crate) beside: Option<String>,
    /// Whether it is met.
    pub(crate) verdict: Verdict,
}

impl Bar {
    /// No less than `bar`.
    pub(crate) fn at_least(demand: String, found: Option<f64>, bar: f64) -> Self {
        Self::of(demand, found, |found| found >= bar)
    }

    /// No more than `bar`.
    pub(crate) fn at_most(demand: String, found: Option<f64>, bar: f64) -> Self {
        Self::of(demand, found, |found| found <= bar)
    }

    /// Less than `bar`.
    pub(crate) fn below(demand: String, found: Option<f64>, bar: f64) -> Self {
        Self::of(demand, found, |found| found < bar)
    }

    /// What was not measured.
    pub(crate) fn unmeasured(demand: String) -> Self {
        Self::of(demand, None, |_| false)
    }

    fn of(demand: String, found: Option<f64>, met: impl FnOnce(f64) -> bool) -> Self {
        let verdict = match found.map(met) {
            None => Verdict::Unmeasured,
            Some(true) => Verdict::Met,
            Some(false) => Verdict::Missed,
        };
        Self { demand, found, beside: None, verdict }
    }

    /// The same with words beside what was found.
    pub(crate) fn beside(self, words: String) -> Self {
        Self { beside: Some(words), ..self }
    }

    /// The same if what was measured can tell.
    pub(crate) fn decided_if(self, can_tell: bool) -> Self {
        Self { verdict: if can_tell { self.verdict } else { Verdict::Undecided }, ..self }
    }

    /// What was found, as a cell of a table.
    pub(crate) fn cell(&self) -> String {
        let found = self.found.map_or_else(|| "–".to_owned(), |found| format!("{found:.2}"));
        self.beside.as_ref().map_or_else(|| found.clone(), |beside| format!("{found} ({beside})"))
    }
}

/// What rates have to show: over PostgreSQL a share of what PostgreSQL itself can do, over SQLite all the rest.
pub(crate) fn of_rates(samples: &Samples, postgres: bool) -> Vec<Bar> {
    if postgres {
        let of = |part: &'static str| {
            let share = over_part(samples, "client_credentials", part);
            let bar = Bar::at_least(format!("client_credentials: at least 0.5 of {part}"), share, 0.5);
            // The server commits several batches at once, which neither of the bars does.
            match over_part(samples, "client_credentials", pgbench::GROUPS) {
                Some(share) => bar.beside(format!("{share:.2} of it with 15 times as many in a transaction")),
                None => bar,
            }
        };
        return vec![of(pgbench::BAR), of(pgbench::FEW)];
    }
    let mut bars = Vec::new();
    for (name, bar) in [
        ("client_credentials", 0.6),
        ("introspect", 0.6),
        ("refresh_token", 0.5),
        ("dpop", 0.55),
        ("jwt_access_token", 0.55),
        ("private_key_jwt RS256", 0.55),
        ("private_key_jwt ES256", 0.55),
    ] {
        let demand = format!("{name}: efficiency at least {bar}");
        bars.push(Bar::at_least(demand, efficiency(samples, name), bar));
    }
    for (name, bar) in [("client_credentials", 4.0), ("introspect", 3.0), ("refresh_token", 3.0)] {
        let demand = format!("{name}: at least {bar} times oidc-provider");
        bars.push(Bar::at_least(demand, over_peer(samples, name), bar));
    }
    let share = over_part(samples, "userinfo", "openssl speed rsa2048");
    bars.push(Bar::at_least("userinfo: at least 0.75 of openssl speed rsa2048".to_owned(), share, 0.75));
    let share = over_case(samples, "mtls", "server_tls");
    bars.push(Bar::at_least("mtls: at least 0.9 of server_tls".to_owned(), share, 0.9));
    bars.extend(of_machines(samples));
    bars
}

fn of_machines(samples: &Samples) -> [Bar; 4] {
    let machine = samples.case(Host::Countersign, "client_credentials");
    let at_most = |demand: &str, found: Option<f64>, bar: f64| {
        Bar::at_most(format!("client_credentials: {demand} per request"), found, bar)
    };
    let took = machine.filter(|seen| !seen.took.is_empty()).map(Seen::took);
    let held = machine.filter(|seen| !seen.held.is_empty());
    let p99 = held.map(|seen| median(seen.held.iter().map(|seen| seen.p99)));
    [
        // The lock of a remembered secret's source is read anew every 1.5 s, and jobs write a little: hundredths.
        at_most("no read statement", took.map(|took| took.reads), 0.01),
        at_most("at most two rows", took.map(|took| took.rows), 2.01),
        at_most("one batch", took.map(|took| took.batches), 1.01),
        Bar::below("client_credentials: p99 below 10 ms at 70 % of the maximum".to_owned(), p99, 10.0),
    ]
}
