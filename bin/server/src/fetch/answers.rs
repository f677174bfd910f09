//! What responders say of certificates (`mtls_ocsp`).

use domain::Ttl;
use jose::OcspAnswer;

use super::document::Document;

impl Document for OcspAnswer {
    const PLACE: &'static str = "mtls_ocsp";
    const ACCEPT: &'static str = "application/ocsp-response";
    const QUESTION: &'static str = "application/ocsp-request";
    const LONGEST: usize = Self::LONGEST;
    /// Kibibytes.
    const MOST: u64 = 64 * 1024;
    const SHARE: u64 = Self::MOST / 4;
    /// One host answers for all the certificates of a tenant.
    const FROM_A_HOST: (u32, u32) = (600, 1200);
    /// Its own `nextUpdate` ends it.
    const STALE: Ttl = Ttl::from_days(365);
    const SIGNED: bool = true;

    fn read(bytes: &[u8]) -> Result<Self, String> {
        Self::from_der(bytes).map_err(|error| format!("it {error}"))
    }
}
