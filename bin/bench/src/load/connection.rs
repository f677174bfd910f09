//! One keep-alive connection that speaks just enough HTTP/1.1 (RFC 9112) to measure with: `Content-Length` bodies, one
//! request at a time.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::stream::{Stream, Target};
use crate::failure::{Failure, Result};

/// Longest answer that is read, bytes.
const LONGEST: usize = 1024 * 1024;

/// An open connection.
pub(crate) struct Connection {
    stream: Stream,
    buffer: Vec<u8>,
}

/// What came back.
pub(crate) struct Answer<'a> {
    /// The status code.
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: &'a [u8],
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens, or a TLS handshake fails.
    pub(crate) async fn open(target: &Target) -> Result<Self> {
        Ok(Self { stream: Stream::open(target).await?, buffer: Vec::with_capacity(8192) })
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// When the connection breaks, or what comes is no answer with a `Content-Length`.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        self.stream.send(request).await?;
        self.buffer.clear();
        let (status, start, end) = loop {
            if let Some(found) = frame(&self.buffer)? {
                if self.buffer.len() >= found.2 {
                    break found;
                }
                if found.2 > LONGEST {
                    return Err(Failure::new("an answer is too long"));
                }
            }
            self.stream.receive(&mut self.buffer).await?;
        };
        let body = self.buffer.get(start..end).ok_or_else(|| Failure::new("an answer has lost its body"))?;
        Ok(Answer { status, body })
    }
}

/// Status, and where the body begins and ends, once the head is there.
pub(super) fn frame(bytes: &[u8]) -> Result<Option<(u16, usize, usize)>> {
    let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(bytes.get(..head).unwrap_or_default())
        .map_err(|_error| Failure::new("an answer's head is no text"))?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap_or_default().parse()?;
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .ok_or_else(|| Failure::new(format!("status {status} without a Content-Length")))?;
    let start = head.saturating_add(4);
    Ok(Some((status, start, start.saturating_add(length.1.trim().parse()?))))
}

/// A request as it goes over the wire. `authorization` is the header's whole value; a body is a form.
pub(crate) fn request(line: &str, authorization: Option<&str>, form: Option<&str>) -> Vec<u8> {
    let headers = authorization.map_or_else(String::new, |value| format!("authorization: {value}\r\n"));
    with(line, &headers, form)
}

/// The same as a proxy passes it on for `source`.
pub(crate) fn forwarded(line: &str, source: &str, authorization: Option<&str>, form: &str) -> Vec<u8> {
    let headers = authorization.map_or_else(String::new, |value| format!("authorization: {value}\r\n"));
    with(line, &format!("x-forwarded-for: {source}\r\n{headers}"), Some(form))
}

/// The same with any headers.
pub(super) fn with(line: &str, headers: &str, form: Option<&str>) -> Vec<u8> {
    let body = form.map_or_else(
        || "\r\n".to_owned(),
        |form| {
            let length = form.len();
            format!(
                "content-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n\r\n{form}"
            )
        },
    );
    format!("{line} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: */*\r\n{headers}{body}").into_bytes()
}

/// The value of a Basic header (RFC 7617). The bench's own names and secrets need no escaping.
pub(crate) fn basic(client: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{client}:{secret}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_body_once_the_head_is_complete() {
        let answer = b"HTTP/1.1 200 OK\r\nX: y\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(frame(answer).unwrap(), Some((200, 44, 46)));
        assert_eq!(frame(&answer[..43]).unwrap(), None);
    }

    #[test]
    fn refuses_an_answer_whose_end_it_cannot_tell() {
        assert!(frame(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
    }

    #[test]
    fn writes_a_form_with_its_length() {
        let text = String::from_utf8(request("POST /t", Some("Basic x"), Some("a=b"))).unwrap();
        assert!(text.starts_with("POST /t HTTP/1.1\r\nhost: 127.0.0.1\r\n"));
        assert!(text.contains("\r\nauthorization: Basic x\r\n"));
        assert!(text.ends_with("content-length: 3\r\n\r\na=b"));
    }
}
