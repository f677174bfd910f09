//! Two builds of the server, each kind of request in turn: whether a change gave what it was meant to.

use std::path::Path;

use crate::cases::Host;
use crate::context::Context;
use crate::failure::Result;
use crate::install::Guard;
use crate::load::Pace;
use crate::measure::Subject;
use crate::output::{self, line};
use crate::rates::cases;
use crate::samples::{median, range};

/// What one build gave: answers per second, processor time per request, and p99.
#[derive(Default)]
struct Side {
    rates: Vec<f64>,
    processor: Vec<f64>,
    p99: Vec<f64>,
}

/// Measures and prints a table.
///
/// # Errors
/// When anything was answered with an error.
pub(crate) fn run(context: &Context, other: &Path) -> Result<()> {
    let servers = [context.server.as_path(), other]
        .into_iter()
        .zip(["this", "other"])
        .map(|(program, name)| context.install_of(program, name, Guard::Down)?.0.serve())
        .collect::<Result<Vec<_>>>()?;
    line(HEAD)?;
    for case in cases(context).filter(|case| case.host == Host::Countersign) {
        output::progress(case.name);
        let mut sides = [Side::default(), Side::default()];
        let mut worst = Vec::new();
        for _ in 0..context.runs {
            for (server, side) in servers.iter().zip(&mut sides) {
                let subject = Subject { context, case, server };
                let warm = subject.warm_up(Pace::Full, context.span / 4, side.rates.last().copied())?;
                let measured = subject.measure(Pace::Full, Some(warm))?;
                worst.push(measured.cache);
                side.rates.push(measured.observed.per_second);
                side.processor.push(measured.processor);
                side.p99.push(measured.observed.p99);
            }
        }
        line(&row(case.name, &sides, &worst))?;
    }
    Ok(())
}

const HEAD: &str = "
| this build, and the other | per second | range | per second | range | ratio | range | CPU µs | CPU µs | p99 ms | p99 ms | cache ns |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |";

fn row(name: &str, [this, other]: &[Side; 2], cache: &[f64]) -> String {
    let rate = |side: &Side| {
        let (low, high) = range(side.rates.iter().copied());
        format!("{:.0} | {low:.0} – {high:.0}", median(side.rates.iter().copied()))
    };
    let ratios: Vec<_> = this.rates.iter().zip(&other.rates).map(|(this, other)| this / other).collect();
    let (low, high) = range(ratios.iter().copied());
    let of = |values: &[f64]| median(values.iter().copied());
    format!(
        "| {name} | {} | {} | {:.2} | {low:.2} – {high:.2} | {:.0} | {:.0} | {:.1} | {:.1} | {:.0} |",
        rate(this),
        rate(other),
        of(&ratios),
        of(&this.processor),
        of(&other.processor),
        of(&this.p99),
        of(&other.p99),
        of(cache),
    )
}
