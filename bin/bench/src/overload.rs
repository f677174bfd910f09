//! What is asked of the server ten times over: what callers hear meanwhile, what it takes of memory, and how soon it is
//! forgotten.

use std::time::{Duration, Instant};

use crate::cases::tokens;
use crate::chapter::Chapter;
use crate::clock;
use crate::context::{Context, Usage};
use crate::failure::{Failure, Result};
use crate::install::Guard;
use crate::load;
use crate::load::crowd::{Crowd, Heard, Manner, SLICE};
use crate::output;
use crate::report::overload::chapter;
use crate::serving::Server;

const NAME: &str = "overload";

/// Connections of a rush. As each has one request under way, this is how many the server is kept waiting with.
pub(crate) const CONNECTIONS: u32 = 2048;

/// Connections by which capacity is measured, before and afterwards.
const STEADY: u32 = 32;

/// How many times the capacity is asked for, and for how many times as long as other measurements take.
pub(crate) const RUSHES: [(f64, u32); 2] = [(2.0, 1), (10.0, 20)];

/// How long is looked whether a rush is forgotten.
const AFTERWARDS: Duration = Duration::from_secs(4);

/// How long answers are waited for that had not come when a rush ended.
const PATIENCE: Duration = Duration::from_secs(3);

/// Share of the capacity that counts as all of it.
pub(crate) const BACK: f64 = 0.95;

/// Slices that have to reach it together, twice in a row: half a second may be lucky.
const TOGETHER: usize = 5;

/// One rush.
pub(crate) struct Rush {
    /// Answers per second just before.
    pub(crate) capacity: f64,
    /// How long it lasted, seconds.
    pub(crate) seconds: f64,
    /// What callers saw.
    pub(crate) heard: Heard,
    /// Resident memory just before, MB.
    pub(crate) before: f64,
    /// The same at moments of the rush.
    pub(crate) during: Vec<f64>,
    /// The same afterwards.
    pub(crate) after: f64,
    /// Milliseconds until the capacity was back; infinite if it was not.
    pub(crate) back: f64,
    /// Answers per second afterwards, as a share of the capacity.
    pub(crate) again: f64,
    /// Answers in each slice afterwards.
    pub(crate) afterwards: Vec<u64>,
    /// Share of the measured core that other programs took.
    pub(crate) others: f64,
}

/// Measures the capacity, offers more than it, and measures how soon it is back. All settings of admission are as by
/// default.
///
/// # Errors
/// When nobody can connect, or nothing is answered in peace.
pub(crate) fn run(context: &Context) -> Result<Chapter> {
    let (installation, _url) = context.install(NAME, Guard::Up)?;
    let server = installation.serve()?;
    let request = request()?;
    // Its secret is remembered before many ask at once, which would be more guesses than one source may make.
    load::once(server.address, &request)?;
    steady(&server, &request, context.span)?;
    let mut rushes = RUSHES.map(|_| Vec::new());
    for number in 1..=context.runs {
        for (seen, (times, spans)) in rushes.iter_mut().zip(RUSHES) {
            let words = format!("overload: run {number} of {}, {times:.0} times", context.runs);
            output::progress(&words);
            let span = context.span.saturating_mul(spans);
            seen.push(context.twice(&words, || rush(context, &server, &request, times, span))?);
        }
    }
    drop(server);
    context.place.remove(NAME)?;
    Ok(chapter(&rushes))
}

fn request() -> Result<Vec<u8>> {
    let scripts = tokens("acme", "acme-m2m", "acme-m2m-secret-0b7c41d2f98e4a63");
    let script = scripts.first().ok_or_else(|| Failure::new("nothing to ask"))?;
    Ok(script.request().to_vec())
}

