//! Lists of revoked certificates that authorities publish (`mtls_crl_uris`).

use domain::Ttl;
use jose::Crls;

use super::document::Document;

impl Document for Crls {
    const PLACE: &'static str = "mtls_crl_uris";
    const ACCEPT: &'static str = "application/pkix-crl";
    const LONGEST: usize = Self::LONGEST;
    /// Kibibytes; in memory they take up to nine times as much.
    const MOST: u64 = 64 * 1024;
    const SHARE: u64 = Self::MOST / 4;
    const FROM_A_HOST: (u32, u32) = (60, 120);
    /// Their own `nextUpdate` ends them.
    const STALE: Ttl = Ttl::from_days(365);
    const SIGNED: bool = true;

    fn read(bytes: &[u8]) -> Result<Self, String> {
        Self::from_bytes(bytes).map_err(|error| format!("it {error}"))
    }
}
