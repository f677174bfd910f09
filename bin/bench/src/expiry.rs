//! What expiry costs those who get tokens meanwhile: a held rate in blocks, each of which has every scene once, so that
//! what is compared was measured within half a minute.

pub(crate) mod blocks;
mod stage;

use std::time::Duration;

use crate::cases::tokens;
use crate::chapter::Chapter;
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::install::Guard;
use crate::load::{self, Course, Pace, Script};
use crate::measure::RAMP;
use crate::output;
use crate::rates::HELD;
use crate::report::expiry::chapter;
use crate::samples::median;
use crate::serving::Server;
use blocks::Block;
use stage::Stage;

const NAME: &str = "expiry";

/// Short runs whose median is the capacity: a single one may be lucky.
const CAPACITIES: usize = 5;

/// Blocks for each run that is asked for.
const BLOCKS: usize = 5;

/// The longest that is counted of a cell: many short ones say more of a tail than few long ones.
const LONGEST: Duration = Duration::from_secs(2);

/// Of both clients (`tenant.toml`).
const SECRET: &str = "Quartz-Lantern-48";

/// What all blocks have in common.
pub(crate) struct Plan {
    /// Answers per second at full pace, run by run.
    pub(crate) capacities: Vec<f64>,
    /// The rate that is held, per second.
    pub(crate) rate: f64,
    /// What is counted of each cell.
    pub(crate) span: Duration,
}

/// Measures the blocks. One that fails twice ends them; those before it are told.
///
/// # Errors
/// When the first one fails, or nothing is answered at all.
pub(crate) fn run(context: &Context) -> Result<Chapter> {
    let (installation, url) = context.install(NAME, Guard::Expiring)?;
    let server = installation.serve()?;
    one_each(&server)?;
    let capacities = context.twice("capacity", || capacities(context, &server))?;
    let rate = median(capacities.iter().copied()) * HELD;
    let plan = Plan { capacities, rate, span: context.span.min(LONGEST) };
    let course = Course::of(Pace::Held(rate), plan.span).after(RAMP);
    let mut stage = Stage::of(context, &url, &server, course);
    let count = context.runs.saturating_mul(BLOCKS);
    let mut blocks: Vec<Block> = Vec::with_capacity(count);
    for number in 1..=count {
        output::progress(&format!("expiry: block {number} of {count}"));
        match context.twice(&format!("{NAME}: block {number}"), || stage.block(number)) {
            Ok(block) => blocks.push(block),
            Err(failure) if blocks.is_empty() => return Err(failure),
            Err(failure) => {
                context.failed(&failure);
                break;
            }
        }
    }
    drop(server);
    context.place.remove(NAME)?;
    Ok(chapter(&plan, &blocks))
}

fn capacities(context: &Context, server: &Server) -> Result<Vec<f64>> {
    let span = context.span.min(Duration::from_secs(1));
    load::run(server.address, lasting(), Course::full(span))?;
    let one = || {
        let (observed, _cache) = context.undisturbed_within(context.quiet / 5, || {
            load::run(server.address, lasting(), Course::full(span).after(RAMP))
        })?;
        Ok(observed.per_second)
    };
    let found = std::iter::repeat_with(one).take(CAPACITIES).collect::<Result<Vec<_>>>()?;
    if found.iter().any(|rate| *rate <= 0.0) {
        return Err(Failure::new("nothing is answered at full pace"));
    }
    Ok(found)
}

/// A client whose tokens outlive the run.
fn lasting() -> Vec<Script> {
    tokens("bench", "lasting", SECRET)
}

/// One whose tokens live for two seconds.
fn brief() -> Vec<Script> {
    tokens("bench", "brief", SECRET)
}

/// A token for each, so that their secrets are remembered.
fn one_each(server: &Server) -> Result<()> {
    for scripts in [lasting(), brief()] {
        scripts.first().map_or(Ok(()), |script| load::once(server.address, script.request()).map(drop))?;
    }
    Ok(())
}
