//! Lets each scene happen.

use std::time::Duration;

use super::blocks::{Block, Cell, Scene, order};
use super::{brief, lasting};
use crate::context::{Context, PATIENCE, Usage, wait_for_expiry};
use crate::failure::{Failure, Result};
use crate::load::{self, Course};
use crate::parts::fill::Rows;
use crate::serving::Server;
use crate::{clock, output, scrape};

/// Until the tokens of client `brief` (`tenant.toml`) begin to be removed, and a little.
const BRIEFLY: Duration = Duration::from_millis(2300);

/// Between two looks at how many were removed.
const LOOK: Duration = Duration::from_millis(20);

/// After so long nothing more is removed: longer than the life of a brief token and the pause between two batches.
const STILL: Duration = Duration::from_secs(5);

/// Tokens of a backlog for each second of a cell, as long as it is not known how fast they are removed.
const UNKNOWN: f64 = 30_000.0;

/// The fewest and the most of them.
const BACKLOG: [f64; 2] = [5000.0, 200_000.0];

/// How many tokens are surely written in a second, as long as that is not known: in files, and in PostgreSQL.
const WRITTEN: [f64; 2] = [10_000.0, 4000.0];

/// How often a backlog is written that expires before all of it is there.
const ATTEMPTS: u32 = 4;

/// The server, and what it still has to remove.
pub(super) struct Stage<'a> {
    context: &'a Context,
    url: &'a str,
    server: &'a Server,
    course: Course,
    /// How many sessions will have been removed, since the server was started, once nothing expires any more; infinite
    /// if that is not known.
    due: f64,
    /// Tokens of a backlog that are written in a second.
    written: f64,
    /// Tokens of the next backlog.
    backlog: f64,
}

impl<'a> Stage<'a> {
    /// Of a server over the database at `url`, for cells of that course.
    pub(super) fn of(context: &'a Context, url: &'a str, server: &'a Server, course: Course) -> Self {
        let [files, postgres] = WRITTEN;
        let written = if context.place.postgres().is_some() { postgres } else { files };
        let backlog = UNKNOWN * course.whole().as_secs_f64().max(1.0);
        Self { context, url, server, course, due: f64::INFINITY, written, backlog }
    }

    /// Measures every scene, beginning with another one in each block.
    ///
    /// # Errors
    /// When anything was answered with an error, or rows do not expire.
    pub(super) fn block(&mut self, number: usize) -> Result<Block> {
        let order = order(number);
        let context = self.context;
        let measured = context.undisturbed_within(context.quiet / 5, || {
            order.into_iter().map(|scene| Ok((scene, self.cell(scene)?))).collect::<Result<Vec<_>>>()
        });
        if measured.is_err() {
            // What was issued by a run that is void is not known.
            self.due = f64::INFINITY;
        }
        let (cells, cache) = measured?;
        Ok(Block { cells, cache })
    }

    fn cell(&mut self, scene: Scene) -> Result<Cell> {
        match scene {
            Scene::Nothing | Scene::Again => self.ebb()?,
            Scene::Brief => {
                self.ebb()?;
                let before = Course::of(self.course.pace, BRIEFLY);
                self.due += count(load::run(self.server.address, brief(), before)?.answered);
            }
            Scene::Backlog => self.flow()?,
        }
        let scripts = if scene == Scene::Brief { brief() } else { lasting() };
        let (before, start) =
            (scrape::expired(self.server)?.sessions, Usage::now(self.context, self.server)?);
        let observed = load::run(self.server.address, scripts, self.course)?;
        let used = Usage::now(self.context, self.server)?.since(&start);
        let others = used.others(self.course.whole());
        let gone = scrape::expired(self.server)?.sessions;
        if scene == Scene::Brief {
            self.due += count(observed.answered);
        }
        if scene == Scene::Backlog {
            self.learn(gone);
        }
        let seconds = self.course.whole().as_secs_f64();
        let answered = count(observed.answered);
        let cpu = (used.server + used.database) * 1e6 / answered.max(1.0);
        Ok(Cell { observed, issued: answered / seconds, removed: (gone - before) / seconds, cpu, others })
    }

    /// What is left of a backlog says how many tokens the next one needs, to last for a cell and be gone soon after it.
    fn learn(&mut self, gone: f64) {
        let (left, seconds) = (self.due - gone, self.course.whole().as_secs_f64());
        let [fewest, most] = BACKLOG.map(|tokens| tokens * seconds);
        let next = if left > 0.0 {
            (self.backlog - left) * 1.3
        } else {
            output::progress(
                "expiry: a backlog was gone before its cell ended; the next one is twice as long",
            );
            self.backlog * 2.0
        };
        self.backlog = next.clamp(fewest, most);
    }

    /// Waits until nothing expires any more.
    fn ebb(&mut self) -> Result<()> {
        let start = clock::now();
        let (mut gone, mut since) = (scrape::expired(self.server)?.sessions, start);
        while gone < self.due {
            clock::pause(LOOK);
            let now = scrape::expired(self.server)?.sessions;
            if now > gone {
                (gone, since) = (now, clock::now());
            } else if since.elapsed() > STILL {
                if self.due.is_finite() {
                    output::progress(&format!("expiry: {:.0} were removed, of {:.0}", gone, self.due));
                }
                self.due = gone;
            }
            if start.elapsed() > PATIENCE {
                return Err(Failure::new(format!("expiry has not come to an end after {PATIENCE:?}")));
            }
        }
        Ok(())
    }

    /// Writes tokens that all expire at one moment, and waits until the first of them are removed.
    fn flow(&mut self) -> Result<()> {
        if self.due.is_infinite() {
            self.ebb()?;
        }
        for _ in 0..ATTEMPTS {
            let rows = self.backlog.ceil();
            let (start, ahead) = (clock::now(), rows / self.written * 1.5 + 0.5);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "some seconds, some rows"
            )]
            let (tokens, millis) = (rows as u64, (ahead * 1000.0) as i64);
            self.context.fill(self.url, Rows::Sessions, tokens, millis, 1_000_000)?;
            self.written = rows / start.elapsed().as_secs_f64();
            let before = self.due;
            self.due += rows;
            if scrape::expired(self.server)?.sessions <= before {
                return wait_for_expiry(self.server, before + 1.0, 0.0);
            }
            output::progress(
                "expiry: a backlog expired before all of it was written; once more, with more time",
            );
            self.written /= 2.0;
            self.ebb()?;
        }
        Err(Failure::new(format!("a backlog expired before all of it was written, {ATTEMPTS} times")))
    }
}

#[expect(clippy::cast_precision_loss, reason = "some million answers are exact in an f64")]
fn count(answers: usize) -> f64 {
    answers as f64
}
