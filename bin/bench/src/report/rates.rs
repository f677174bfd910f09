//! Floor, parts, peers and the whole.

use serde_json::{Map, Value, json};

use super::number;
use crate::cases::Host;
use crate::failure::Result;
use crate::formula::{FORMULAS, Formula, efficiency, over_peer};
use crate::load::Observed;
use crate::output::line;
use crate::samples::{Samples, Seen, median, range};

const PEERS: &str = "
| floor and peers | per second | range | p50 ms | p99 ms | CPU µs | others % | load % | cache ns | MB |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |";

const WHOLE: &str = "
| whole | per second | range | p50 ms | p99 ms | CPU µs | others % | load % | cache ns | reads | rows | batches | group | MB | promised | efficiency | × oidc-provider |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |";

const HELD: &str = "
| held | per second | p50 ms | p99 ms | range | slowest ms | late p99 ms | latest ms | others % | others on the load's core % | cache ns |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |";

const DATABASE: &str = "
| over PostgreSQL | round trips per request | database CPU µs |
| --- | ---: | ---: |";

/// Prints the tables.
///
/// # Errors
/// When standard output is closed.
pub(super) fn print(samples: &Samples) -> Result<()> {
    line("\n| part, alone on the core | per second | range |\n| --- | ---: | ---: |")?;
    for (name, rates) in &samples.parts {
        let (low, high) = range(rates.iter().copied());
        line(&format!("| {name} | {:.0} | {low:.0} – {high:.0} |", median(rates.iter().copied())))?;
    }
    line(PEERS)?;
    for host in [Host::Floor, Host::OidcProvider] {
        for (name, seen) in samples.of(host) {
            line(&format!("| {}: {name} | {} | {:.0} |", host.name(), pace(seen), memory(seen)))?;
        }
    }
    line(WHOLE)?;
    for (name, seen) in samples.of(Host::Countersign) {
        line(&whole(samples, name, seen))?;
    }
    line(HELD)?;
    for (name, seen) in samples.of(Host::Countersign) {
        line(&held(name, seen))?;
    }
    if samples.of(Host::Countersign).any(|(_, seen)| seen.trips.is_some()) {
        line(DATABASE)?;
        for (name, seen) in samples.of(Host::Countersign) {
            let processor = median(seen.database.iter().copied());
            line(&format!("| {name} | {} | {processor:.0} |", number(seen.trips, 2)))?;
        }
    }
    line("\nPromised is 1 ÷ the sum of these times:")?;
    for formula in &FORMULAS {
        line(&format!("- {}: {}", formula.name, formula.words()))?;
    }
    Ok(())
}

fn pace(seen: &Seen) -> String {
    let (low, high) = range(seen.full.iter().map(|seen| seen.per_second));
    let of = |what: fn(&Observed) -> f64| median(seen.full.iter().map(what));
    let (p50, p99, busy) = (of(|run| run.p50), of(|run| run.p99), of(|run| run.generator.busy) * 100.0);
    let processor = median(seen.processor.iter().copied());
    let others = median(seen.others.iter().copied()) * 100.0;
    // The load's core is the limit as well.
    let mark = if busy > 90.0 { " (!)" } else { "" };
    let (rate, cache) = (seen.rate(), median(seen.cache.iter().copied()));
    format!(
        "{rate:.0} | {low:.0} – {high:.0} | {p50:.2} | {p99:.2} | {processor:.0} | {others:.0} | {busy:.0}{mark} \
         | {cache:.0}"
    )
}

fn whole(samples: &Samples, name: &str, seen: &Seen) -> String {
    let took = seen.took();
    let promised = Formula::of(name).and_then(|formula| formula.promised(samples));
    format!(
        "| {name} | {} | {:.2} | {:.2} | {:.2} | {:.1} | {:.0} | {} | {} | {} |",
        pace(seen),
        took.reads,
        took.rows,
        took.batches,
        took.group,
        memory(seen),
        number(promised, 0),
        number(efficiency(samples, name), 2),
        number(over_peer(samples, name), 1),
    )
}

fn memory(seen: &Seen) -> f64 {
    median(seen.resident.iter().copied())
}

fn held(name: &str, seen: &Seen) -> String {
    let of = |what: fn(&Observed) -> f64| median(seen.held.iter().map(what));
    let (low, high) = range(seen.held.iter().map(|run| run.p99));
    let bound = seen.held.iter().filter(|run| run.generator.is_bottleneck(true)).count();
    let mark = if bound.saturating_mul(2) > seen.held.len() { " (!)" } else { "" };
    format!(
        "| {name} | {:.0} | {:.2} | {:.2} | {low:.2} – {high:.2} | {:.2} | {:.2}{mark} | {:.2} | {:.0} | {:.0} | {:.0} |",
        seen.held_rate,
        of(|run| run.p50),
        of(|run| run.p99),
        of(|run| run.slowest),
        of(|run| run.generator.late),
        of(|run| run.generator.latest),
        median(seen.held_others.iter().copied()) * 100.0,
        of(|run| run.generator.others) * 100.0,
        median(seen.held_cache.iter().copied()),
    )
}

/// All cases by host and name.
pub(super) fn json(samples: &Samples) -> Value {
    let hosts = [Host::Floor, Host::Countersign, Host::OidcProvider].into_iter().map(|host| {
        let cases =
            samples.of(host).map(|(name, seen)| (name.to_owned(), case_json(samples, host, name, seen)));
        (host.name().to_owned(), Value::Object(cases.collect()))
    });
    Value::Object(hosts.collect::<Map<_, _>>())
}

fn case_json(samples: &Samples, host: Host, name: &str, seen: &Seen) -> Value {
    let took = seen.took();
    let mut value = json!({
        "per_second": seen.rate(), "runs": runs(&seen.full), "processor_us": seen.processor,
        "others": seen.others, "cache_ns": seen.cache, "resident_mb": seen.resident,
    });
    if let (Host::Countersign, Some(members)) = (host, value.as_object_mut()) {
        let formula = Formula::of(name);
        let more = json!({
            "held_per_second": seen.held_rate, "held_runs": runs(&seen.held), "held_others": seen.held_others,
            "held_cache_ns": seen.held_cache,
            "reads_per_request": took.reads, "rows_per_request": took.rows,
            "batches_per_request": took.batches, "batches_per_commit": took.group,
            "round_trips_per_request": seen.trips, "database_processor_us": seen.database,
            "formula": formula.map(Formula::words),
            "promised_per_second": formula.and_then(|formula| formula.promised(samples)),
            "efficiency": efficiency(samples, name), "times_oidc_provider": over_peer(samples, name),
        });
        members.extend(more.as_object().cloned().unwrap_or_default());
    }
    value
}

fn runs(runs: &[Observed]) -> Vec<Value> {
    let run = |run: &Observed| {
        json!({
            "per_second": run.per_second, "answered": run.answered,
            "p50_ms": run.p50, "p99_ms": run.p99, "slowest_ms": run.slowest,
            "load_busy": run.generator.busy, "load_others": run.generator.others,
            "late_p99_ms": run.generator.late, "latest_ms": run.generator.latest,
        })
    };
    runs.iter().map(run).collect()
}
