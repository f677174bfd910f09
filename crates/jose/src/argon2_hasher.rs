//! Slow hashes: Argon2id (RFC 9106).

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use domain::port::{Entropy, PasswordHash, SecretHasher, Verified};
use domain::{Fault, Secret};

use crate::OsEntropy;

/// Longest secret that is hashed, bytes.
const LONGEST: usize = 1024;
/// Most memory that a hash may ask for, KiB: ours, or one read from storage.
const MOST_MEMORY: u32 = 1 << 20;
const MOST_ITERATIONS: u32 = 64;
const MOST_PARALLELISM: u32 = 16;

/// Cost of a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argon2Params {
    /// Memory, KiB: 8 × `parallelism` to 1,048,576.
    pub memory_kib: u32,
    /// Passes over the memory: 1 to 64.
    pub iterations: u32,
    /// Lanes: 1 to 16. They are computed one after the other.
    pub parallelism: u32,
}

impl Default for Argon2Params {
    /// 19 MiB, two passes, one lane: the first choice of the OWASP password storage cheat sheet.
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, iterations: 2, parallelism: 1 }
    }
}

/// Why parameters were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HasherConfigError {
    /// Too little or too much memory.
    #[error("argon2 memory must lie between 8 KiB for each lane and 1048576 KiB, not {0} KiB")]
    Memory(u32),
    /// No pass, or too many.
    #[error("argon2 iterations must lie between 1 and 64, not {0}")]
    Iterations(u32),
    /// No lane, or too many.
    #[error("argon2 parallelism must lie between 1 and 16, not {0}")]
    Parallelism(u32),
    /// The dummy hash could not be made.
    #[error("argon2 cannot hash under these parameters")]
    Unusable,
}

/// Argon2id. Each call takes the configured memory and tens of milliseconds: run it in a lane of its own.
pub struct Argon2Hasher {
    argon2: Argon2<'static>,
    /// What is compared with when there is nothing to compare with, made under the same parameters.
    dummy: phc::PasswordHash,
}

impl Argon2Hasher {
    /// A hasher with `params` for new hashes. It makes one hash at once, the dummy.
    ///
    /// # Errors
    /// [`HasherConfigError`] when a parameter is out of bounds.
    pub fn new(params: Argon2Params) -> Result<Self, HasherConfigError> {
        let Argon2Params { memory_kib, iterations, parallelism } = params;
        if !(1..=MOST_PARALLELISM).contains(&parallelism) {
            return Err(HasherConfigError::Parallelism(parallelism));
        }
        if !(1..=MOST_ITERATIONS).contains(&iterations) {
            return Err(HasherConfigError::Iterations(iterations));
        }
        if !(8 * parallelism..=MOST_MEMORY).contains(&memory_kib) {
            return Err(HasherConfigError::Memory(memory_kib));
        }
        let params =
            Params::new(memory_kib, iterations, parallelism, None).or(Err(HasherConfigError::Unusable))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let dummy = argon2
            .hash_password_with_salt(b"matches nothing", b"a dummy has no secret")
            .or(Err(HasherConfigError::Unusable))?;
        Ok(Self { argon2, dummy })
    }

    /// A stored hash, if it is one that this hasher could have made at some time: Argon2id within bounds, so that a
    /// planted text cannot ask for more memory than the machine has.
    fn read(hash: &PasswordHash) -> Result<(phc::PasswordHash, Params), Fault> {
        let unreadable = Fault::Crypto("a stored password hash does not read");
        let Ok(read) = phc::PasswordHash::new(hash.as_phc()) else { return Err(unreadable) };
        let Ok(params) = Params::try_from(&read) else { return Err(unreadable) };
        let bounded = params.m_cost() <= MOST_MEMORY
            && params.t_cost() <= MOST_ITERATIONS
            && params.p_cost() <= MOST_PARALLELISM;
        let complete = read.salt.is_some() && read.hash.is_some();
        if read.algorithm.as_str() == "argon2id" && bounded && complete {
            Ok((read, params))
        } else {
            Err(unreadable)
        }
    }

    fn outdated(&self, stored: &phc::PasswordHash, params: &Params) -> bool {
        let today = self.argon2.params();
        let cost = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
        let length = |hash: &phc::PasswordHash| hash.hash.as_ref().map(phc::Output::len);
        cost(params) != cost(today)
            || stored.version != self.dummy.version
            || length(stored) != length(&self.dummy)
    }
}

impl SecretHasher for Argon2Hasher {
    fn hash(&self, secret: &Secret) -> Result<PasswordHash, Fault> {
        let bytes = secret.expose().as_bytes();
        if bytes.len() > LONGEST {
            return Err(Fault::Crypto("a secret longer than 1024 bytes is not hashed"));
        }
        let mut salt = [0_u8; 16];
        OsEntropy.fill(&mut salt)?;
        let hash =
            self.argon2.hash_password_with_salt(bytes, &salt).or(Err(Fault::Crypto("hashing a password")))?;
        Ok(PasswordHash::from_phc(hash.to_string()))
    }

