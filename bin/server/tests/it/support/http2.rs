//! HTTP/2: a client that keeps the rules, and frames as no client sends them.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    pin::Pin,
    time::{Duration, Instant},
};

use actix_web::web::Bytes;
use h2::client::SendRequest;
use openssl::ssl::SslStream;
use tokio::{runtime::Runtime, task::JoinSet, time::timeout};

use super::tls::Caller;

/// What a client says that speaks nothing else.
pub(crate) const ONLY_HTTP2: &[u8] = b"\x02h2";

/// Longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// An answer: its status, its header fields, its body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
}

/// A client on one connection.
pub(crate) struct Client {
    runtime: Runtime,
    requests: SendRequest<Bytes>,
    connection: tokio::task::JoinHandle<Result<(), h2::Error>>,
}

impl Client {
    pub(crate) fn connect(caller: Caller<'_>, address: SocketAddr) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let ssl = caller.ssl(|context| context.set_alpn_protos(ONLY_HTTP2).unwrap());
        let (requests, connection) = runtime.block_on(async {
            let stream = tokio::net::TcpStream::connect(address).await.unwrap();
            let mut stream = tokio_openssl::SslStream::new(ssl, stream).unwrap();
            Pin::new(&mut stream).connect().await.unwrap();
            assert_eq!(stream.ssl().selected_alpn_protocol(), Some(&b"h2"[..]));
            // What may be open before the server has said it (RFC 9113 §6.5.2): what is more is refused, to be tried
            // again, and whether it comes that early depends on the machine.
            h2::client::Builder::new().initial_max_send_streams(100).handshake(stream).await.unwrap()
        });
        let connection = runtime.spawn(connection);
        Self { runtime, requests, connection }
    }

    /// Sends requests with their bodies all at once; the answers in their order.
    pub(crate) fn all(
        &mut self,
        requests: Vec<(http::Request<()>, String)>,
    ) -> Vec<Result<Answer, h2::Error>> {
        let sender = self.requests.clone();
        let asking = async move {
            let mut asked = JoinSet::new();
            for (place, (request, body)) in requests.into_iter().enumerate() {
                let sender = sender.clone();
                asked.spawn(async move { (place, one(sender, request, body).await) });
            }
            let mut answers = asked.join_all().await;
            answers.sort_by_key(|(place, _)| *place);
            answers.into_iter().map(|(_, answer)| answer).collect()
        };
        self.runtime.block_on(async { timeout(PATIENCE, asking).await.expect("answers in time") })
    }

    pub(crate) fn ask(&mut self, request: http::Request<()>, body: &str) -> Answer {
        self.all(vec![(request, body.to_owned())]).pop().unwrap().unwrap()
    }

    /// Waits for the server to close, in order.
    pub(crate) fn closed(self) {
        drop(self.requests);
        let closed = self.runtime.block_on(async { timeout(PATIENCE, self.connection).await });
        // What the client says last may meet a closed door.
        let closed = closed.expect("closed in time").unwrap();
        assert!(closed.as_ref().err().is_none_or(h2::Error::is_io), "{closed:?}");
    }
}

async fn one(
    sender: SendRequest<Bytes>,
    request: http::Request<()>,
    body: String,
) -> Result<Answer, h2::Error> {
    let mut sender = sender.ready().await?;
    let (answer, mut stream) = sender.send_request(request, body.is_empty())?;
    if !body.is_empty() {
        stream.send_data(body.into(), true)?;
    }
    let (head, mut rest) = answer.await?.into_parts();
    let mut body = Vec::new();
    while let Some(part) = rest.data().await {
        let part = part?;
        rest.flow_control().release_capacity(part.len())?;
        body.extend_from_slice(&part);
    }
    Ok(Answer { status: head.status.as_u16(), headers: head.headers, body: String::from_utf8(body).unwrap() })
}

