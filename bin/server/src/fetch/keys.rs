//! Key sets that clients publish (`jwks_uri`).

use domain::Ttl;
use jose::{JoseVerifier, KeyChoice, RegisteredCertificates};

use super::document::Document;

/// Most usable keys of one set that are held: an RSA key without `alg` counts for each of its algorithms.
const MOST_OF_ONE: usize = 32;

/// What a usable key takes in memory, bytes, or thereabouts.
const A_KEY: usize = 2048;

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
    /// Keys, of `A_KEY` bytes each.
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

    /// In keys. What names certificates takes no more than the text that it was read from.
    fn weight(&self, bytes: usize) -> u32 {
        let keys = self.verifier.key_count().saturating_add(1);
        u32::try_from(keys.max(bytes / A_KEY)).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_certificates_alone_counts_as_well() {
        let thumbprint = domain::Thumbprint::of(b"").to_base64url();
        let filler = "f".repeat(1000);
        let one = format!("{{\"kty\":\"x\",\"x5t#S256\":\"{thumbprint}\",\"filler\":\"{filler}\"}}");
        let set = format!("{{\"keys\":[{}]}}", vec![one; 100].join(","));
        let read = KeySet::read(set.as_bytes()).unwrap();
        assert_eq!(read.verifier.key_count(), 0);
        assert_eq!(read.weight(set.len()), u32::try_from(set.len() / A_KEY).unwrap());
        assert_eq!(read.weight(0), 1);
    }
}
