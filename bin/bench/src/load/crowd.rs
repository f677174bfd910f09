//! Callers who send by a timetable, whatever they are answered, or who ask again as soon as they are: over connections
//! that one thread looks at in turn, so that it can send more than any server answers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::histogram::Histogram;
use super::line::{Asked, Line};
use crate::clock;
use crate::failure::Result;

/// Rates are told for spans of this length.
pub(crate) const SLICE: Duration = Duration::from_millis(100);

/// How long a request waits for room on its connection until its caller gives up, without having sent it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// Bytes read at once.
const CHUNK: usize = 16 * 1024;

/// When callers ask.
#[derive(Clone, Copy)]
pub(crate) enum Manner {
    /// As soon as they are answered.
    Asking,
    /// This many requests per second over all connections.
    Timetable(f64),
}

/// Answers of one status.
#[derive(Default)]
pub(crate) struct Answers {
    /// How many came before the end.
    pub(crate) within: u64,
    /// Counted from when each request should have been sent.
    pub(crate) from_due: Histogram,
    /// Counted from when it was written.
    pub(crate) from_sent: Histogram,
}

/// What callers saw.
#[derive(Default)]
pub(crate) struct Heard {
    /// Requests that were due.
    pub(crate) due: u64,
    /// Requests that were written.
    pub(crate) sent: u64,
    /// Answers by status.
    pub(crate) answers: BTreeMap<u16, Answers>,
    /// Connections that broke, or were closed.
    pub(crate) broken: u64,
    /// Requests whose connection did.
    pub(crate) lost: u64,
    /// Requests without an answer when the callers went.
    pub(crate) unanswered: u64,
    /// Answers with status 200 in each slice.
    pub(crate) slices: Vec<u64>,
    /// How long it took to look at all connections, each time.
    pub(crate) looks: Histogram,
}

/// One connection and when it is next to be used.
struct Caller {
    line: Line,
    next: Instant,
}

/// The callers.
pub(crate) struct Crowd {
    address: SocketAddr,
    request: Vec<u8>,
    callers: Vec<Caller>,
    /// Time between two requests of one connection; `None` without a timetable.
    interval: Option<Duration>,
    start: Instant,
    end: Instant,
    chunk: Vec<u8>,
    heard: Heard,
}

impl Crowd {
    /// Connects. The callers begin at once, and send nothing after `span`.
    ///
    /// # Errors
    /// When nobody listens.
    pub(crate) fn open(
        address: SocketAddr,
        request: &[u8],
        connections: u32,
        manner: Manner,
        span: Duration,
    ) -> Result<Self> {
        let lines = (0..connections).map(|_| Line::open(address)).collect::<Result<Vec<_>>>()?;
        let interval = match manner {
            Manner::Asking => None,
            Manner::Timetable(rate) => Some(Duration::from_secs_f64(f64::from(connections) / rate.max(1.0))),
        };
        let start = clock::now();
        let turn = |number| {
            let share = f64::from(number) / f64::from(connections.max(1));
            interval.map_or(start, |interval| start + interval.mul_f64(share))
        };
        let callers = (0_u32..).zip(lines).map(|(number, line)| Caller { line, next: turn(number) });
        Ok(Self {
            address,
            request: request.to_vec(),
            callers: callers.collect(),
            interval,
            start,
            end: start + span,
            chunk: vec![0; CHUNK],
            heard: Heard::default(),
        })
    }

    /// When the callers began.
    pub(crate) fn start(&self) -> Instant {
        self.start
    }

    /// When the callers stop to ask.
    pub(crate) fn end(&self) -> Instant {
        self.end
    }

