//! What a flood of wrong secrets and passwords against one tenant costs the correct clients of another.

use serde_json::json;

use crate::bars::Bar;
use crate::cases::tokens;
use crate::chapter::Chapter;
use crate::context::{Context, Usage};
use crate::failure::Result;
use crate::install::Guard;
use crate::load::connection::{basic, forwarded};
use crate::load::flood::{CONNECTIONS, Flood, Flooded, Guess, source};
use crate::load::{self, Course, Observed, Script};
use crate::output;
use crate::samples::{by_run, median, range};
use crate::serving::Server;

/// Guesses per second.
const RATE: f64 = 1000.0;

const LINE: &str = "POST /idp/ONLINEBANK/authn/token";

/// Where guesses come from, if there are any.
const SCENES: [(&str, Option<Guess>); 3] = [
    ("nobody guesses", None),
    ("guesses from one address", Some(|number| guess(number, "10.9.9.9"))),
    ("each guess from another address", Some(|number| guess(number, &source(number).to_string()))),
];

/// Measurements of one scene.
#[derive(Default)]
struct Scene {
    runs: Vec<Observed>,
    flooded: Flooded,
    /// Share of the core that other programs took.
    others: Vec<f64>,
}

/// Measures the throughput of a client of `acme` in turn without and with a flood against `ONLINEBANK`. Argon2id and
/// the buckets are as by default.
///
/// # Errors
/// When a correct request was answered with an error.
pub(crate) fn run(context: &Context) -> Result<Chapter> {
    let (installation, _url) = context.install("flood", Guard::Up)?;
    let server = installation.serve()?;
    // Its secret is remembered before thirty-two ask at once, which would be more guesses than one source may make.
    correct().first().map_or(Ok(()), |script| load::once(server.address, script.request()).map(drop))?;
    load::run(server.address, correct(), Course::full(context.span))?;
    let mut scenes = SCENES.map(|_| Scene::default());
    for number in 1..=context.runs {
        output::progress(&format!("flood: run {number} of {}", context.runs));
        for (scene, (_, guess)) in scenes.iter_mut().zip(SCENES) {
            let (observed, flooded, others) =
                context.twice(&format!("flood, run {number}"), || measure(context, &server, guess))?;
            scene.runs.push(observed);
            scene.flooded.merge(&flooded);
            scene.others.push(others);
        }
    }
    drop(server);
    context.place.remove("flood")?;
    Ok(chapter(context, &scenes))
}

fn measure(context: &Context, server: &Server, guess: Option<Guess>) -> Result<(Observed, Flooded, f64)> {
    let flood = guess.map(|guess| Flood { guess, rate: RATE });
    // The first guesses of an address are free; what counts is what comes behind them.
    load::beside(server.address, correct(), Course::full(context.span / 3), flood)?;
    let start = Usage::now(context, server)?;
    let (observed, flooded) = load::beside(server.address, correct(), Course::full(context.span), flood)?;
    let others = Usage::now(context, server)?.since(&start).others(context.span);
    // What the flood has left in queues is not the next scene's.
    load::run(server.address, correct(), Course::full(context.span / 3))?;
    Ok((observed, flooded, others))
}

fn correct() -> Vec<Script> {
    tokens("acme", "acme-m2m", "acme-m2m-secret-0b7c41d2f98e4a63")
}

/// Every other guess is at a client's secret, the rest at the passwords of a user who exists and of users who do not.
fn guess(number: u64, from: &str) -> Vec<u8> {
    let password =
        |user: &str| format!("grant_type=password&client_id=spl-app&username={user}&password=wrong-{number}");
    match number % 4 {
        1 => forwarded(LINE, from, None, &password("alice")),
        3 => forwarded(LINE, from, None, &password(&format!("nobody-{number}"))),
        _ => {
            let wrong = basic("spl-api", &format!("wrong-{number}"));
            forwarded(LINE, from, Some(&wrong), "grant_type=client_credentials")
        }
    }
}

fn chapter(context: &Context, scenes: &[Scene; 3]) -> Chapter {
    let [without, one, many] = scenes;
    let lost = |scene: &Scene| {
        by_run(|run| Some(1.0 - scene.runs.get(run)?.per_second / without.runs.get(run)?.per_second))
    };
    #[expect(clippy::cast_precision_loss, reason = "some thousand runs")]
    let seconds = context.span.as_secs_f64() * context.runs as f64;
    let row = |((name, _), scene): (&(&str, _), &Scene)| {
        let (low, high) = range(scene.runs.iter().map(|run| run.per_second));
        #[expect(clippy::cast_precision_loss, reason = "some million answers are exact in an f64")]
        let guesses = scene.flooded.total() as f64 / seconds;
        vec![
            (*name).to_owned(),
            format!("{:.0}", median(scene.runs.iter().map(|run| run.per_second))),
            format!("{low:.0} – {high:.0}"),
            format!("{:.2}", median(scene.runs.iter().map(|run| run.p99))),
            format!("{:.2}", lost(scene).unwrap_or_default()),
            refused(scene),
            format!("{guesses:.0}"),
            statuses(&scene.flooded),
            format!("{:.0}", median(scene.runs.iter().map(|run| run.generator.busy)) * 100.0),
            format!("{:.0}", median(scene.others.iter().copied()) * 100.0),
        ]
    };
    let details = SCENES.iter().zip(scenes).map(|((name, _), scene)| {
        let rates: Vec<_> = scene.runs.iter().map(|run| run.per_second).collect();
        json!({ "scene": name, "per_second": rates, "others": scene.others, "guesses": scene.flooded.statuses })
    });
    let demand = |what| format!("{what}: correct clients of another tenant lose at most 0.2");
    Chapter {
        name: "flood",
        words: format!(
            "Correct clients of `acme` (32 connections, full pace) while {RATE:.0} wrong secrets and passwords per \
             second come at `ONLINEBANK` over {CONNECTIONS} other connections; medians of {} runs:",
            context.runs
        ),
        head: &[
            "meanwhile",
            "per second",
            "range",
            "p99 ms",
            "lost",
            "refused ‰",
            "guesses per s",
            "answers",
            "load %",
            "others %",
        ],
        rows: SCENES.iter().zip(scenes).map(row).collect(),
        bars: vec![
            Bar::at_most(demand(SCENES[1].0), lost(one), 0.2),
            Bar::at_most(demand(SCENES[2].0), lost(many), 0.2),
        ],
        details: details.collect(),
    }
}

/// How many of a thousand correct requests were answered 503.
#[expect(clippy::cast_precision_loss, reason = "some million answers are exact in an f64")]
fn refused(scene: &Scene) -> String {
    let sum = |of: fn(&Observed) -> f64| scene.runs.iter().map(of).sum::<f64>();
    let refused = sum(|run| run.refused as f64);
    format!("{:.2}", 1000.0 * refused / (refused + sum(|run| run.answered as f64)).max(1.0))
}

/// Such as `401: 12, 429: 3000`.
fn statuses(flooded: &Flooded) -> String {
    let one = |(status, count): (&u16, &u64)| format!("{status}: {count}");
    flooded.statuses.iter().map(one).collect::<Vec<_>>().join(", ")
}
