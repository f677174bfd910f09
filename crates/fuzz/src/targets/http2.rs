//! HTTP/2, where it is read here and not by the library.

use actix_web::http::header;
use countersign_server::connection::outside::{self, Metered};

use super::{parts, text};

/// What a connection may send at once (docs/bad-days.md).
const CREDIT: u32 = 2048;

/// Frames, after a line whose bytes say where what comes is cut: it costs and leaves the same however it is cut, and that is
/// what RFC 9113 §4.1 says of it.
pub fn http2_frames(bytes: &[u8]) {
    let [cuts, stream] = parts(bytes);
    let expected = by_hand(stream);
    assert_eq!(outside::metered(&[stream]), expected, "in one piece");
    assert_eq!(outside::metered(&stream.chunks(1).collect::<Vec<_>>()), expected, "byte by byte");
    let mut pieces = Vec::new();
    let mut rest = stream;
    for cut in cuts {
        let (piece, later) = rest.split_at(rest.len().min(usize::from(*cut)));
        pieces.push(piece);
        rest = later;
    }
    pieces.push(rest);
    assert_eq!(outside::metered(&pieces), expected, "in pieces");
}

/// The same from all the bytes at once.
fn by_hand(stream: &[u8]) -> Metered {
    let mut came = Metered { cost: 0, whole: 0, within: Some(0), spent: false };
    let Some(mut rest) = stream.get(24..) else { return came };
    came.whole = 1;
    let (mut in_block, mut cut_short) = (false, false);
    while !rest.is_empty() && !cut_short {
        let [high, middle, low, kind, flags, _, _, _, _, payload @ ..] = rest else {
            cut_short = true;
            continue;
        };
        let length = u32::from_be_bytes([0, *high, *middle, *low]);
        came.cost += 1 + length / 1024;
        match kind {
            0x1 => came.cost += 4,
            0x3 => came.cost += 16,
            _ => {}
        }
        if [0x1, 0x9].contains(kind) {
            in_block = flags & 0x4 == 0;
        }
        let after = payload.get(usize::try_from(length).unwrap()..);
        cut_short = after.is_none();
        came.whole += u64::from(!cut_short && !in_block);
        rest = after.unwrap_or_default();
    }
    came.within = (cut_short || in_block).then_some(1);
    came.spent = came.cost > CREDIT;
    came
}

/// Method, scheme, authority, path, fields: what is taken has one `Host`, which is the authority where there is one, and
/// every other field as it came.
pub fn http2_head(bytes: &[u8]) {
    let Some(head) = as_the_library_gives_it(bytes) else { return };
    let (given, method, uri) = (head.headers().clone(), head.method().clone(), head.uri().clone());
    let read = match outside::head(head) {
        Ok(read) => read,
        Err(status) => {
            assert_eq!(status.as_u16(), if given.len() > 96 { 431 } else { 400 });
            return;
        }
    };
    assert!(given.len() <= 96, "{} fields", given.len());
    assert_eq!(read.method.as_str(), method.as_str());
    // No path is the root's (RFC 9110 §4.2.3).
    let rooted = |path: &str| if path.is_empty() { "/".to_owned() } else { path.to_owned() };
    assert_eq!(rooted(read.uri.path()), rooted(uri.path()));
    assert_eq!(read.uri.query(), uri.query());
    let hosts: Vec<&[u8]> = read.headers.get_all(header::HOST).map(header::HeaderValue::as_bytes).collect();
    assert!(hosts.len() == 1 && !hosts[0].is_empty(), "{hosts:?}");
    if let Some(authority) = uri.authority() {
        assert_eq!(hosts[0], authority.as_str().as_bytes());
        assert_eq!(read.uri.host(), uri.host());
        assert!(!authority.as_str().contains('@'));
        let same = |host: &http::HeaderValue| host.as_bytes().eq_ignore_ascii_case(hosts[0]);
        assert!(given.get_all("host").iter().all(same), "two hosts");
    }
    for name in given.keys().filter(|name| *name != "host") {
        let before = given.get_all(name).iter().map(http::HeaderValue::as_bytes);
        let after = read.headers.get_all(name.as_str()).map(header::HeaderValue::as_bytes);
        assert!(before.eq(after), "{name} is another");
    }
    let others = given.len() - given.get_all("host").iter().count();
    assert_eq!(read.headers.len(), others + 1, "fields out of nowhere");
}

/// A head that the library lets pass: without an authority it drops the scheme, and `CONNECT` has neither scheme nor path.
fn as_the_library_gives_it(bytes: &[u8]) -> Option<http::Request<()>> {
    let [method, scheme, authority, path, fields] = parts(bytes);
    let mut uri = http::uri::Parts::default();
    if !authority.is_empty() {
        uri.authority = Some(http::uri::Authority::try_from(authority).ok()?);
    }
    if method != b"CONNECT" {
        uri.path_and_query = Some(http::uri::PathAndQuery::try_from(path).ok()?);
        uri.scheme = http::uri::Scheme::try_from(scheme).ok().filter(|_| uri.authority.is_some());
    }
    let mut request =
        http::Request::builder().method(method).uri(http::Uri::from_parts(uri).ok()?).body(()).ok()?;
    for line in text(fields).lines() {
        let (name, value) = line.split_once(": ")?;
        let name = http::HeaderName::from_bytes(name.as_bytes()).ok()?;
        request.headers_mut().append(name, http::HeaderValue::from_bytes(value.as_bytes()).ok()?);
    }
    Some(request)
}
