//! The parsers of HTTP/2 one by one, for the fuzz targets (docs/fuzzing.md).

use actix_web::{
    dev::Payload,
    http::{Method, StatusCode, Uri, header::HeaderMap},
};

use super::{
    meter::{Frames, Meter},
    translation,
};

/// What a peer's bytes came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metered {
    /// What its frames cost.
    pub cost: u32,
    /// What became whole: the preface, frames, and header blocks of more than one.
    pub whole: u64,
    /// The beat since which something has begun that is not whole yet: 0 is that of the connection, 1 that of the bytes.
    pub within: Option<u64>,
    /// Whether it was more than a new connection may send at once.
    pub spent: bool,
}

/// Reads what comes on a new connection, in parts.
pub fn metered(parts: &[&[u8]]) -> Metered {
    let (mut frames, mut meter, mut cost) = (Frames::default(), Meter::new(0), 0_u32);
    for part in parts {
        cost = cost.saturating_add(frames.read(part));
        meter.read(part, 1);
    }
    Metered { cost, whole: frames.whole, within: meter.within(), spent: meter.is_spent() }
}

/// A request's head as the service takes it.
#[derive(Debug)]
pub struct Head {
    /// Its method.
    pub method: Method,
    /// What it asks for.
    pub uri: Uri,
    /// Its fields.
    pub headers: HeaderMap,
}

/// Takes a head as the HTTP/2 library gives it.
///
/// # Errors
/// The status that refuses it.
pub fn head(head: http::Request<()>) -> Result<Head, StatusCode> {
    let (head, ()) = head.into_parts();
    let mut request = translation::request(&head, Payload::None, None)?;
    let head = request.head_mut();
    Ok(Head {
        method: head.method.clone(),
        uri: head.uri.clone(),
        headers: std::mem::replace(&mut head.headers, HeaderMap::new()),
    })
}
