//! The load generator: one thread, one connection per script, as fast as answers come or at a held rate.

pub(crate) mod assertion;
pub(crate) mod connection;
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
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use crate::clock;
use crate::failure::{Failure, Result};
use connection::Connection;
use flood::{Flood, Flooded};
use generator::Watch;
pub(crate) use generator::{Generator, MOST_LATE};
use latency::Tally;
pub(crate) use script::Script;
pub(crate) use stream::Target;

/// How long after its end a run may still be answered. Whoever is that far behind does not hold the rate at all;
/// whoever is less so shows it in the latencies.
const PATIENCE: Duration = Duration::from_secs(10);

/// How fast to send.
#[derive(Clone, Copy)]
pub(crate) enum Pace {
    /// The next request as soon as the last one is answered.
    Full,
    /// This many requests per second over all connections, come what may. Latency counts from when a request *should*
    /// have been sent, so that a stall of the server delays, and is seen in, every request behind it (coordinated
    /// omission).
    Held(f64),
}

/// What a run gave.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Observed {
    /// Answers with status 200 per second.
    pub(crate) per_second: f64,
    /// How many there were, with the last one of each connection, which may come after the end.
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

/// Drives `target` for `span` with one connection per script.
///
/// # Errors
/// When anything but status 200 came, when a connection broke, or when a held rate could not be held: such a run is
/// void.
pub(crate) fn run(
    target: impl Into<Target>,
    scripts: Vec<Script>,
    pace: Pace,
    span: Duration,
) -> Result<Observed> {
    beside(target, scripts, pace, span, None).map(|(observed, _flooded)| observed)
}

/// The same, while a flood of guesses comes over connections of its own, if there is one. What guesses are answered does
/// not matter, and 503 is counted and asked again: who is refused has less throughput, which is what is measured.
///
/// # Errors
/// As above, but for 503 beside a flood.
pub(crate) fn beside(
    target: impl Into<Target>,
    scripts: Vec<Script>,
    pace: Pace,
    span: Duration,
    flood: Option<Flood>,
) -> Result<(Observed, Flooded)> {
    let watch = Watch::start()?;
    let (mut tally, flooded) = runtime()?.block_on(all(&target.into(), scripts, pace, span, flood))?;
    if let Some(error) = tally.first_error {
        return Err(Failure::new(format!("void: {} errors, the first one: {error}", tally.errors)));
    }
    let generator = watch.end(tally.late())?;
    let [p50, p99, slowest] = tally.quantiles([0.5, 0.99, 1.0]);
    #[expect(clippy::cast_precision_loss, reason = "some million answers are exact in an f64")]
    let per_second = tally.answered as f64 / span.as_secs_f64();
    let (answered, refused) = (tally.all(), tally.refused);
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
    pace: Pace,
    span: Duration,
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
        let schedule = Schedule::new(pace, (number, count), start, span);
        tasks.spawn(drive(connection, script, schedule, flood.is_some()));
    }
    if let Some(flood) = flood {
        for number in 0..flood::CONNECTIONS {
            floods.spawn(flood::drive(target.address, flood, number, start, start + span));
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

/// When one connection sends.
struct Schedule {
    /// The next intended time, and the time between two, when a rate is held.
    held: Option<(Instant, Duration)>,
    end: Instant,
    /// When a held rate is given up.
    late: Instant,
}

impl Schedule {
    fn new(pace: Pace, (number, count): (u32, u32), start: Instant, span: Duration) -> Self {
        let held = match pace {
            Pace::Full => None,
            Pace::Held(rate) => {
                let interval = Duration::from_secs_f64(f64::from(count) / rate.max(1.0));
                // Connections take turns.
                Some((start + interval.mul_f64(f64::from(number) / f64::from(count)), interval))
            }
        };
        Self { held, end: start + span, late: start + span + PATIENCE }
    }

    /// When the next request should be sent; `None` at the end.
    fn next(&mut self) -> Option<Instant> {
        let at = match &mut self.held {
            None => clock::now(),
            Some((next, interval)) => {
                let at = *next;
                *next += *interval;
                at
            }
        };
        (at < self.end).then_some(at)
    }
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
            tally.sent_late(clock::now().saturating_duration_since(intended));
        }
        match connection.exchange(script.request()).await {
            Ok(answer) if answer.status == 200 => {
                let done = clock::now();
                tally.good(done.saturating_duration_since(intended), done <= schedule.end);
                if done > schedule.late {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_rate_is_a_timetable_that_connections_share_and_no_answer_moves() {
        let start = clock::now();
        let times = |number| {
            let mut schedule =
                Schedule::new(Pace::Held(100.0), (number, 2), start, Duration::from_millis(50));
            let times = std::iter::from_fn(|| schedule.next());
            times.map(|at| at.saturating_duration_since(start).as_millis()).collect::<Vec<_>>()
        };
        assert_eq!(times(0), [0, 20, 40]);
        assert_eq!(times(1), [10, 30]);
    }
}
