//! Two builds of the server, each kind of request in turn: whether a change gave what it was meant to.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::cases::{Case, Host};
use crate::chapter::Chapter;
use crate::context::Context;
use crate::failure::Result;
use crate::install::Guard;
use crate::load::Pace;
use crate::measure::Subject;
use crate::output;
use crate::rates::{HELD, cases};
use crate::samples::{median, range};
use crate::serving::Server;

/// What one build gave.
#[derive(Default)]
struct Side {
    /// Answers per second at full pace.
    rates: Vec<f64>,
    /// Microseconds per request.
    processor: Vec<f64>,
    /// At full pace, milliseconds.
    p99: Vec<f64>,
    /// At the held rate, milliseconds.
    held: Vec<f64>,
}

/// Both builds, doing one kind of work.
struct Pair {
    name: &'static str,
    sides: [Side; 2],
    /// The rate that was held, the same for both: a share of what the slower one can do.
    held: f64,
    /// Nanoseconds of a step through the shared cache.
    cache: Vec<f64>,
}

/// Measures them. A case that fails is told and left out; the others go on.
///
/// # Errors
/// When one of the builds does not start.
pub(crate) fn run(context: &Context, other: &Path) -> Result<Chapter> {
    let servers = [
        context.install_of(&context.server, "this", Guard::Down)?.0.serve()?,
        context.install_of(other, "other", Guard::Down)?.0.serve()?,
    ];
    let mut pairs = Vec::new();
    for case in cases(context).filter(|case| case.host == Host::Countersign) {
        match pair(context, case, &servers) {
            Ok(pair) => {
                output::progress(&row(&pair).join(" | "));
                pairs.push(pair);
            }
            Err(failure) => context.failed(&failure),
        }
    }
    let details: Map<_, _> = pairs.iter().map(|pair| (pair.name.to_owned(), details(pair))).collect();
    Ok(Chapter {
        name: "against",
        words: format!("This build against {}, in turn; medians of {} runs:", other.display(), context.runs),
        head: &HEAD,
        rows: pairs.iter().map(row).collect(),
        bars: Vec::new(),
        details: details.into(),
    })
}

fn pair(context: &Context, case: &'static Case, servers: &[Server; 2]) -> Result<Pair> {
    let mut pair = Pair { name: case.name, sides: Default::default(), held: 0.0, cache: Vec::new() };
    for number in 0..context.runs {
        for (server, side) in turn(number, servers, &mut pair.sides) {
            let subject = Subject { context, case, server };
            let warm = subject.warm_up(Pace::Full, context.span / 4, side.rates.last().copied())?;
            let measured = subject.measure(Pace::Full, Some(warm))?;
            pair.cache.push(measured.cache);
            side.rates.push(measured.observed.per_second);
            side.processor.push(measured.processor);
            side.p99.push(measured.observed.p99);
        }
    }
    let slower = pair.sides.iter().map(|side| of(&side.rates)).fold(f64::INFINITY, f64::min);
    pair.held = slower * HELD;
    for number in 0..context.runs {
        for (server, side) in turn(number, servers, &mut pair.sides) {
            let subject = Subject { context, case, server };
            side.held.push(subject.measure(Pace::Held(pair.held), None)?.observed.p99);
        }
    }
    Ok(pair)
}

/// Each build with what is seen of it; the other way round every other time, lest one of them always come first.
fn turn<'a>(
    number: usize,
    servers: &'a [Server; 2],
    [this, other]: &'a mut [Side; 2],
) -> [(&'a Server, &'a mut Side); 2] {
    let [one, two] = servers;
    if number.is_multiple_of(2) { [(one, this), (two, other)] } else { [(two, other), (one, this)] }
}

const HEAD: [&str; 15] = [
    "this build, and the other",
    "per second",
    "range",
    "per second",
    "range",
    "ratio",
    "range",
    "CPU µs",
    "CPU µs",
    "p99 ms",
    "p99 ms",
    "cache ns",
    "held per second",
    "p99 ms",
    "p99 ms",
];

fn row(pair: &Pair) -> Vec<String> {
    let [this, other] = &pair.sides;
    let between = |values: &[f64], digits: usize| {
        let (low, high) = range(values.iter().copied());
        format!("{low:.digits$} – {high:.digits$}")
    };
    let ratios: Vec<_> = this.rates.iter().zip(&other.rates).map(|(this, other)| this / other).collect();
    vec![
        pair.name.to_owned(),
        format!("{:.0}", of(&this.rates)),
        between(&this.rates, 0),
        format!("{:.0}", of(&other.rates)),
        between(&other.rates, 0),
        format!("{:.2}", of(&ratios)),
        between(&ratios, 2),
        format!("{:.0}", of(&this.processor)),
        format!("{:.0}", of(&other.processor)),
        format!("{:.1}", of(&this.p99)),
        format!("{:.1}", of(&other.p99)),
        format!("{:.0}", of(&pair.cache)),
        format!("{:.0}", pair.held),
        format!("{:.1}", of(&this.held)),
        format!("{:.1}", of(&other.held)),
    ]
}

fn of(values: &[f64]) -> f64 {
    median(values.iter().copied())
}

fn details(pair: &Pair) -> Value {
    let side = |side: &Side| {
        json!({
            "per_second": side.rates, "processor_us": side.processor, "p99_ms": side.p99,
            "held_p99_ms": side.held,
        })
    };
    let [this, other] = pair.sides.each_ref().map(side);
    json!({ "this": this, "other": other, "held_per_second": pair.held, "cache_ns": pair.cache })
}
