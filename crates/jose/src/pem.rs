//! Certificates in PEM (RFC 7468 §5).

use domain::UnreadableCertificate;
use openssl::x509::X509;

/// The DER of every certificate in `pem`, in its order: at least one and at most `most`. Text around them is skipped
/// (RFC 7468 §2).
///
/// # Errors
/// [`UnreadableCertificate`] when one does not read, there are none, or more than `most`.
pub fn certificates_from_pem(pem: &str, most: usize) -> Result<Vec<Vec<u8>>, UnreadableCertificate> {
    // Counted before anything is decoded.
    let blocks = pem.matches("-----BEGIN ").count();
    if blocks == 0 || blocks > most {
        return Err(UnreadableCertificate);
    }
    let read = stack(pem).ok_or(UnreadableCertificate)?;
    if read.len() != blocks {
        return Err(UnreadableCertificate);
    }
    read.iter().map(|certificate| certificate.to_der().or(Err(UnreadableCertificate))).collect()
}

/// The certificates in `pem`; `None` when one does not read. OpenSSL takes a line for a C string: what stands behind a NUL in
/// it would be there for us, and not for OpenSSL, or the other way round.
pub(crate) fn stack(pem: &str) -> Option<Vec<X509>> {
    if pem.contains('\0') {
        return None;
    }
    X509::stack_from_pem(pem.as_bytes()).ok()
}
