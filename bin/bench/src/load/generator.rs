//! What the load generator knows of itself: whether tails are the server's or its own.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::clock;
use crate::failure::Result;
use crate::proc;

/// Beyond this, more than 1 % are not sent when they should be, milliseconds.
pub(crate) const MOST_LATE: f64 = 1.0;

/// The generator during a run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Generator {
    /// Share of the run in which it had something to send or to read. It turns for the rest ([`turn`]).
    pub(crate) busy: f64,
    /// Share of its core that other programs, or other guests of the same hardware, took.
    pub(crate) others: f64,
    /// How much later than intended it sent over connections that were free, at a held rate, milliseconds: 99 % were
    /// less late.
    pub(crate) late: f64,
    /// The latest of all, milliseconds.
    pub(crate) latest: f64,
}

impl Generator {
    /// Whether what was measured is rather the generator than the server.
    pub(crate) fn is_bottleneck(&self, held: bool) -> bool {
        /// Beyond this share of a core, requests wait for the generator.
        const MOST_BUSY: f64 = 0.9;
        self.others > 0.1 || if held { self.late > MOST_LATE } else { self.busy > MOST_BUSY }
    }
}

thread_local! {
    /// How often something was sent or read.
    static MOVES: Cell<u64> = const { Cell::new(0) };
    /// How long nothing was.
    static IDLE: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Notes that something was sent or read.
pub(super) fn moved() {
    MOVES.set(MOVES.get().wrapping_add(1));
}

/// Keeps the generator awake for as long as it is polled, and measures how long there was nothing to do.
///
/// An answer to a process that sleeps on another core wakes it, and that is work of whoever answers: in a virtual
/// machine up to seven microseconds, more than reading the request. How often it happens depends on how fast the others
/// of the run are, so floor, peers and whole would pay different prices for what is no part of any of them.
pub(super) async fn turn() {
    let (mut last, mut moves) = (clock::now(), MOVES.get());
    loop {
        tokio::task::yield_now().await;
        let now = clock::now();
        if MOVES.get() == moves {
            IDLE.set(IDLE.get().saturating_add(now.saturating_duration_since(last)));
        }
        (last, moves) = (now, MOVES.get());
    }
}

/// What the generator and its core had used when it was made.
pub(super) struct Watch {
    since: Instant,
    idle: Duration,
    used: f64,
    core: f64,
}

impl Watch {
    /// Looks.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub(super) fn start() -> Result<Self> {
        let (used, core) = (proc::processor("self")?, proc::core_busy(proc::LOADING)?);
        Ok(Self { since: clock::now(), idle: IDLE.get(), used, core })
    }

    /// Looks again.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub(super) fn end(&self, [late, latest]: [f64; 2]) -> Result<Generator> {
        let used = proc::processor("self")? - self.used;
        let core = proc::core_busy(proc::LOADING)? - self.core;
        let seconds = clock::now().saturating_duration_since(self.since).as_secs_f64().max(0.001);
        let idle = IDLE.get().saturating_sub(self.idle).as_secs_f64();
        let busy = (1.0 - idle / seconds).clamp(0.0, 1.0);
        Ok(Generator { busy, others: ((core - used) / seconds).max(0.0), late, latest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_generator_is_a_bottleneck_at_full_pace_and_one_that_sends_late_at_a_held_rate() {
        let busy = Generator { busy: 1.0, ..Generator::default() };
        assert!(!busy.is_bottleneck(true) && busy.is_bottleneck(false));
        assert!(Generator { late: 1.5, ..Generator::default() }.is_bottleneck(true));
        assert!(Generator { others: 0.2, ..Generator::default() }.is_bottleneck(true));
    }

    #[test]
    fn turning_is_idle_and_what_moves_is_not() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (watch, span) = (Watch::start().unwrap(), Duration::from_millis(20));
        runtime.block_on(async { tokio::time::timeout(span, turn()).await }).unwrap_err();
        assert!(watch.end([0.0, 0.0]).unwrap().busy < 0.5);
        let watch = Watch::start().unwrap();
        let moving = async {
            loop {
                moved();
                tokio::task::yield_now().await;
            }
        };
        let both = async { tokio::join!(turn(), moving) };
        runtime.block_on(async { tokio::time::timeout(span, both).await }).unwrap_err();
        assert!(watch.end([0.0, 0.0]).unwrap().busy > 0.5);
    }
}
