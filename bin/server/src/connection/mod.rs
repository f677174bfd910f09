//! Connections of the public listener, watched by their worker: none is held by a peer that does not go on
//! (docs/bad-days.md, "Hostile connections").
//!
//! The HTTP library bounds the first head of a connection and the time between two requests. What it leaves open is
//! here: a later head that never ends, an answer that nobody takes, the rest of a body that nobody reads, and room for
//! newcomers. And it parses ahead whatever comes, seven thousand small requests at a time: while one is answered, no
//! more is read than its body.
//!
//! HTTP/2 interleaves: its windows and its other streams are read while a request is answered. There what comes is
//! metered instead.

mod handshakes;
mod http2;
mod meter;
pub mod outside;
mod post;
mod shaking;
mod sources;
mod stream;
mod translation;
mod turns;
mod usher;
mod worker;

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
    task::{Context, Waker},
};

use actix_web::{HttpMessage as _, HttpRequest, dev::ServiceRequest, http::header};
use domain::{PeerCertificate, UnreadableCertificate};

pub use handshakes::{Flight, Refused};
pub use http2::serve as serve_http2;
use post::Post;
pub use post::{Reply, reply, round};
pub use shaking::Shaking;
pub use sources::{Place, Sources};
pub use stream::{Underlying, Watched};
pub use worker::{Bounds, Worker};

use self::{meter::Meter, turns::Turn};
use crate::tls::{Handshake, NameRule};

/// Requests of one connection that are begun within a beat before others have a turn.
const TURN: u32 = 8;

/// For how many beats it is said of a connection that it waited for its turn too long: for what came with that turn. A
/// head of which the rest comes seconds later is judged by what there is to do then.
const LATE: u64 = 10;

/// What a connection is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing has come since the last answer, or at all.
    Idle,
    /// Bytes have come that make no request yet.
    Reading,
    /// What comes next is left of a body that was refused, or begins the next request: only the dispatcher knows.
    Rest,
    /// A request is being answered.
    Busy,
}

/// A connection's state, shared by its stream, its requests and its worker. All of one thread.
#[derive(Debug)]
pub struct State {
    worker: Rc<Worker>,
    /// What was said in a TLS handshake.
    handshake: Handshake,
    /// Of an HTTP/2 connection.
    meter: Option<RefCell<Meter>>,
    requests: Cell<u32>,
    /// The beat at which a request last began, and how many did in it.
    begun: Cell<(u64, u32)>,
    /// Whether a request in progress has a body that is still being read.
    body: Cell<bool>,
    phase: Cell<Phase>,
    /// The worker's beat at which the phase began.
    since: Cell<u64>,
    /// The beat at which writing stalled.
    stalled: Cell<Option<u64>>,
    /// Bytes read since the dispatcher was last told that there is no more.
    read: Cell<usize>,
    /// Whether it was told so although there is.
    withheld: Cell<bool>,
    /// Whether it may begin a request.
    turn: Cell<Turn>,
    /// The beat at which it might, where it had waited for that too long.
    late: Cell<Option<u64>>,
    doomed: Cell<bool>,
    waker: RefCell<Option<Waker>>,
    /// Its source's place, until it ends.
    _place: Place,
}

impl State {
    fn new(worker: Rc<Worker>, handshake: Handshake, place: Place) -> Self {
        let meter = handshake.http2.then(|| RefCell::new(Meter::new(worker.beat())));
        Self {
            handshake,
            _place: place,
            meter,
            requests: Cell::new(0),
            begun: Cell::new((0, 0)),
            body: Cell::new(false),
            phase: Cell::new(Phase::Idle),
            since: Cell::new(worker.beat()),
            stalled: Cell::new(None),
            read: Cell::new(0),
            withheld: Cell::new(false),
            turn: Cell::new(Turn::None),
            late: Cell::new(None),
            doomed: Cell::new(false),
            waker: RefCell::new(None),
            worker,
        }
    }

    fn enter(&self, phase: Phase) {
        self.phase.set(phase);
        self.since.set(self.worker.beat());
    }

    /// Whether the dispatcher may have more bytes now.
    fn may_read(&self) -> bool {
        if self.meter.is_some() {
            return !self.is_spent();
        }
        let busy = self.phase.get() == Phase::Busy && !self.body.get();
        !busy && self.stalled.get().is_none()
    }

    /// Whether what is read next begins a request. On HTTP/2 it may always.
    fn is_beginning(&self) -> bool {
        self.meter.is_some() || matches!(self.phase.get(), Phase::Idle | Phase::Rest)
    }

