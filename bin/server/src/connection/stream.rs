//! A stream that its worker can end.

use std::{
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use actix_web::rt::net::TcpStream;
use openssl::error::ErrorStack;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_openssl::SslStream;

use super::{Place, State, Worker, turns::Turn};
use crate::tls::Handshake;

/// Bytes that the dispatcher gets at once: it parses all it has.
const AT_ONCE: usize = 8 * 1024;

/// What a watched connection lies on.
pub trait Underlying: AsyncRead + AsyncWrite + Unpin {
    /// Whether there is something to read, or may be. `false`: the task is woken when something comes.
    fn has_more(&self, context: &mut Context<'_>) -> bool;

    /// Whether something has come from the peer that was not read. `false`: the task is woken when something comes.
    fn knocks(&self, context: &mut Context<'_>) -> bool;

    /// Called before anything else.
    fn begin(&self) {}
}

impl Underlying for TcpStream {
    fn has_more(&self, context: &mut Context<'_>) -> bool {
        self.poll_read_ready(context).is_ready()
    }

    fn knocks(&self, context: &mut Context<'_>) -> bool {
        self.has_more(context)
    }
}

impl Underlying for SslStream<TcpStream> {
    fn has_more(&self, _context: &mut Context<'_>) -> bool {
        // What came may be here already, or make no record yet: only reading tells.
        true
    }

    fn knocks(&self, context: &mut Context<'_>) -> bool {
        self.get_ref().has_more(context)
    }

    fn begin(&self) {
        // The library notes errors by thread, and asks there whether a read that has nothing yet has failed
        // (SSL_get_error(3)): what it thought of a certificate, on whatever connection, would end this one.
        drop(ErrorStack::get());
    }
}

/// A connection of a public listener.
#[derive(Debug)]
pub struct Watched<Io> {
    io: Io,
    state: Rc<State>,
}

impl<Io> Watched<Io> {
    /// Puts a connection under a worker's watch, with what its TLS handshake said and the place that its
    /// source has given it.
    pub fn new(io: Io, handshake: Handshake, place: Place, worker: &Rc<Worker>) -> Self {
        let state = Rc::new(State::new(Rc::clone(worker), handshake, place));
        worker.watch(&state);
        Self { io, state }
    }

    /// Its state, for its requests.
    pub fn state(&self) -> Rc<State> {
        Rc::clone(&self.state)
    }

    /// Whether its handshake chose HTTP/2.
    pub fn speaks_http2(&self) -> bool {
        self.state.meter.is_some()
    }

    fn going_on(&self) -> io::Result<()> {
        if self.state.doomed.get() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
    }
}

impl<Io: Underlying> AsyncRead for Watched<Io> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.going_on()?;
        if self.state.read.get() >= AT_ONCE {
            // Go on when what is here has been looked at.
            self.state.read.set(0);
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if !self.state.may_read() {
            self.state.read.set(0);
            self.state.wake_later(context);
            self.state.withheld.set(self.io.has_more(context));
            return Poll::Pending;
        }
        if self.state.is_beginning() && self.io.knocks(context) && !self.state.worker.lets_begin(&self.state)
        {
            self.state.read.set(0);
            self.state.wake_later(context);
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        self.io.begin();
        let result = Pin::new(&mut self.io).poll_read(context, buffer);
        self.state.turn.set(Turn::None);
        if result.is_pending() {
            self.state.read.set(0);
            self.state.wake_later(context);
        } else {
            self.state.received(buffer.filled().get(before..).unwrap_or_default());
        }
        result
    }
}

impl<Io: Underlying> AsyncWrite for Watched<Io> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.going_on()?;
        self.io.begin();
        let result = Pin::new(&mut self.io).poll_write(context, bytes);
        let stalled = self.state.stalled.get().is_some();
        self.state.sent(result.is_pending());
        if result.is_pending() {
            self.state.wake_later(context);
        } else if stalled {
            // Reading goes on as well.
            context.waker().wake_by_ref();
        }
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.begin();
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.begin();
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}
