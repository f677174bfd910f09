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
    let read = X509::stack_from_pem(pem.as_bytes()).or(Err(UnreadableCertificate))?;
    if read.len() != blocks {
        return Err(UnreadableCertificate);
    }
    read.iter().map(|certificate| certificate.to_der().or(Err(UnreadableCertificate))).collect()
}
