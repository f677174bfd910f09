//! Crypto ports without cryptography: quick, deterministic, and worth nothing outside tests.

use domain::port::{KeyedDigest, PasswordHash, Sealer, SecretHasher, Signer, Verified};
use domain::{Claims, Fault, Secret, SecretDigest, SigningAlg, encoding};
use sha2::{Digest, Sha256};

/// "Hashes" to `$plain$r=<round>$<base64url of the secret>`. Hashes of another round are outdated.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlainHasher {
    /// Stands for the parameters.
    pub round: u32,
}

impl SecretHasher for PlainHasher {
    fn hash(&self, secret: &Secret) -> Result<PasswordHash, Fault> {
        let text = encoding::base64url(secret.expose().as_bytes());
        Ok(PasswordHash::from_phc(format!("$plain$r={}${text}", self.round)))
    }

    fn verify(&self, secret: &Secret, hash: Option<&PasswordHash>) -> Result<Verified, Fault> {
        let Some(hash) = hash else { return Ok(Verified { matches: false, outdated: false }) };
        let parts: Vec<&str> = hash.as_phc().split('$').collect();
        let ["", "plain", round, text] = parts.as_slice() else {
            return Err(Fault::Crypto("a stored hash does not read"));
        };
        Ok(Verified {
            matches: *text == encoding::base64url(secret.expose().as_bytes()),
            outdated: *round != format!("r={}", self.round),
        })
    }
}

/// SHA-256 behind a fixed prefix.
#[derive(Clone, Copy, Debug, Default)]
pub struct FastDigest;

impl KeyedDigest for FastDigest {
    fn keyed(&self, bytes: &[u8]) -> SecretDigest {
        SecretDigest::from_bytes(Sha256::new().chain_update("testkit ").chain_update(bytes).finalize().into())
    }
}

/// XORs with a stream from SHA-256 of key, label and associated data, and checks the result. Deterministic.
#[derive(Clone, Copy, Debug, Default)]
pub struct XorSealer;

impl XorSealer {
    fn context(key: &[u8], label: &str, aad: &[u8]) -> Sha256 {
        let mut hash = Sha256::new();
        for part in [key, label.as_bytes(), aad] {
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
        hash
    }

    fn xor(context: &Sha256, bytes: &[u8]) -> Vec<u8> {
        let blocks = (0_u64..).flat_map(|n| context.clone().chain_update(n.to_be_bytes()).finalize());
        bytes.iter().zip(blocks).map(|(byte, mask)| byte ^ mask).collect()
    }

    fn check(context: &Sha256, plaintext: &[u8]) -> Vec<u8> {
        context.clone().chain_update("check").chain_update(plaintext).finalize().to_vec()
    }
}

impl Sealer for XorSealer {
    fn seal(&self, key: &[u8], label: &str, aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, Fault> {
        let context = Self::context(key, label, aad);
        let mut sealed = Self::check(&context, plaintext);
        sealed.extend(Self::xor(&context, plaintext));
        Ok(sealed)
    }

    fn open(&self, key: &[u8], label: &str, aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let context = Self::context(key, label, aad);
        let (check, body) = sealed.split_at_checked(32)?;
        let plaintext = Self::xor(&context, body);
        (check == Self::check(&context, &plaintext)).then_some(plaintext)
    }
}

/// Makes `base64url(header).base64url(claims).c2lnbmF0dXJl`: readable, with a signature that nobody should trust.
#[derive(Clone, Debug)]
pub struct TestSigner {
    /// The algorithm it claims to use.
    pub alg: SigningAlg,
    /// Its key id.
    pub kid: String,
}

impl TestSigner {
    /// A signer that claims `alg`, with the key id `test-<alg>`.
    pub fn new(alg: SigningAlg) -> Self {
        Self { alg, kid: format!("test-{}", alg.as_str()) }
    }

    /// The header of what [`Signer::sign`] made; `None` when it is something else.
    pub fn header_of(compact: &str) -> Option<Claims> {
        Self::part(compact, 0)
    }

    /// The claims of what [`Signer::sign`] made; `None` when it is something else.
    pub fn claims_of(compact: &str) -> Option<Claims> {
        Self::part(compact, 1)
    }

    fn part(compact: &str, index: usize) -> Option<Claims> {
        let bytes = encoding::from_base64url(compact.split('.').nth(index)?)?;
        serde_json::from_slice(&bytes).ok()
    }
}

impl Default for TestSigner {
    fn default() -> Self {
        Self::new(SigningAlg::RS256)
    }
}

impl Signer for TestSigner {
    fn alg(&self) -> SigningAlg {
        self.alg
    }

    fn sign(&self, typ: &str, claims: &Claims) -> Result<String, Fault> {
        let header = serde_json::json!({ "alg": self.alg.as_str(), "kid": self.kid, "typ": typ });
        let claims = serde_json::Value::Object(claims.clone());
        let text = |value: serde_json::Value| encoding::base64url(value.to_string().as_bytes());
        Ok(format!("{}.{}.{}", text(header), text(claims), encoding::base64url(b"signature")))
    }
}
