//! The load generator: one thread, one connection per script, as fast as answers come or at a held rate.

pub(crate) mod assertion;
pub(crate) mod connection;
mod course;
pub(crate) mod crowd;
pub(crate) mod flood;
mod generator;
pub(crate) mod histogram;
mod latency;
mod line;
pub(crate) mod proof;
mod script;
mod stream;

use std::net::SocketAddr;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use crate::clock;
use crate::failure::{Failure, Result};
use connection::Connection;
use course::Schedule;
pub(crate) use course::{Course, Pace};
use flood::{Flood, Flooded};
use generator::Watch;
pub(crate) use generator::{Generator, MOST_LATE};
use latency::Tally;
pub(crate) use script::Script;
pub(crate) use stream::Target;

/// What a run gave.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Observed {
    /// Answers with status 200 per second.
    pub(crate) per_second: f64,
    /// How many there were, with those of the ramp and the last one of each connection, which may come after the end.
    pub(crate) answered: usize,
    /// Median latency, milliseconds.
    pub(crate) p50: f64,
    /// 99 % stayed below this, milliseconds.
    pub(crate) p99: f64,
    /// The slowest, milliseconds.
    pub(crate) slowest: f64,
    /// Answers with status 503, beside a flood: the server had no room for them.
    pub(crate) refused: u64,
    /// What the generator itself was like.
    pub(crate) generator: Generator,
}

/// Drives `target` with one connection per script.
///
/// # Errors
/// When anything but status 200 came, when a connection broke, or when a held rate could not be held: such a run is
/// void.
pub(crate) fn run(target: impl Into<Target>, scripts: Vec<Script>, course: Course) -> Result<Observed> {
    beside(target, scripts, course, None).map(|(observed, _flooded)| observed)
}

/// The same, while a flood of guesses comes over connections of its own, if there is one. What guesses are answered does
/// not matter, and 503 is counted and asked again: who is refused has less throughput, which is what is measured.
///
/// # Errors
/// As above, but for 503 beside a flood.
pub(crate) fn beside(
    target: impl Into<Target>,
    scripts: Vec<Script>,
    course: Course,
    flood: Option<Flood>,
) -> Result<(Observed, Flooded)> {
    let watch = Watch::start()?;
    let (mut tally, flooded) = runtime()?.block_on(all(&target.into(), scripts, course, flood))?;
    if let Some(error) = tally.first_error {
        return Err(Failure::new(format!("void: {} errors, the first one: {error}", tally.errors)));
    }
    let generator = watch.end(tally.late())?;
    let [p50, p99, slowest] = tally.quantiles([0.5, 0.99, 1.0]);
    #[expect(clippy::cast_precision_loss, reason = "some million answers are exact in an f64")]
    let per_second = tally.answered as f64 / course.span.as_secs_f64();
    let (answered, refused) = (tally.all, tally.refused);
    Ok((Observed { per_second, answered, p50, p99, slowest, refused, generator }, flooded))
}

/// Sends one request over a connection of its own and gives the answer's body.
///
/// # Errors
/// When nobody answers, or not with status 200.
pub(crate) fn once(address: SocketAddr, request: &[u8]) -> Result<Vec<u8>> {
    runtime()?.block_on(async {
        let mut connection = Connection::open(&address.into()).await?;
        let answer = connection.exchange(request).await?;
        match answer.status {
            200 => Ok(answer.body.to_vec()),
            status => Err(Failure::new(format!("status {status}: {}", String::from_utf8_lossy(answer.body)))),
        }
    })
}

fn runtime() -> Result<Runtime> {
    Ok(Builder::new_current_thread().enable_io().enable_time().build()?)
}

async fn all(
    target: &Target,
    scripts: Vec<Script>,
    course: Course,
    flood: Option<Flood>,
) -> Result<(Tally, Flooded)> {
    let mut lines = Vec::with_capacity(scripts.len());
    for script in scripts {
        lines.push((Connection::open(target).await?, script));
    }
    let count = u32::try_from(lines.len().max(1))?;
    let start = clock::now();
    let (mut tasks, mut floods) = (JoinSet::new(), JoinSet::new());
    for (number, (connection, script)) in (0_u32..).zip(lines) {
        let schedule = Schedule::new(course, (number, count), start);
        tasks.spawn(drive(connection, script, schedule, flood.is_some()));
    }
    if let Some(flood) = flood {
        let end = start + course.whole();
        for number in 0..flood::CONNECTIONS {
            floods.spawn(flood::drive(target.address, flood, number, start, end));
        }
    }
    let awake = tokio::spawn(generator::turn());
    let mut tally = Tally::default();
    while let Some(done) = tasks.join_next().await {
        tally.merge(done.map_err(|error| Failure::new(error.to_string()))?);
    }
    let mut flooded = Flooded::default();
    while let Some(done) = floods.join_next().await {
        flooded.merge(&done.map_err(|error| Failure::new(error.to_string()))??);
    }
    awake.abort();
    Ok((tally, flooded))
}

async fn drive(
    mut connection: Connection,
    mut script: Script,
    mut schedule: Schedule,
    refusable: bool,
) -> Tally {
    let mut tally = Tally::default();
    while let Some(intended) = schedule.next() {
        if intended > clock::now() {
            clock::until(intended).await;
            // The connection was free, so whatever is late now is late by the generator's own doing.
            if schedule.counts(intended) {
                tally.sent_late(clock::now().saturating_duration_since(intended));
            }
        }
        match connection.exchange(script.request()).await {
            Ok(answer) if answer.status == 200 => {
                let done = clock::now();
                let latency = done.saturating_duration_since(intended);
                tally.good(schedule.counts(intended).then_some(latency), schedule.covers(done));
                if schedule.is_lost(done) {
                    tally.bad("the rate could not be held".to_owned());
                    break;
                }
                if let Err(failure) = script.learn(answer.body) {
                    tally.bad(failure.to_string());
                    break;
                }
            }
            Ok(answer) if answer.status == 503 && refusable => {
                tally.refused = tally.refused.saturating_add(1);
            }
            Ok(answer) => {
                let body: String = String::from_utf8_lossy(answer.body).chars().take(200).collect();
                tally.bad(format!("status {}: {body}", answer.status));
                break;
            }
            Err(failure) => {
                tally.bad(failure.to_string());
                break;
            }
        }
    }
    tally
}