fn rush(context: &Context, server: &Server, request: &[u8], times: f64, span: Duration) -> Result<Rush> {
    let capacity = per_second(&steady(server, request, context.span)?, context.span);
    let (before, start) = (server.resident()?, Usage::now(context, server)?);
    let manner = Manner::Timetable(capacity * times);
    let mut crowd = Crowd::open(server.address, request, CONNECTIONS, manner, span)?;
    let (mut during, every) = (Vec::new(), span / 40);
    let mut next = clock::now() + every;
    while clock::now() < crowd.end() {
        crowd.look()?;
        if clock::now() >= next {
            during.push(server.resident()?);
            next += every;
        }
    }
    let others = Usage::now(context, server)?.since(&start).others(span);
    let (afterwards, gap) = forget(server, request, &mut crowd)?;
    Ok(Rush {
        capacity,
        seconds: span.as_secs_f64(),
        heard: crowd.leave(),
        before,
        during,
        after: server.resident()?,
        back: back(&afterwards.slices, capacity, gap),
        again: per_second(&afterwards, AFTERWARDS) / capacity,
        afterwards: afterwards.slices,
        others,
    })
}

/// Lets the steady callers come back at the end of a rush, while its last answers are still heard. With it the time
/// between that end and their first request.
fn forget(server: &Server, request: &[u8], rush: &mut Crowd) -> Result<(Heard, Duration)> {
    let mut steady = Crowd::open(server.address, request, STEADY, Manner::Asking, AFTERWARDS)?;
    let gap = steady.start().saturating_duration_since(rush.end());
    let until = rush.end() + PATIENCE;
    while goes_on(&steady) {
        steady.look()?;
        if clock::now() < until && rush.is_waiting() {
            rush.look()?;
        }
    }
    Ok((steady.leave(), gap))
}

fn steady(server: &Server, request: &[u8], span: Duration) -> Result<Heard> {
    let mut crowd = Crowd::open(server.address, request, STEADY, Manner::Asking, span)?;
    while goes_on(&crowd) {
        crowd.look()?;
    }
    let heard = crowd.leave();
    match heard.slices.iter().sum() {
        0_u64 => Err(Failure::new("void: nothing is answered in peace")),
        _ => Ok(heard),
    }
}

fn goes_on(crowd: &Crowd) -> bool {
    let now: Instant = clock::now();
    now < crowd.end() || (crowd.is_waiting() && now < crowd.end() + PATIENCE)
}

#[expect(clippy::cast_precision_loss, reason = "some million answers are exact in an f64")]
fn per_second(heard: &Heard, span: Duration) -> f64 {
    heard.slices.iter().sum::<u64>() as f64 / span.as_secs_f64()
}

/// When the rate was back, milliseconds after the end of a rush that was `gap` before the first slice: at the end of the
/// first slice with which two half seconds of full rate begin.
#[expect(clippy::cast_precision_loss, reason = "some thousand answers are exact in an f64")]
fn back(slices: &[u64], capacity: f64, gap: Duration) -> f64 {
    let enough = BACK * capacity * SLICE.as_secs_f64() * TOGETHER as f64;
    let found = slices
        .windows(TOGETHER * 2)
        .position(|second| second.chunks(TOGETHER).all(|half| half.iter().sum::<u64>() as f64 >= enough));
    found.map_or(f64::INFINITY, |at| {
        (gap + SLICE).as_secs_f64() * 1000.0 + at as f64 * SLICE.as_secs_f64() * 1000.0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_back_when_two_half_seconds_have_it_and_one_is_not_enough() {
        let half = [10, 100, 100, 100, 100, 100, 10, 10];
        let lucky: Vec<_> = half.into_iter().chain([95; 10]).collect();
        let gap = Duration::from_millis(5);
        assert!((back(&lucky, 1000.0, gap) - 905.0).abs() < 1e-6);
        assert!(back(&half, 1000.0, gap).is_infinite());
        assert!(back(&lucky, 1200.0, gap).is_infinite());
        assert!((back(&[100; 10], 1000.0, Duration::ZERO) - 100.0).abs() < 1e-6);
    }
}
