//! The result as tables and as JSON.

use serde_json::{Value, json};

use crate::bars::bars;
use crate::cases::Host;
use crate::failure::Result;
use crate::formula::{FORMULAS, Formula, efficiency, over_peer};
use crate::output::line;
use crate::samples::{Samples, Seen, median, range};

/// Prints the tables (Markdown, so that they can be kept).
///
/// # Errors
/// When standard output is closed.
pub(crate) fn print(samples: &Samples) -> Result<()> {
    line("\n| part, alone on the core | per second | range |\n| --- | ---: | ---: |")?;
    for (name, rates) in &samples.parts {
        let (low, high) = range(rates.iter().copied());
        line(&format!("| {name} | {:.0} | {low:.0} – {high:.0} |", median(rates.iter().copied())))?;
    }
    line(
        "\n| floor and peers | per second | range | p50 ms | p99 ms | CPU µs | others % | MB |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    )?;
    for host in [Host::Floor, Host::OidcProvider] {
        for (name, seen) in samples.of(host) {
            line(&format!("| {}: {name} | {} | {:.0} |", host.name(), pace(seen), seen.resident))?;
        }
    }
    line(
        "\n| whole | per second | range | p50 ms | p99 ms | CPU µs | others % | held at | p50 ms | p99 ms | reads | rows | batches | group | MB | promised | efficiency | × oidc-provider |",
    )?;
    line(
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    )?;
    for (name, seen) in samples.of(Host::Countersign) {
        line(&whole(samples, name, seen))?;
    }
    line("\nPromised is 1 ÷ the sum of these times:")?;
    for formula in &FORMULAS {
        line(&format!("- {}: {}", formula.name, formula.words()))?;
    }
    line("\n| bar | found | met |\n| --- | ---: | --- |")?;
    for bar in bars(samples) {
        let met = bar.met.map_or("not measured", |met| if met { "yes" } else { "**no**" });
        line(&format!("| {} | {} | {met} |", bar.demand, number(bar.found, 2)))?;
    }
    Ok(())
}

fn pace(seen: &Seen) -> String {
    let (low, high) = range(seen.full.iter().map(|seen| seen.per_second));
    let p50 = median(seen.full.iter().map(|seen| seen.p50));
    let p99 = median(seen.full.iter().map(|seen| seen.p99));
    let processor = median(seen.processor.iter().copied());
    let others = median(seen.others.iter().copied()) * 100.0;
    let rate = seen.rate();
    format!("{rate:.0} | {low:.0} – {high:.0} | {p50:.2} | {p99:.2} | {processor:.0} | {others:.0}")
}

fn whole(samples: &Samples, name: &str, seen: &Seen) -> String {
    let held = median(seen.held.iter().map(|seen| seen.p99));
    let middle = median(seen.held.iter().map(|seen| seen.p50));
    let took = seen.took;
    let promised = Formula::of(name).and_then(|formula| formula.promised(samples));
    format!(
        "| {name} | {} | {:.0} | {middle:.2} | {held:.2} | {:.2} | {:.2} | {:.2} | {:.1} | {:.0} | {} | {} | {} |",
        pace(seen),
        seen.held_rate,
        took.reads,
        took.rows,
        took.batches,
        took.group,
        seen.resident,
        number(promised, 0),
        number(efficiency(samples, name), 2),
        number(over_peer(samples, name), 1),
    )
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}"))
}

/// Everything, run by run.
pub(crate) fn json(samples: &Samples, settings: &Value) -> Value {
    let hosts = [Host::Floor, Host::Countersign, Host::OidcProvider];
    let cases: serde_json::Map<_, _> = hosts
        .into_iter()
        .map(|host| {
            let cases =
                samples.of(host).map(|(name, seen)| (name.to_owned(), case_json(samples, host, name, seen)));
            (host.name().to_owned(), Value::Object(cases.collect()))
        })
        .collect();
    let bars: Vec<_> = bars(samples)
        .into_iter()
        .map(|bar| json!({ "demand": bar.demand, "found": bar.found, "met": bar.met }))
        .collect();
    json!({ "settings": settings, "parts": samples.parts, "cases": cases, "bars": bars })
}

fn case_json(samples: &Samples, host: Host, name: &str, seen: &Seen) -> Value {
    let runs = |runs: &[crate::load::Observed]| -> Vec<Value> {
        runs.iter()
            .map(|run| {
                json!({
                    "per_second": run.per_second, "answered": run.answered,
                    "p50_ms": run.p50, "p99_ms": run.p99, "slowest_ms": run.slowest,
                })
            })
            .collect()
    };
    let mut value = json!({
        "per_second": seen.rate(), "runs": runs(&seen.full), "processor_us": seen.processor, "others": seen.others, "resident_mb": seen.resident,
    });
    if let (Host::Countersign, Some(members)) = (host, value.as_object_mut()) {
        let formula = Formula::of(name);
        let more = json!({
            "held_per_second": seen.held_rate, "held_runs": runs(&seen.held),
            "reads_per_request": seen.took.reads, "rows_per_request": seen.took.rows,
            "batches_per_request": seen.took.batches, "batches_per_commit": seen.took.group,
            "formula": formula.map(Formula::words),
            "promised_per_second": formula.and_then(|formula| formula.promised(samples)),
            "efficiency": efficiency(samples, name), "times_oidc_provider": over_peer(samples, name),
        });
        members.extend(more.as_object().cloned().unwrap_or_default());
    }
    value
}
