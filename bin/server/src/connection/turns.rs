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
const IN_A_ROW: u32 = 32;

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
                state.late.set(None);
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
                let late = behind_many && now.saturating_duration_since(since) > wait;
                state.late.set(late.then(|| state.worker.beat()));
            }
            self.begun.set(self.begun.get().saturating_add(1));
            state.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };
    use std::task::{Context, Wake, Waker};

    use super::*;
    use crate::{
        connection::{Bounds, Place, Sources, Worker},
        tls::Handshake,
    };

    const WAIT: Duration = Duration::from_millis(60);

    fn place() -> Place {
        Sources::new(1, Vec::new()).place(None).unwrap()
    }

    fn connections(count: usize) -> Vec<Rc<State>> {
        let patience = Duration::from_secs(5);
        let bounds = Bounds { patience, keep_alive: patience, connections: count, wait: WAIT };
        let worker = Worker::of_this_thread(bounds);
        (0..count).map(|_| Rc::new(State::new(Rc::clone(&worker), Handshake::default(), place()))).collect()
    }

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn ask(turns: &Turns, states: &[Rc<State>]) {
        for state in states {
            turns.has(state);
        }
    }

    fn let_in(states: &[Rc<State>]) -> Vec<bool> {
        states.iter().map(|state| state.turn.get() == Turn::Has).collect()
    }

    #[actix_web::test]
    async fn so_many_begin_in_a_row_and_the_others_in_the_order_in_which_they_came() {
        let states = connections(80);
        let turns = Turns::default();
        let row = IN_A_ROW as usize;
        for (number, state) in states.iter().enumerate() {
            assert_eq!(turns.has(state), number < row);
            assert_eq!(turns.has(state), number < row, "asking again changes nothing");
        }
        assert!(turns.are_over());
        let woken = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&woken));
        for state in &states {
            state.wake_later(&Context::from_waker(&waker));
        }
        turns.next(super::super::worker::instant(), WAIT);
        assert_eq!(let_in(&states), [vec![true; 2 * row], vec![false; 80 - 2 * row]].concat());
        assert_eq!(woken.0.load(Ordering::Relaxed), row, "who may begin is woken, and nobody else");
        // Who comes now does not pass those who wait.
        turns.next(super::super::worker::instant(), WAIT);
        assert_eq!(let_in(&states), vec![true; 80]);
        assert!(!turns.are_over(), "there is room again");
    }

    #[actix_web::test]
    async fn who_ended_while_waiting_takes_nobodys_turn() {
        let mut states = connections(100);
        let turns = Turns::default();
        ask(&turns, &states);
        let row = IN_A_ROW as usize;
        states.drain(row..2 * row);
        turns.next(super::super::worker::instant(), WAIT);
        assert_eq!(let_in(&states), [vec![true; 2 * row], vec![false; 100 - 3 * row]].concat());
    }

    #[actix_web::test]
    async fn who_was_late_is_not_once_the_rest_of_a_head_comes_long_after() {
        let states = connections(IN_A_ROW as usize + FEW + 1);
        let turns = Turns::default();
        ask(&turns, &states);
        let late = states.last().unwrap();
        while late.turn.get() != Turn::Has {
            turns.next(super::super::worker::instant().checked_add(2 * WAIT).unwrap(), WAIT);
        }
        let request = crate::connection::Request(Rc::clone(late));
        assert!(request.is_late(), "what came with it");
        late.turn.set(Turn::None);
        late.worker.beat.set(late.worker.beat() + crate::connection::LATE);
        assert!(!request.is_late(), "what comes now has waited for nothing");
    }

    #[actix_web::test]
    async fn late_is_who_waited_too_long_behind_many_and_only_for_that_turn() {
        let few = IN_A_ROW as usize + FEW;
        let states = connections(few + 10);
        let turns = Turns::default();
        ask(&turns, &states);
        let after = |time| super::super::worker::instant().checked_add(time).unwrap();
        while states.iter().any(|state| state.turn.get() != Turn::Has) {
            turns.next(after(2 * WAIT), WAIT);
        }
        let late: Vec<_> = states.iter().map(|state| state.is_late()).collect();
        assert_eq!(late, [vec![false; few], vec![true; 10]].concat(), "a thread that slept has no queue");
        turns.next(after(Duration::ZERO), WAIT);
        for state in &states[few..] {
            state.turn.set(Turn::None);
            assert!(turns.has(state) && !state.is_late(), "the next turn is another matter");
        }
    }
}
