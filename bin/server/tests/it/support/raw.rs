//! Requests that no well-behaved client sends.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    time::Duration,
};

/// Sends bytes, half-closes, and reads what comes back, at most 15 s.
pub(crate) fn exchange(url: &str, bytes: &[u8]) -> String {
    let mut stream = connect(url);
    // The server may answer and close before everything is sent.
    drop(stream.write_all(bytes));
    drop(stream.shutdown(Shutdown::Write));
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    String::from_utf8_lossy(&answer).into_owned()
}

/// A connection with a read limit.
pub(crate) fn connect(url: &str) -> TcpStream {
    let stream = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
    stream
}

/// The status of an answer's first line; 0 when there was none.
pub(crate) fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// One answer, as it came over the wire.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Status line and header lines.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A header's value; `""` without one.
    pub(crate) fn header(&self, name: &str) -> &str {
        let line =
            |line: &'_ str| line.split_once(':').is_some_and(|(key, _)| key.eq_ignore_ascii_case(name));
        let found = self.head.lines().skip(1).find(|text| line(text));
        found.and_then(|text| text.split_once(':')).map_or("", |(_, value)| value.trim())
    }

    /// The body as JSON; null when it is none.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Whether the server says that it closes.
    pub(crate) fn closes(&self) -> bool {
        self.header("connection").eq_ignore_ascii_case("close")
    }
}

/// A connection on which one request may follow another.
pub(crate) struct Talk<S = TcpStream> {
    stream: S,
    read: Vec<u8>,
}

impl Talk {
    pub(crate) fn open(url: &str) -> Self {
        Self::over(connect(url))
    }

    /// Sends no more.
    pub(crate) fn finish(&mut self) {
        drop(self.stream.shutdown(Shutdown::Write));
    }
}

impl<S: Read + Write> Talk<S> {
    pub(crate) fn over(stream: S) -> Self {
        Self { stream, read: Vec::new() }
    }

    /// What it lies on.
    pub(crate) fn stream(&self) -> &S {
        &self.stream
    }

    /// Sends. The server may have answered and closed before all is sent: then the rest is lost.
    pub(crate) fn say(&mut self, bytes: &[u8]) {
        drop(self.stream.write_all(bytes));
    }

    /// The next answer; `None` when the connection ends without one. The answer to `HEAD` has no body.
    pub(crate) fn answer(&mut self, to_head: bool) -> Option<Answer> {
        loop {
            let end = self.until(|read| read.windows(4).position(|part| part == b"\r\n\r\n"))? + 4;
            let head = String::from_utf8_lossy(&self.read[..end]).into_owned();
            self.read.drain(..end);
            let mut answer = Answer { status: status(&head), head, body: Vec::new() };
            if answer.status == 100 {
                continue;
            }
            let length = answer.header("content-length").parse().unwrap_or(0);
            if !to_head && answer.status != 204 {
                assert_ne!(answer.header("transfer-encoding"), "chunked", "answers have a length");
                self.until(|read| (read.len() >= length).then_some(0))?;
                answer.body = self.read.drain(..length).collect();
            }
            return Some(answer);
        }
    }

    /// Reads until `found` finds something; `None` at the end.
    fn until(&mut self, found: impl Fn(&[u8]) -> Option<usize>) -> Option<usize> {
        let mut part = [0; 16 * 1024];
        loop {
            if let Some(at) = found(&self.read) {
                return Some(at);
            }
            match self.stream.read(&mut part) {
                Ok(0) | Err(_) => return None,
                Ok(count) => self.read.extend_from_slice(&part[..count]),
            }
        }
    }
}
