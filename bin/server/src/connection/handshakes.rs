//! Whose TLS handshake goes on next (docs/decisions/0050).
//!
//! A signature takes as long as several requests do, and whoever connects has one made. So handshakes wait here for their
//! turn: sources take turns, and of all that a pass does signing is the small part while requests wait.

use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use domain::SourceAddr;
use tokio::sync::oneshot;

/// What a flight costs in which a signature may be due, and any other. The one is some hundred microseconds with RSA.
const DEAR: u32 = 4;
const CHEAP: u32 = 1;

/// What a pass may cost while requests wait for their turn, and while none does: the pass stays short all the same.
const BUSY: u32 = DEAR;
const CALM: u32 = 8 * DEAR;

/// Handshakes of one source that may wait to begin.
const MOST: usize = 64;

/// Who finds fewer before it is served however long it takes: a thread that slept has no queue.
const FEW: usize = 16;

/// Those who are looked at in a pass: many may be late, or gone.
const LOOKED_AT: usize = 64;

/// What a handshake is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flight {
    /// Nothing has been done for it.
    First,
    /// Its peer goes on, and a signature may be due.
    Next,
    /// The server has said all that is dear.
    Last,
}

impl Flight {
    fn cost(self) -> u32 {
        if self == Self::Last { CHEAP } else { DEAR }
    }
}

/// Why a handshake does not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// So many of its source wait.
    Many,
    /// It waited for too long.
    Late,
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker {
    /// Whose turn it takes.
    pub(super) source: Option<SourceAddr>,
    /// Whether that source has bounds.
    pub(super) bounded: bool,
}

/// A turn, or the lack of one.
pub(super) type Told = Result<(), Refused>;

/// What is said to who asks.
#[derive(Debug)]
pub(super) enum Answer {
    /// At once.
    Now(Told),
    /// When its turn comes.
    Later(oneshot::Receiver<Told>),
}

/// Someone who waits.
#[derive(Debug)]
struct Waiting {
    flight: Flight,
    since: Instant,
    /// Whether many may be served before it.
    behind_many: bool,
    told: oneshot::Sender<Told>,
}

/// The turns of a worker's handshakes.
#[derive(Debug, Default)]
pub(super) struct Handshakes {
    /// What those of this pass cost.
    spent: Cell<u32>,
    ring: RefCell<Ring>,
}

/// Those who wait, by source, and the sources in the order of their turns. Each of these has someone who waits.
#[derive(Debug, Default)]
struct Ring {
    queues: HashMap<Option<SourceAddr>, VecDeque<Waiting>>,
    order: VecDeque<Option<SourceAddr>>,
}

impl Handshakes {
    /// A turn for a handshake that has something to go on with; `busy`: requests wait for theirs.
    pub(super) fn ask(&self, asker: Asker, flight: Flight, busy: bool) -> Answer {
        let mut ring = self.ring.borrow_mut();
        if ring.order.is_empty() && self.spent.get() < allowed(busy) {
            self.spend(flight);
            return Answer::Now(Ok(()));
        }
        if flight == Flight::First && asker.bounded && ring.is_full(asker.source) {
            return Answer::Now(Err(Refused::Many));
        }
        Answer::Later(ring.join(asker.source, flight))
    }

    /// Whether somebody waits.
    pub(super) fn wait(&self) -> bool {
        !self.ring.borrow().order.is_empty()
    }

    /// A pass is over: the next ones have their turn. Those who have waited to begin for longer than `wait`, behind many,
    /// never do.
    pub(super) fn next(&self, now: Instant, wait: Duration, busy: bool) {
        self.spent.set(0);
        for _ in 0..LOOKED_AT {
            if self.spent.get() >= allowed(busy) {
                break;
            }
            let Some(next) = self.ring.borrow_mut().next() else { break };
            let late = next.flight == Flight::First
                && next.behind_many
                && now.saturating_duration_since(next.since) > wait;
            let told = if late { Err(Refused::Late) } else { Ok(()) };
            // Who has ended meanwhile takes nobody's turn.
            if next.told.send(told).is_ok() && !late {
                self.spend(next.flight);
            }
        }
    }

    fn spend(&self, flight: Flight) {
        self.spent.set(self.spent.get().saturating_add(flight.cost()));
    }
}

fn allowed(busy: bool) -> u32 {
    if busy { BUSY } else { CALM }
}

impl Ring {
    /// Whether as many of a source wait as may. Those who have ended do not.
    fn is_full(&mut self, source: Option<SourceAddr>) -> bool {
        let Some(queue) = self.queues.get_mut(&source).filter(|queue| queue.len() >= MOST) else {
            return false;
        };
        let waits = |waiting: &&Waiting| !waiting.told.is_closed();
        queue.iter().filter(waits).count() >= MOST
    }

    /// Who has begun goes before those of its source that have not: what was done for it is not to be lost.
    fn join(&mut self, source: Option<SourceAddr>, flight: Flight) -> oneshot::Receiver<Told> {
        let (told, turn) = oneshot::channel();
        let queue = self.queues.entry(source).or_default();
        if queue.is_empty() {
            self.order.push_back(source);
        }
        // Each of the other sources has as many turns as this one until then, at most.
        let before = queue.len().saturating_add(1).saturating_mul(self.order.len());
        let since = super::worker::instant();
        let waiting = Waiting { flight, since, behind_many: before > FEW, told };
        match flight {
            Flight::First => queue.push_back(waiting),
            Flight::Next | Flight::Last => queue.push_front(waiting),
        }
        turn
    }

    /// The next of the source whose turn it is.
    fn next(&mut self) -> Option<Waiting> {
        let source = self.order.pop_front()?;
        let queue = self.queues.get_mut(&source)?;
        let next = queue.pop_front();
        if queue.is_empty() {
            self.queues.remove(&source);
        } else {
            self.order.push_back(source);
        }
        next
    }
}

#[cfg(test)]
mod tests;
