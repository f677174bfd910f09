//! `X-Correlation-ID` (DECISIONS 4.4).

use actix_web::http::header::HeaderMap;
use domain::{Fault, RequestId, port::Entropy};

/// The header's name.
pub const HEADER: &str = "x-correlation-id";

/// The caller's id when it is well-formed (1 to 128 of `A-Z a-z 0-9 . _ : -`), else a fresh one.
///
/// # Errors
/// [`Fault::Entropy`].
pub fn of(headers: &HeaderMap, entropy: &dyn Entropy) -> Result<RequestId, Fault> {
    let given = headers.get(HEADER).and_then(|value| value.to_str().ok());
    match given.filter(|text| well_formed(text)).and_then(RequestId::parse) {
        Some(id) => Ok(id),
        None => crate::setup::new_request_id(entropy),
    }
}

fn well_formed(text: &str) -> bool {
    text.len() <= 128 && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-'))
}