    /// Looks at each connection once: reads what has come, and sends what is due.
    ///
    /// # Errors
    /// When a connection broke and no new one can be had.
    pub(crate) fn look(&mut self) -> Result<()> {
        let begun = clock::now();
        for caller in &mut self.callers {
            let (heard, start, end) = (&mut self.heard, self.start, self.end);
            let mut each = |status, asked: Asked| heard.note(status, asked, (start, end));
            let waited = caller.line.waiting() > 0;
            let read = if waited { caller.line.hear(&mut self.chunk, &mut each) } else { Ok(()) };
            let sent = read.and_then(|()| match self.interval {
                Some(interval) => caller.follow(&self.request, interval, self.end, &mut self.heard),
                None => caller.ask_again(&self.request, self.end, &mut self.heard),
            });
            if sent.is_err() {
                let lost = u64::try_from(caller.line.waiting())?;
                self.heard.lost = self.heard.lost.saturating_add(lost);
                self.heard.broken = self.heard.broken.saturating_add(1);
                caller.line = Line::open(self.address)?;
            }
        }
        if begun < self.end {
            self.heard.looks.note(clock::now().saturating_duration_since(begun));
        }
        Ok(())
    }

    /// Whether somebody still waits for an answer.
    pub(crate) fn is_waiting(&self) -> bool {
        self.callers.iter().any(|caller| caller.line.waiting() > 0)
    }

    /// Hangs up, and tells what was seen.
    pub(crate) fn leave(mut self) -> Heard {
        for caller in &mut self.callers {
            let waiting = u64::try_from(caller.line.waiting()).unwrap_or(u64::MAX);
            self.heard.unanswered = self.heard.unanswered.saturating_add(waiting);
            if let Some(interval) = self.interval {
                self.heard.due = self.heard.due.saturating_add(caller.skip(interval, self.end));
            }
        }
        self.heard
    }
}

impl Caller {
    /// Sends what is due by the timetable, one request at a time: HTTP/1.1 clients wait for the answer. What is due
    /// meanwhile waits for its turn, or is given up.
    fn follow(&mut self, request: &[u8], interval: Duration, end: Instant, heard: &mut Heard) -> Result<()> {
        let now = clock::now();
        if let Some(given_up) = now.checked_sub(PATIENCE) {
            heard.due = heard.due.saturating_add(self.skip(interval, given_up.min(end)));
        }
        if self.line.waiting() == 0 && self.next <= now && self.next < end && now < end {
            heard.due = heard.due.saturating_add(1);
            heard.sent = heard.sent.saturating_add(1);
            self.line.ask(request, self.next, now);
            self.next += interval;
        }
        self.line.flush()
    }

    /// Leaves out what was due before `until`, and tells how much that was.
    fn skip(&mut self, interval: Duration, until: Instant) -> u64 {
        let mut skipped = 0_u64;
        while self.next < until {
            self.next += interval;
            skipped = skipped.saturating_add(1);
        }
        skipped
    }

    fn ask_again(&mut self, request: &[u8], end: Instant, heard: &mut Heard) -> Result<()> {
        let now = clock::now();
        if self.line.waiting() == 0 && now < end {
            heard.due = heard.due.saturating_add(1);
            heard.sent = heard.sent.saturating_add(1);
            self.line.ask(request, now, now);
        }
        self.line.flush()
    }
}

impl Heard {
    fn note(&mut self, status: u16, asked: Asked, (start, end): (Instant, Instant)) {
        let now = clock::now();
        let answers = self.answers.entry(status).or_default();
        answers.from_due.note(now.saturating_duration_since(asked.due));
        answers.from_sent.note(now.saturating_duration_since(asked.sent));
        if now >= end {
            return;
        }
        answers.within = answers.within.saturating_add(1);
        if status == 200 {
            let slice = now.saturating_duration_since(start).as_millis() / SLICE.as_millis();
            let slice = usize::try_from(slice).unwrap_or_default();
            if self.slices.len() <= slice {
                self.slices.resize(slice.saturating_add(1), 0);
            }
            if let Some(count) = self.slices.get_mut(slice) {
                *count = count.saturating_add(1);
            }
        }
    }

    /// How many were answered with another status than 200 and 503.
    pub(crate) fn others(&self) -> u64 {
        let other = self.answers.iter().filter(|(status, _)| !matches!(status, 200 | 503));
        other.map(|(_, answers)| answers.from_sent.total()).sum()
    }
}
