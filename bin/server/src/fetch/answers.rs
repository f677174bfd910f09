//! What responders say of certificates (`mtls_ocsp`).

use domain::Ttl;
use jose::OcspAnswer;

use super::document::{Document, kibibytes};

/// An answer, and how long it was.
#[derive(Debug)]
pub struct Answer {
    /// What it says.
    pub ocsp: OcspAnswer,
    bytes: usize,
}

impl Document for Answer {
    const PLACE: &'static str = "mtls_ocsp";
    const ACCEPT: &'static str = "application/ocsp-response";
    const QUESTION: &'static str = "application/ocsp-request";
    const LONGEST: usize = OcspAnswer::LONGEST;
    /// Kibibytes.
    const MOST: u64 = 64 * 1024;
    const SHARE: u64 = Self::MOST / 4;
    /// Its own `nextUpdate` ends it.
    const STALE: Ttl = Ttl::from_days(365);
    const SIGNED: bool = true;

    fn read(bytes: &[u8]) -> Result<Self, String> {
        let ocsp = OcspAnswer::from_der(bytes).map_err(|error| format!("it {error}"))?;
        Ok(Self { ocsp, bytes: bytes.len() })
    }

    fn weight(&self) -> u32 {
        kibibytes(self.bytes)
    }
}
