//! What expiry costs those who get tokens meanwhile.

use std::time::Duration;

use serde_json::json;

use crate::bars::Bar;
use crate::cases::tokens;
use crate::chapter::Chapter;
use crate::context::{Context, Usage, wait_for_expiry};
use crate::failure::{Failure, Result};
use crate::install::Guard;
use crate::load::{self, Course, MOST_LATE, Observed, Pace, Script};
use crate::parts::fill::Rows;
use crate::samples::{median, range};
use crate::serving::Server;
use crate::{clock, output, scrape};

const NAME: &str = "expiry";

/// Share of the maximum that the held rate is.
const HELD: f64 = 0.7;

/// How long the tokens of client `brief` live (`tenant.toml`), and a little.
const BRIEFLY: Duration = Duration::from_millis(3500);

/// Expired tokens that wait when a backlog begins, for each second of a measurement.
const BACKLOG: u32 = 50_000;

/// How many tokens of a backlog are surely written in a second: in files, and in PostgreSQL.
const WRITTEN: [u64; 2] = [10_000, 4000];

/// What is going on meanwhile.
const SCENES: [&str; 3] = ["nothing expires", "as many expire as are issued", "a backlog is worked off"];

/// Measurements of one scene.
#[derive(Default)]
struct Scene {
    runs: Vec<Observed>,
    /// Sessions removed per second.
    removed: Vec<f64>,
    /// Share of the core that other programs took.
    others: Vec<f64>,
}

/// Measures the held rate in turn without expiry, with tokens that live for two seconds, and with a backlog.
///
/// # Errors
/// When anything was answered with an error.
pub(crate) fn run(context: &Context) -> Result<Chapter> {
    let (installation, url) = context.install(NAME, Guard::Expiring)?;
    let server = installation.serve()?;
    one_each(&server)?;
    load::run(server.address, lasting(), Course::full(context.span / 3))?;
    let most = load::run(server.address, lasting(), Course::full(context.span))?.per_second;
    let pace = Pace::Held(most * HELD);
    let mut scenes = [Scene::default(), Scene::default(), Scene::default()];
    for number in 1..=context.runs {
        output::progress(&format!("expiry: run {number} of {}", context.runs));
        for (at, scene) in scenes.iter_mut().enumerate() {
            let scripts = if at == 1 { brief() } else { lasting() };
            match at {
                0 => drop(load::run(server.address, scripts, Course::of(pace, context.span / 6))?),
                1 => drop(load::run(server.address, scripts, Course::of(pace, BRIEFLY))?),
                _ => backlog(context, &url, &server)?,
            }
            let scripts = if at == 1 { brief() } else { lasting() };
            measure(context, &server, scripts, pace, scene)?;
            quiet(&server)?;
        }
    }
    drop(server);
    context.place.remove(NAME)?;
    Ok(chapter(context, most * HELD, &scenes))
}

fn measure(
    context: &Context,
    server: &Server,
    scripts: Vec<Script>,
    pace: Pace,
    scene: &mut Scene,
) -> Result<()> {
    let (before, start) = (scrape::expired(server)?.sessions, Usage::now(context, server)?);
    scene.runs.push(load::run(server.address, scripts, Course::of(pace, context.span))?);
    scene.others.push(Usage::now(context, server)?.since(&start).others(context.span));
    let removed = scrape::expired(server)?.sessions - before;
    scene.removed.push(removed / context.span.as_secs_f64());
    Ok(())
}

/// Writes tokens that will all expire at one moment, and waits until the first of them are removed.
fn backlog(context: &Context, url: &str, server: &Server) -> Result<()> {
    let count = context.span.mul_f64(f64::from(BACKLOG)).as_secs();
    let [files, postgres] = WRITTEN;
    let written = if context.place.postgres().is_some() { postgres } else { files };
    let ahead = count.checked_div(written).unwrap_or_default().saturating_add(3);
    let before = scrape::expired(server)?.sessions;
    context.fill(url, Rows::Sessions, count, i64::try_from(ahead)?, 1_000_000)?;
    if scrape::expired(server)?.sessions > before {
        return Err(Failure::new("a backlog expired before all of it was written"));
    }
    wait_for_expiry(server, before + 1.0, 0.0)
}

/// Waits until nothing expires any more.
fn quiet(server: &Server) -> Result<()> {
    loop {
        let before = scrape::expired(server)?.sessions;
        clock::pause(BRIEFLY);
        wait_for_expiry(server, before, 0.0)?;
        if scrape::expired(server)?.sessions <= before {
            return Ok(());
        }
    }
}

fn lasting() -> Vec<Script> {
    tokens("bench", "lasting", SECRET)
}

fn brief() -> Vec<Script> {
    tokens("bench", "brief", SECRET)
}

/// Of both clients (`tenant.toml`).
const SECRET: &str = "Quartz-Lantern-48";

/// A token for each, so that their secrets are remembered.
fn one_each(server: &Server) -> Result<()> {
    for scripts in [lasting(), brief()] {
        scripts.first().map_or(Ok(()), |script| load::once(server.address, script.request()).map(drop))?;
    }
    Ok(())
}

fn chapter(context: &Context, rate: f64, scenes: &[Scene; 3]) -> Chapter {
    let p99 = |scene: &Scene| median(scene.runs.iter().map(|run| run.p99));
    let row = |(name, scene): (&str, &Scene)| {
        let (low, high) = range(scene.runs.iter().map(|run| run.p99));
        let late = median(scene.runs.iter().map(|run| run.generator.late));
        vec![
            name.to_owned(),
            format!("{:.2}", median(scene.runs.iter().map(|run| run.p50))),
            format!("{:.2}", p99(scene)),
            format!("{low:.2} – {high:.2}"),
            format!("{:.0}", median(scene.removed.iter().copied())),
            format!("{late:.2}{}", if late > MOST_LATE { " (!)" } else { "" }),
            format!("{:.0}", median(scene.others.iter().copied()) * 100.0),
        ]
    };
    let [without, step, backlog] = scenes;
    let times = |scene| Some(p99(scene) / p99(without)).filter(|times| times.is_finite());
    let demand = |what| format!("p99 while {what}: at most 1.2 of that without");
    let runs = |scene: &Scene| {
        json!({
            "p99_ms": scene.runs.iter().map(|run| run.p99).collect::<Vec<_>>(),
            "removed_per_second": scene.removed, "others": scene.others,
            "late_p99_ms": scene.runs.iter().map(|run| run.generator.late).collect::<Vec<_>>(),
        })
    };
    Chapter {
        name: NAME,
        words: format!(
            "`client_credentials` held at {rate:.0} per second while tokens expire; medians of {} runs:",
            context.runs
        ),
        head: &["meanwhile", "p50 ms", "p99 ms", "range", "removed per s", "late p99 ms", "others %"],
        rows: SCENES.into_iter().zip(scenes).map(row).collect(),
        bars: vec![
            Bar::at_most(demand(SCENES[1]), times(step), 1.2),
            Bar::at_most(demand(SCENES[2]), times(backlog), 1.2),
        ],
        details: json!({ "without": runs(without), "in_step": runs(step), "backlog": runs(backlog) }),
    }
}
