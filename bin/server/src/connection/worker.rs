//! What one worker thread knows of its connections and of its own delay.

use std::{
    cell::{Cell, RefCell},
    rc::{Rc, Weak},
    time::{Duration, Instant},
};

use actix_web::rt;

use super::{Phase, State};

/// A worker counts in beats of this length.
const BEAT: Duration = Duration::from_millis(10);

/// Beats between two looks at all connections.
const LOOK: u64 = 50;

/// Beats after which an idle connection has to make room for newcomers.
const ROOM: u64 = 100;

/// Requests that a worker answers after a beat however late the next one is: a thread that slept has no queue.
const AT_LEAST: u32 = 64;

/// What a worker grants.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// For a head, and for taking a part of an answer.
    pub patience: Duration,
    /// How long a connection may be idle.
    pub keep_alive: Duration,
    /// Most connections. From three quarters of them on, idle ones make room.
    pub connections: usize,
    /// How long a request may have waited for its turn.
    pub wait: Duration,
}

thread_local! {
    static PRESENT: RefCell<Weak<Worker>> = const { RefCell::new(Weak::new()) };
}

/// A worker thread.
#[derive(Debug)]
pub struct Worker {
    bounds: Bounds,
    beat: Cell<u64>,
    due: Cell<Instant>,
    since_beat: Cell<u32>,
    connections: RefCell<Vec<Weak<State>>>,
}

impl Worker {
    /// The worker of this thread, which all its listeners share.
    pub fn of_this_thread(bounds: Bounds) -> Rc<Self> {
        PRESENT.with_borrow_mut(|present| {
            present.upgrade().unwrap_or_else(|| {
                let worker = Self::start(bounds);
                *present = Rc::downgrade(&worker);
                worker
            })
        })
    }

    /// Its heart beats for as long as the thread's runtime lives.
    fn start(bounds: Bounds) -> Rc<Self> {
        let worker = Rc::new(Self {
            bounds,
            beat: Cell::new(0),
            due: Cell::new(instant()),
            since_beat: Cell::new(0),
            connections: RefCell::default(),
        });
        let beating = Rc::downgrade(&worker);
        rt::spawn(async move {
            let mut ticker = rt::time::interval(BEAT);
            ticker.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                ticker.tick().await;
                let Some(worker) = beating.upgrade() else { break };
                worker.pulse();
            }
        });
        worker
    }

    /// Beats so far.
    pub(super) fn beat(&self) -> u64 {
        self.beat.get()
    }

    /// Puts a connection under watch, until it is dropped.
    pub(super) fn watch(&self, state: &Rc<State>) {
        self.connections.borrow_mut().push(Rc::downgrade(state));
    }

    /// Whether a request whose turn comes now has waited for too long. Tasks of a thread run in turn: a beat that is
    /// overdue stands behind everything that was waiting when it was due.
    pub fn is_late(&self) -> bool {
        let before = self.since_beat.get();
        self.since_beat.set(before.saturating_add(1));
        before >= AT_LEAST && instant().saturating_duration_since(self.due.get()) > self.bounds.wait
    }

    fn pulse(&self) {
        let now = instant();
        // Beats are time: those that were missed count.
        let missed = now.saturating_duration_since(self.due.get()).as_millis() / BEAT.as_millis();
        let beats = u64::try_from(missed).unwrap_or(u64::MAX).saturating_add(1);
        let before = self.beat.get();
        self.beat.set(before.saturating_add(beats));
        self.due.set(now.checked_add(BEAT).unwrap_or(now));
        self.since_beat.set(0);
        if before / LOOK != self.beat.get() / LOOK {
            self.look();
        }
    }

    /// Ends what does not go on.
    fn look(&self) {
        let mut connections = self.connections.borrow_mut();
        connections.retain(|state| state.strong_count() > 0);
        let crowded = connections.len() > self.bounds.connections.saturating_mul(3) / 4;
        // Ending one wakes its task, which runs later: nothing is borrowed then.
        for state in connections.iter().filter_map(Weak::upgrade) {
            if self.is_over(&state, crowded) {
                state.doom();
            }
        }
    }

    fn is_over(&self, state: &State, crowded: bool) -> bool {
        let now = self.beat.get();
        let patience = beats(self.bounds.patience);
        let stalled = state.stalled.get().is_some_and(|since| now.saturating_sub(since) > patience);
        let age = now.saturating_sub(state.since.get());
        let unfinished = state.within().is_some_and(|since| now.saturating_sub(since) > patience);
        stalled
            || unfinished
            || match state.phase.get() {
                Phase::Reading => age > patience,
                // The library sees to idle ones, unless something confuses it.
                Phase::Idle => {
                    (crowded && age > ROOM) || age > beats(self.bounds.keep_alive).saturating_add(patience)
                }
                Phase::Busy => false,
            }
    }
}

fn beats(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis() / BEAT.as_millis()).unwrap_or(u64::MAX)
}

#[expect(clippy::disallowed_methods, reason = "measures a delay, decides nothing that is stored")]
fn instant() -> Instant {
    Instant::now()
}
