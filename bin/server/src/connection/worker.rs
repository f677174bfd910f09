//! What one worker thread knows of its connections and of its own delay.

use std::{
    cell::{Cell, RefCell},
    rc::{Rc, Weak},
    time::{Duration, Instant},
};

use actix_web::rt;
use storage::Database;

use super::{
    Phase, Post, State,
    handshakes::{Answer, Asker, Flight, Handshakes},
    turns::Turns,
    usher::{self, Usher},
};

/// A worker counts in beats of this length.
const BEAT: Duration = Duration::from_millis(10);

/// Beats between two looks at all connections.
const LOOK: u64 = 50;

/// Beats after which an idle connection has to make room for newcomers.
const ROOM: u64 = 100;

/// Batches for which the committer is woken in the midst of a pass: it works while the next ones are made.
const A_GROUP: u32 = 32;

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
    pub(super) beat: Cell<u64>,
    due: Cell<Instant>,
    connections: RefCell<Vec<Weak<State>>>,
    /// Connections that are not under watch yet: they shake hands.
    pub(super) shaking: Cell<usize>,
    pub(super) turns: Turns,
    handshakes: Handshakes,
    pub(super) usher: Usher,
    pub(super) post: Post,
    /// Batches that were queued in this pass, of which the committer has not been told.
    queued: RefCell<Option<(Database, u32)>>,
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
            connections: RefCell::default(),
            shaking: Cell::new(0),
            turns: Turns::default(),
            handshakes: Handshakes::default(),
            usher: Usher::default(),
            post: Post::default(),
            queued: RefCell::new(None),
        });
        rt::spawn(usher::run(Rc::downgrade(&worker)));
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

    /// The worker of this thread, if it is one.
    pub fn present() -> Option<Rc<Self>> {
        PRESENT.with_borrow(Weak::upgrade)
    }

    /// Notes that a batch was queued: the committer is woken when this pass is over, or when there are many. Woken for
    /// each, it would commit a few at a time, and what a commit costs is nearly the same for one and for thirty.
    pub fn queued(&self, database: &Database) {
        let mut queued = self.queued.borrow_mut();
        let count = queued.as_ref().map_or(1, |(_, count)| count.saturating_add(1));
        if count >= A_GROUP {
            *queued = None;
            database.wake_committer();
        } else {
            *queued = Some((database.clone(), count));
            self.usher.call();
        }
    }

    /// Whether a connection that has something to read may begin a request; if not, it is woken when it may.
    pub(super) fn lets_begin(&self, state: &Rc<State>) -> bool {
        let has = self.turns.has(state);
        if self.turns.are_over() {
            self.usher.call();
        }
        has
    }

    /// A turn for a handshake. Each has the usher come: what a pass does of them is counted.
    pub(super) fn lets_shake(&self, asker: Asker, flight: Flight) -> Answer {
        self.usher.call();
        self.handshakes.ask(asker, flight, self.turns.are_over())
    }

    pub(super) fn between_passes(&self) {
        if let Some((database, _)) = self.queued.take() {
            database.wake_committer();
        }
        let now = instant();
        let were_over = self.turns.are_over();
        self.turns.next(now, self.bounds.wait);
        let busy = were_over || self.turns.are_over();
        // Nothing of a handshake waits for a commit: it has all of the time.
        self.handshakes.next(now, self.bounds.wait.saturating_mul(2), busy);
        if self.turns.are_over() || self.handshakes.wait() {
            self.usher.call();
        }
    }

    fn pulse(&self) {
        let now = instant();
        // Beats are time: those that were missed count.
        let missed = now.saturating_duration_since(self.due.get()).as_millis() / BEAT.as_millis();
        let beats = u64::try_from(missed).unwrap_or(u64::MAX).saturating_add(1);
        let before = self.beat.get();
        self.beat.set(before.saturating_add(beats));
        self.due.set(now.checked_add(BEAT).unwrap_or(now));
        if before / LOOK != self.beat.get() / LOOK {
            self.look();
        }
    }

    /// Ends what does not go on.
    fn look(&self) {
        let mut connections = self.connections.borrow_mut();
        connections.retain(|state| state.strong_count() > 0);
        let open = connections.len().saturating_add(self.shaking.get());
        let crowded = open > self.bounds.connections.saturating_mul(3) / 4;
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
                Phase::Reading | Phase::Rest => age > patience,
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
pub(super) fn instant() -> Instant {
    Instant::now()
}
