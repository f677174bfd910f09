//! Heads between `h2` and the HTTP library, which say them in two versions of the same types.

use std::{net::SocketAddr, time::SystemTime};

use actix_http::{Request, ResponseHead, Version};
use actix_web::{
    dev::Payload,
    http::{
        Method, StatusCode, Uri,
        header::{self, HeaderMap, HeaderName, HeaderValue, HttpDate},
        uri,
    },
};

/// Header fields that a request may have, as on HTTP/1.
const MOST_FIELDS: usize = 96;

/// Fields that concern one HTTP/1 connection and that HTTP/2 does not know (RFC 9113 §8.2.2).
const OF_A_CONNECTION: [HeaderName; 3] = [header::CONNECTION, header::TRANSFER_ENCODING, header::UPGRADE];

/// A request as the service takes it. It has one `Host`, like every other.
///
/// # Errors
/// The status that refuses it: 431 for too many fields, 400 for what is no head, or says of no host or of two.
pub(super) fn request(
    head: &http::request::Parts,
    body: Payload,
    peer: Option<SocketAddr>,
) -> Result<Request, StatusCode> {
    if head.headers.len() > MOST_FIELDS {
        return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    let bad = StatusCode::BAD_REQUEST;
    let mut request = Request::with_payload(body);
    let to = request.head_mut();
    to.version = Version::HTTP_2;
    to.method = Method::from_bytes(head.method.as_str().as_bytes()).or(Err(bad))?;
    to.uri = uri(&head.uri).ok_or(bad)?;
    to.peer_addr = peer;
    to.headers = HeaderMap::with_capacity(head.headers.len().saturating_add(1));
    for (name, value) in &head.headers {
        let name = HeaderName::from_bytes(name.as_str().as_bytes()).or(Err(bad))?;
        to.headers.append(name, HeaderValue::from_bytes(value.as_bytes()).or(Err(bad))?);
    }
    if let Some(authority) = head.uri.authority().map(http::uri::Authority::as_str) {
        // RFC 9113 §8.3.1: one that says something else is malformed, and so is one with a user.
        let same = |host: &HeaderValue| host.as_bytes().eq_ignore_ascii_case(authority.as_bytes());
        if authority.contains('@') || !to.headers.get_all(header::HOST).all(same) {
            return Err(bad);
        }
        to.headers.insert(header::HOST, HeaderValue::from_str(authority).or(Err(bad))?);
    }
    let mut hosts = to.headers.get_all(header::HOST);
    // There must be one (RFC 9113 §8.3.1), and only one (RFC 9112 §3.2).
    let is_one = matches!((hosts.next(), hosts.next()), (Some(host), None) if !host.is_empty());
    is_one.then_some(request).ok_or(bad)
}

/// The same part by part: written as one text, the `*` of `OPTIONS` would become a part of the host.
fn uri(from: &http::Uri) -> Option<Uri> {
    let mut to = uri::Parts::default();
    if let Some(scheme) = from.scheme_str() {
        to.scheme = Some(uri::Scheme::try_from(scheme).ok()?);
    }
    if let Some(authority) = from.authority() {
        to.authority = Some(uri::Authority::try_from(authority.as_str()).ok()?);
    }
    if let Some(path) = from.path_and_query() {
        to.path_and_query = Some(uri::PathAndQuery::try_from(path.as_str()).ok()?);
    }
    Uri::from_parts(to).ok()
}

/// An answer's head, with the length of its body and the date (RFC 9110 §6.6.1).
pub(super) fn response(head: &ResponseHead, length: usize) -> http::Response<()> {
    let mut to = http::Response::new(());
    *to.status_mut() =
        http::StatusCode::from_u16(head.status.as_u16()).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let fields = to.headers_mut();
    for (name, value) in head.headers.iter().filter(|(name, _)| !OF_A_CONNECTION.contains(name)) {
        let name = http::HeaderName::from_bytes(name.as_str().as_bytes());
        if let (Ok(name), Ok(value)) = (name, http::HeaderValue::from_bytes(value.as_bytes())) {
            fields.append(name, value);
        }
    }
    let without = head.status == StatusCode::NO_CONTENT || head.status == StatusCode::NOT_MODIFIED;
    if !without && !fields.contains_key(http::header::CONTENT_LENGTH) {
        fields.insert(http::header::CONTENT_LENGTH, length.into());
    }
    if let Ok(date) = http::HeaderValue::from_str(&HttpDate::from(now()).to_string()) {
        fields.entry(http::header::DATE).or_insert(date);
    }
    to
}

#[expect(
    clippy::disallowed_methods,
    reason = "the machine's own date, as the HTTP library says it on HTTP/1"
)]
fn now() -> SystemTime {
    SystemTime::now()
}
