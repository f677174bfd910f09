//! Key sets that clients publish (`jwks_uri`).

use domain::Ttl;
use jose::{JoseVerifier, KeyChoice, RegisteredCertificates};

use super::document::Document;

/// Most usable keys of one set that are held: an RSA key without `alg` counts for each of its algorithms.
const MOST_OF_ONE: usize = 32;

/// What a set says.
#[derive(Debug)]
pub struct KeySet {
    /// Its usable keys.
    pub verifier: JoseVerifier,
    /// Those that all keys name, and those that the keys without `use` name where there are any.
    certificates: [RegisteredCertificates; 2],
}

impl KeySet {
    /// The certificates that its keys of that choice name.
    pub const fn certificates(&self, choice: KeyChoice) -> &RegisteredCertificates {
        let [any, unmarked] = &self.certificates;
        match choice {
            KeyChoice::Any => any,
            KeyChoice::PreferUnmarked => unmarked,
        }
    }
}

impl Document for KeySet {
    const PLACE: &'static str = "jwks_uri";
    const ACCEPT: &'static str = "application/json";
    const LONGEST: usize = 128 * 1024;
    /// Keys, some 2 KiB each.
    const MOST: u64 = 20_000;
    const FROM_A_HOST: (u32, u32) = (60, 120);
    const STALE: Ttl = Ttl::from_secs(3600);
    const SIGNED: bool = false;

    fn read(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).or(Err("it is no text"))?;
        let verifier = JoseVerifier::from_first_of_jwks(text, MOST_OF_ONE);
        let certificates = [KeyChoice::Any, KeyChoice::PreferUnmarked]
            .map(|choice| RegisteredCertificates::from_jwks(text, choice));
        Ok(Self { verifier: verifier.map_err(|error| error.to_string())?, certificates })
    }

    fn weight(&self, _bytes: usize) -> u32 {
        u32::try_from(self.verifier.key_count()).unwrap_or(u32::MAX).saturating_add(1)
    }
}
