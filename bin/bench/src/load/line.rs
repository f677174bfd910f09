//! A connection that never waits: what it cannot send or read now, it does at the next look.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::connection::frame;
use crate::failure::{Failure, Result};

/// How long a new connection may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// A request that is not answered yet.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    /// When it should have been sent.
    pub(super) due: Instant,
    /// When it was.
    pub(super) sent: Instant,
}

/// An open connection.
pub(super) struct Line {
    stream: TcpStream,
    /// What has come of an answer.
    come: Vec<u8>,
    /// What the socket has not taken yet.
    unsent: Vec<u8>,
    asked: VecDeque<Asked>,
}

impl Line {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens.
    pub(super) fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, come: Vec::new(), unsent: Vec::new(), asked: VecDeque::new() })
    }

    /// How many requests wait for an answer.
    pub(super) fn waiting(&self) -> usize {
        self.asked.len()
    }

    /// Takes a request; [`Self::flush`] sends it.
    pub(super) fn ask(&mut self, request: &[u8], due: Instant, sent: Instant) {
        self.unsent.extend_from_slice(request);
        self.asked.push_back(Asked { due, sent });
    }

    /// Sends as much as the socket takes.
    ///
    /// # Errors
    /// When the connection is broken.
    pub(super) fn flush(&mut self) -> Result<()> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Reads what is there, and gives each complete answer's status to `each`.
    ///
    /// # Errors
    /// When the connection is broken or closed, or what comes is no answer.
    pub(super) fn hear(&mut self, chunk: &mut [u8], mut each: impl FnMut(u16, Asked)) -> Result<()> {
        match self.stream.read(chunk) {
            Ok(0) => return Err(Failure::new("the server closed the connection")),
            Ok(count) => self.come.extend_from_slice(chunk.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        let mut rest = self.come.as_slice();
        while let Some((status, _, end)) = frame(rest)? {
            let Some(behind) = rest.get(end..) else { break };
            rest = behind;
            let asked = self.asked.pop_front();
            each(status, asked.ok_or_else(|| Failure::new("an answer that nobody asked for"))?);
        }
        let left = rest.len();
        drop(self.come.drain(..self.come.len().saturating_sub(left)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::clock;

    #[test]
    fn answers_belong_to_requests_in_the_order_in_which_these_were_sent() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut line = Line::open(listener.local_addr().unwrap()).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        let (first, second) = (clock::now(), clock::now() + Duration::from_secs(1));
        line.ask(b"one", first, first);
        line.ask(b"two", second, second);
        line.flush().unwrap();
        let mut got = [0; 6];
        peer.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"onetwo");
        peer.write_all(
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n",
        )
        .unwrap();
        let mut heard = Vec::new();
        let mut until = |line: &mut Line, count| {
            while heard.len() < count {
                line.hear(&mut [0; 64], |status, asked| heard.push((status, asked.due))).unwrap();
            }
        };
        until(&mut line, 1);
        peer.write_all(b"\r\n").unwrap();
        until(&mut line, 2);
        assert_eq!(heard, [(200, first), (503, second)]);
        assert_eq!(line.waiting(), 0);
        drop(peer);
        while line.hear(&mut [0; 64], |_, _| {}).is_ok() {}
    }
}
