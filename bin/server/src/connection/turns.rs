//! Who may begin a request next (docs/decisions/0018).
//!
//! The runtime runs a thread's tasks in the order in which they were woken. When a thousand connections are ready, an
//! answer that only waits to be written would stand behind a thousand requests that have not begun. So those wait here
//! instead, first come, first served: a few begin in a row, then everything that was begun before goes on.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::{Rc, Weak},
    time::{Duration, Instant},
};

use super::State;

/// Requests that begin in a row.
const IN_A_ROW: u32 = 16;

/// Who finds fewer waiting is let in however long it takes: a thread that slept has no queue.
const FEW: usize = 64;

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It has not asked.
    None,
    /// It waits since then; whether behind many.
    Waits(Instant, bool),
    /// It may begin.
    Has,
}

/// The turns of a worker's connections.
#[derive(Debug, Default)]
pub(super) struct Turns {
    begun: Cell<u32>,
    waiting: RefCell<VecDeque<Weak<State>>>,
}

impl Turns {
    /// Whether a connection that has something to read may read it now. If not it is woken when it may.
    pub(super) fn has(&self, state: &Rc<State>) -> bool {
        match state.turn.get() {
            Turn::Has => true,
            Turn::Waits(..) => false,
            Turn::None if self.begun.get() < IN_A_ROW => {
                self.begun.set(self.begun.get().saturating_add(1));
                state.late.set(false);
                state.turn.set(Turn::Has);
                true
            }
            Turn::None => {
                let mut waiting = self.waiting.borrow_mut();
                state.turn.set(Turn::Waits(super::worker::instant(), waiting.len() >= FEW));
                waiting.push_back(Rc::downgrade(state));
                false
            }
        }
    }

    /// Whether so many have begun that the others wait until what was begun has gone on.
    pub(super) fn are_over(&self) -> bool {
        self.begun.get() >= IN_A_ROW
    }

    /// What was begun has gone on: the next ones may begin. Those who have waited for longer than `wait` behind many are
    /// late.
    pub(super) fn next(&self, now: Instant, wait: Duration) {
        self.begun.set(0);
        while self.begun.get() < IN_A_ROW {
            let Some(next) = self.waiting.borrow_mut().pop_front() else { break };
            // It may have ended meanwhile.
            let Some(state) = next.upgrade() else { continue };
            if let Turn::Waits(since, behind_many) = state.turn.replace(Turn::Has) {
                state.late.set(behind_many && now.saturating_duration_since(since) > wait);
            }
            self.begun.set(self.begun.get().saturating_add(1));
            state.wake();
        }
    }
}