    fn received(&self, bytes: &[u8]) {
        self.read.set(self.read.get().saturating_add(bytes.len()));
        if let Some(meter) = &self.meter {
            meter.borrow_mut().read(bytes, self.worker.beat());
        } else if !bytes.is_empty() && self.phase.get() == Phase::Idle {
            self.enter(Phase::Reading);
        }
    }

    /// Whether more came on an HTTP/2 connection than may.
    fn is_spent(&self) -> bool {
        self.meter.as_ref().is_some_and(|meter| meter.borrow().is_spent())
    }

    /// The beat since which a frame or a header block of HTTP/2 has been coming.
    fn within(&self) -> Option<u64> {
        self.meter.as_ref()?.borrow().within()
    }

    /// Notes that a request of an HTTP/2 connection was answered.
    fn answered(&self) {
        if let Some(meter) = &self.meter {
            meter.borrow_mut().answered();
        }
    }

    /// Notes that a request begins: whether so many have within a beat that others should have a turn in between.
    fn is_pushing(&self) -> bool {
        let (beat, begun) = self.begun.get();
        let now = self.worker.beat();
        let begun = if beat == now { begun.saturating_add(1) } else { 1 };
        self.begun.set((now, begun));
        begun > TURN
    }

    /// Whether it has just waited for its turn too long.
    fn is_late(&self) -> bool {
        self.late.get().is_some_and(|since| self.worker.beat().saturating_sub(since) < LATE)
    }

    fn sent(&self, stalled: bool) {
        let since = self.stalled.get();
        self.stalled.set(stalled.then(|| since.unwrap_or_else(|| self.worker.beat())));
    }

    /// Remembers whom to wake when the connection is to end.
    fn wake_later(&self, context: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        match waker.as_mut() {
            Some(known) => known.clone_from(context.waker()),
            None => *waker = Some(context.waker().clone()),
        }
    }

    /// Ends the connection: its stream fails from now on.
    fn doom(&self) {
        self.doomed.set(true);
        self.wake();
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }
}

/// A request in progress on a connection; over when dropped.
#[derive(Debug)]
pub struct Request(Rc<State>);

impl Request {
    /// Notes that a request's head has come. `None` where nobody watches the connection.
    pub fn begin(request: &ServiceRequest) -> Option<Self> {
        let state = of(request.request())?;
        state.requests.set(state.requests.get().saturating_add(1));
        state.enter(Phase::Busy);
        let headers = request.headers();
        let body =
            headers.contains_key(header::CONTENT_LENGTH) || headers.contains_key(header::TRANSFER_ENCODING);
        // What is left of a body holds up nothing on HTTP/2.
        state.body.set(body && state.meter.is_none());
        Some(Self(state))
    }

    /// Whether its connection has begun so many within a beat that others should have a turn in between. What is
    /// pipelined would be answered all at once otherwise. On HTTP/2 that has been seen to before it began.
    pub fn is_pushing(&self) -> bool {
        self.0.meter.is_none() && self.0.is_pushing()
    }

    /// Whether it waited for its turn too long.
    pub fn is_late(&self) -> bool {
        self.0.is_late()
    }
}

/// The state of a request's connection: the HTTP library has a place for it, a stream of HTTP/2 brings it along.
fn of(request: &HttpRequest) -> Option<Rc<State>> {
    request.conn_data().cloned().or_else(|| request.extensions().get().cloned())
}

/// The certificate that the peer of a request's connection showed.
pub fn certificate(request: &HttpRequest) -> Option<Result<Arc<PeerCertificate>, UnreadableCertificate>> {
    of(request)?.handshake.certificate.clone()
}

/// Whether a request is for a host name that its connection may not be used for (RFC 9110 §7.4): a browser that is not
/// to be asked for a certificate on one name must not come by it on a connection of another.
pub fn is_misdirected(request: &ServiceRequest) -> bool {
    let Some(state) = of(request.request()) else { return false };
    if state.handshake.names == NameRule::Any {
        return false;
    }
    let host = request.uri().host();
    let header = || request.headers().get(header::HOST)?.to_str().ok();
    !state.handshake.names.allows(host.or_else(|| header().map(without_port)).unwrap_or_default())
}

fn without_port(authority: &str) -> &str {
    let port = authority.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    port.map_or(authority, |(host, _)| host)
}

/// Notes that the body of a request has been read to its end.
pub fn body_read(request: &HttpRequest) {
    if let Some(state) = of(request) {
        state.body.set(false);
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        let left = self.0.requests.get().saturating_sub(1);
        self.0.requests.set(left);
        if left == 0 {
            // What is left of a body comes next.
            self.0.enter(if self.0.body.replace(false) { Phase::Rest } else { Phase::Idle });
            if self.0.withheld.replace(false) {
                self.0.wake();
            }
        }
    }
}
