//! A stream that its worker can end.

use std::{
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use actix_web::rt::net::TcpStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{State, Worker};

/// Bytes that the dispatcher gets at once: it parses all it has.
const AT_ONCE: usize = 8 * 1024;

/// A connection of the public listener.
#[derive(Debug)]
pub struct Watched {
    io: TcpStream,
    state: Rc<State>,
}

impl Watched {
    /// Puts a connection under a worker's watch.
    pub fn new(io: TcpStream, worker: &Rc<Worker>) -> Self {
        let state = Rc::new(State::new(Rc::clone(worker), None));
        worker.watch(&state);
        Self { io, state }
    }

    /// Its state, for its requests.
    pub fn state(&self) -> Rc<State> {
        Rc::clone(&self.state)
    }

    fn going_on(&self) -> io::Result<()> {
        if self.state.doomed.get() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
    }
}

impl AsyncRead for Watched {
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
            self.state.withheld.set(self.io.poll_read_ready(context).is_ready());
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.io).poll_read(context, buffer);
        if result.is_pending() {
            self.state.read.set(0);
            self.state.wake_later(context);
        } else {
            self.state.received(buffer.filled().len().saturating_sub(before));
        }
        result
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.going_on()?;
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
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}