/// A form for a path of a host.
pub(crate) fn form(host: &str, path: &str) -> http::Request<()> {
    http::Request::post(format!("https://{host}{path}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(())
        .unwrap()
}

/// Types of frames (RFC 9113 §6).
pub(crate) const DATA: u8 = 0x0;
pub(crate) const HEADERS: u8 = 0x1;
pub(crate) const RST_STREAM: u8 = 0x3;
pub(crate) const SETTINGS: u8 = 0x4;
pub(crate) const PING: u8 = 0x6;
pub(crate) const GOAWAY: u8 = 0x7;
pub(crate) const WINDOW_UPDATE: u8 = 0x8;
pub(crate) const CONTINUATION: u8 = 0x9;

/// Flags.
pub(crate) const END_STREAM: u8 = 0x1;
pub(crate) const END_HEADERS: u8 = 0x4;

/// A frame (RFC 9113 §4.1).
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, high, middle, low] = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![high, middle, low, kind, flags];
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A header block of short fields, none of them indexed (RFC 7541 §6.2.2).
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in fields {
        bytes.push(0);
        for text in [name, value] {
            assert!(text.len() < 127);
            bytes.push(u8::try_from(text.len()).unwrap());
            bytes.extend(text.as_bytes());
        }
    }
    bytes
}

/// The header block of a request without more.
pub(crate) fn head(method: &str, path: &str) -> Vec<u8> {
    block(&[(":method", method), (":scheme", "https"), (":authority", "localhost"), (":path", path)])
}

/// How a connection ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// After what time.
    pub(crate) took: Duration,
    /// The code of the server's GOAWAY.
    pub(crate) reason: Option<u32>,
    /// Types of the frames that came, in their order.
    pub(crate) came: Vec<u8>,
}

/// A connection that sends whatever frames.
pub(crate) struct Frames {
    stream: SslStream<TcpStream>,
    read: Vec<u8>,
}

impl Frames {
    /// Shakes hands, and says the preface with settings (RFC 9113 §3.4).
    pub(crate) fn open(address: SocketAddr, settings: &[u8]) -> Self {
        let mut opened = Self::silent(address);
        opened.say(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        opened.say(&frame(SETTINGS, 0, 0, settings));
        opened
    }

    /// Shakes hands.
    pub(crate) fn silent(address: SocketAddr) -> Self {
        let ssl = Caller::default().ssl(|context| context.set_alpn_protos(ONLY_HTTP2).unwrap());
        let stream = TcpStream::connect(address).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let stream = ssl.connect(stream).unwrap();
        Self { stream, read: Vec::new() }
    }

    /// Sends; whether it still could.
    pub(crate) fn say(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Says what `next` gives, again and again, a little time apart, until the server ends the connection.
    pub(crate) fn until_ended(
        mut self,
        bound: Duration,
        apart: Duration,
        mut next: impl FnMut() -> Vec<u8>,
    ) -> Ended {
        self.stream.get_ref().set_read_timeout(Some(apart)).unwrap();
        let begun = Instant::now();
        let (mut due, mut said) = (begun, true);
        let mut part = [0; 16 * 1024];
        while begun.elapsed() < bound {
            if due <= Instant::now() {
                let piece = next();
                said = piece.is_empty() || self.say(&piece);
                due = Instant::now() + apart;
            }
            match self.stream.read(&mut part) {
                Ok(0) => break,
                Ok(count) => self.read.extend_from_slice(&part[..count]),
                Err(error)
                    if said && [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => {}
                Err(_) => break,
            }
        }
        let (came, reason) = self.came();
        Ended { took: begun.elapsed(), reason, came }
    }

    /// Reads until a frame of a type has come.
    pub(crate) fn until(&mut self, kind: u8) {
        self.stream.get_ref().set_read_timeout(Some(PATIENCE)).unwrap();
        let mut part = [0; 16 * 1024];
        while !self.came().0.contains(&kind) {
            let count = self.stream.read(&mut part).unwrap();
            assert!(count > 0, "closed before a frame of type {kind}");
            self.read.extend_from_slice(&part[..count]);
        }
    }

    /// Types of the frames that have come, and the code of a GOAWAY.
    fn came(&self) -> (Vec<u8>, Option<u32>) {
        let (mut came, mut reason, mut rest) = (Vec::new(), None, &self.read[..]);
        while rest.len() >= 9 {
            let length = usize::try_from(u32::from_be_bytes([0, rest[0], rest[1], rest[2]])).unwrap();
            let Some(payload) = rest.get(9..9 + length) else { break };
            if rest[3] == GOAWAY {
                reason = Some(u32::from_be_bytes(payload[4..8].try_into().unwrap()));
            }
            came.push(rest[3]);
            rest = &rest[9 + length..];
        }
        (came, reason)
    }
}