    fn verify(&self, secret: &Secret, hash: Option<&PasswordHash>) -> Result<Verified, Fault> {
        let stored = hash.map(Self::read).transpose()?;
        let against = stored.as_ref().map_or(&self.dummy, |(hash, _)| hash);
        let bytes = secret.expose().as_bytes();
        let (kept, cut) = bytes.split_at_checked(LONGEST).unwrap_or((bytes, &[]));
        let equal = match self.argon2.verify_password(kept, against) {
            Ok(()) => true,
            Err(argon2::password_hash::Error::PasswordInvalid) => false,
            Err(_) => return Err(Fault::Crypto("comparing a password")),
        };
        let outdated = stored.as_ref().is_some_and(|(hash, params)| self.outdated(hash, params));
        Ok(Verified { matches: equal && cut.is_empty() && stored.is_some(), outdated })
    }
}

impl std::fmt::Debug for Argon2Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Argon2Hasher").field(self.argon2.params()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Argon2Params = Argon2Params { memory_kib: 8, iterations: 1, parallelism: 1 };

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[test]
    fn tells_the_right_password_from_others() {
        let hasher = Argon2Hasher::new(CHEAP).unwrap();
        let hash = hasher.hash(&secret("correct horse")).unwrap();
        assert!(hash.as_phc().starts_with("$argon2id$v=19$m=8,t=1,p=1$"));
        let verify = |text| hasher.verify(&secret(text), Some(&hash)).unwrap();
        assert_eq!(verify("correct horse"), Verified { matches: true, outdated: false });
        assert_eq!(verify("correct horsf"), Verified { matches: false, outdated: false });
        assert_eq!(verify(""), Verified { matches: false, outdated: false });
        assert_ne!(hasher.hash(&secret("correct horse")).unwrap(), hash, "salts differ");
    }

    #[test]
    fn without_a_hash_nothing_matches_not_even_the_dummy() {
        let hasher = Argon2Hasher::new(CHEAP).unwrap();
        for text in ["matches nothing", "", "x"] {
            assert_eq!(
                hasher.verify(&secret(text), None).unwrap(),
                Verified { matches: false, outdated: false }
            );
        }
        assert_eq!(hasher.dummy.params.to_string(), "m=8,t=1,p=1", "the dummy costs what a hash costs");
    }

    #[test]
    fn a_hash_under_other_parameters_matches_and_is_outdated() {
        let old = Argon2Hasher::new(CHEAP).unwrap().hash(&secret("pass")).unwrap();
        for params in [
            Argon2Params { memory_kib: 16, ..CHEAP },
            Argon2Params { iterations: 2, ..CHEAP },
            Argon2Params { memory_kib: 16, parallelism: 2, ..CHEAP },
        ] {
            let today = Argon2Hasher::new(params).unwrap();
            let verified = today.verify(&secret("pass"), Some(&old)).unwrap();
            assert_eq!(verified, Verified { matches: true, outdated: true });
        }
    }

    #[test]
    fn an_overlong_secret_matches_nothing_and_is_not_hashed() {
        let hasher = Argon2Hasher::new(CHEAP).unwrap();
        let longest = "a".repeat(LONGEST);
        let hash = hasher.hash(&secret(&longest)).unwrap();
        assert!(hasher.verify(&secret(&longest), Some(&hash)).unwrap().matches);
        assert!(!hasher.verify(&secret(&format!("{longest}b")), Some(&hash)).unwrap().matches);
        assert!(matches!(hasher.hash(&secret(&format!("{longest}b"))), Err(Fault::Crypto(_))));
    }

    #[test]
    fn a_stored_text_that_is_no_bounded_argon2id_hash_is_a_fault() {
        let hasher = Argon2Hasher::new(CHEAP).unwrap();
        let salt_and_hash = "c29tZXNhbHRzb21lc2FsdA$MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY";
        for text in [
            "",
            "plain",
            "$2b$12$abcdefghijklmnopqrstuv",
            "$argon2id$v=19$m=8,t=1,p=1",
            &format!("$argon2i$v=19$m=8,t=1,p=1${salt_and_hash}"),
            &format!("$argon2id$v=19$m=4194304,t=1,p=1${salt_and_hash}"),
            &format!("$argon2id$v=19$m=8,t=65,p=1${salt_and_hash}"),
            &format!("$argon2id$v=19$m=1024,t=1,p=17${salt_and_hash}"),
        ] {
            let hash = PasswordHash::from_phc(text.to_owned());
            assert!(matches!(hasher.verify(&secret("x"), Some(&hash)), Err(Fault::Crypto(_))), "{text}");
        }
        let well_formed = PasswordHash::from_phc(format!("$argon2id$v=19$m=8,t=1,p=1${salt_and_hash}"));
        assert!(!hasher.verify(&secret("x"), Some(&well_formed)).unwrap().matches);
    }

    #[test]
    fn parameters_out_of_bounds_are_refused() {
        let new = |memory_kib, iterations, parallelism| {
            Argon2Hasher::new(Argon2Params { memory_kib, iterations, parallelism }).map(|_| ()).unwrap_err()
        };
        assert_eq!(new(7, 1, 1), HasherConfigError::Memory(7));
        assert_eq!(new(15, 1, 2), HasherConfigError::Memory(15));
        assert_eq!(new(MOST_MEMORY + 1, 1, 1), HasherConfigError::Memory(MOST_MEMORY + 1));
        assert_eq!(new(8, 0, 1), HasherConfigError::Iterations(0));
        assert_eq!(new(8, 65, 1), HasherConfigError::Iterations(65));
        assert_eq!(new(8, 1, 0), HasherConfigError::Parallelism(0));
        assert_eq!(new(8, 1, u32::MAX), HasherConfigError::Parallelism(u32::MAX));
    }
}
