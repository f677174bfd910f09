//! nginx's `$ssl_client_escaped_cert`: the certificate in PEM, percent-encoded. HAProxy, Apache and the ingress
//! controllers can write the same.

use super::{Lines, Told, Unreadable};

pub(super) fn read(lines: &Lines<'_>) -> Result<Option<Told>, Unreadable> {
    let Some(value) = lines.only(0)? else { return Ok(None) };
    Ok(Some((one_certificate(value)?, Vec::new())))
}

const WHAT: Unreadable = Unreadable("it is no percent-encoded PEM of certificates, or of too many");

/// The DER of exactly one certificate in percent-encoded PEM.
pub(super) fn one_certificate(value: &str) -> Result<Vec<u8>, Unreadable> {
    all_certificates(value, 1)?.pop().ok_or(WHAT)
}

/// The DER of at most so many certificates in percent-encoded PEM.
pub(super) fn all_certificates(value: &str, most: usize) -> Result<Vec<Vec<u8>>, Unreadable> {
    let pem = percent_encoding::percent_decode_str(value).decode_utf8().or(Err(WHAT))?;
    jose::certificates_from_pem(&pem, most).or(Err(WHAT))
}
