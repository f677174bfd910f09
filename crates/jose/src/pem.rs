//! Certificates in PEM (RFC 7468 §5).

use openssl::x509::X509;

use crate::CertificateRejected;

/// The DER of every certificate in `pem`, in its order: at least one and at most `most`. Text around them is skipped
/// (RFC 7468 §2).
///
/// # Errors
/// [`CertificateRejected`] when one does not read, there are none, or more than `most`.
pub fn certificates_from_pem(pem: &str, most: usize) -> Result<Vec<Vec<u8>>, CertificateRejected> {
    // Counted before anything is decoded.
    let blocks = pem.matches("-----BEGIN ").count();
    if blocks == 0 || blocks > most {
        return Err(CertificateRejected);
    }
    let read = X509::stack_from_pem(pem.as_bytes()).or(Err(CertificateRejected))?;
    if read.len() != blocks {
        return Err(CertificateRejected);
    }
    read.iter().map(|certificate| certificate.to_der().or(Err(CertificateRejected))).collect()
}
