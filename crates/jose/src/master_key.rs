//! The installation's master key.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use domain::port::{Entropy, KeyedDigest, Sealer};
use domain::{Fault, Secret, SecretDigest, encoding};
use zeroize::Zeroizing;

use crate::{AesSealer, hkdf};

/// Names the subkey of [`KeyedDigest`]; changing it would invalidate every stored digest.
const DIGEST_LABEL: &[u8] = b"countersign keyed digest";

const EITHER_PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, EITHER_PADDING);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, EITHER_PADDING);

/// 32 random bytes that seal private keys at rest and digest generated secrets, each under a subkey of its own.
/// Zeroised on drop, hidden in `Debug`.
pub struct MasterKey {
    key: Zeroizing<[u8; 32]>,
    digest_key: Zeroizing<[u8; 32]>,
}

/// Why a text is no master key. It never quotes the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MasterKeyError {
    /// Neither 64 hexadecimal digits nor 43 or 44 characters.
    #[error(
        "a master key is 32 bytes: 64 hexadecimal digits, or 43 or 44 characters of base64; this has {0} bytes of text"
    )]
    Length(usize),
    /// The length fits, but not the characters.
    #[error("a master key is 32 bytes in hexadecimal, base64 or base64url; this text is none of these")]
    Encoding,
}

impl MasterKey {
    /// Reads 64 hexadecimal digits, or 43 or 44 characters of base64 or base64url, padded or not, that stand for
    /// exactly 32 bytes. White space around it (a file's last newline) is ignored.
    ///
    /// # Errors
    /// [`MasterKeyError`] for anything else.
    pub fn parse(text: &Secret) -> Result<Self, MasterKeyError> {
        let text = text.expose().trim();
        let bytes = match text.len() {
            64 => from_hex(text),
            43 | 44 => URL_SAFE.decode(text).or_else(|_not_url_safe| STANDARD.decode(text)).ok(),
            other => return Err(MasterKeyError::Length(other)),
        };
        let bytes = Zeroizing::new(bytes.ok_or(MasterKeyError::Encoding)?);
        let mut key = Zeroizing::new([0_u8; 32]);
        if bytes.len() != key.len() {
            return Err(MasterKeyError::Encoding);
        }
        key.copy_from_slice(&bytes);
        Ok(Self::new(key))
    }

    /// Makes a new key, and its base64url text for a file that only the server may read.
    ///
    /// # Errors
    /// [`Fault::Entropy`] when no randomness can be had.
    pub fn generate(entropy: &dyn Entropy) -> Result<(Self, Secret), Fault> {
        let mut key = Zeroizing::new([0_u8; 32]);
        entropy.fill(key.as_mut_slice())?;
        let text = Secret::new(encoding::base64url(key.as_slice()));
        Ok((Self::new(key), text))
    }

    /// Seals `plaintext` for the purpose that `label` names, bound to `aad`.
    ///
    /// # Errors
    /// [`Fault::Crypto`] or [`Fault::Entropy`].
    pub fn seal(&self, label: &str, aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, Fault> {
        AesSealer.seal(self.key.as_slice(), label, aad, plaintext)
    }

    /// Opens what [`MasterKey::seal`] made with the same label and `aad`; `None` when anything differs.
    pub fn open(&self, label: &str, aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        AesSealer.open(self.key.as_slice(), label, aad, sealed)
    }

    fn new(key: Zeroizing<[u8; 32]>) -> Self {
        let digest_key = hkdf::derive(key.as_slice(), DIGEST_LABEL);
        Self { key, digest_key }
    }
}

impl KeyedDigest for MasterKey {
    fn keyed(&self, bytes: &[u8]) -> SecretDigest {
        SecretDigest::from_bytes(hkdf::hmac(&self.digest_key, &[bytes]))
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey(..)")
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, _) = text.as_bytes().as_chunks::<2>();
    pairs.iter().map(|[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect()
}

#[cfg(test)]
mod tests {
    use testkit::SeededEntropy;

    use super::*;

    fn parse(text: &str) -> Result<MasterKey, MasterKeyError> {
        MasterKey::parse(&Secret::new(text.to_owned()))
    }

    fn fingerprint(key: &MasterKey) -> [u8; 32] {
        *key.keyed(b"probe").as_bytes()
    }

    #[test]
    fn every_spelling_of_the_same_bytes_is_the_same_key() {
        let bytes = [0xfb_u8; 32]; // its base64 has characters in which the alphabets differ
        let hex: String = "fb".repeat(32);
        let url = encoding::base64url(&bytes);
        let standard = STANDARD.encode(bytes);
        assert!(url.len() == 43 && standard.len() == 44 && standard.contains('+'));
        let expected = fingerprint(&parse(&hex).unwrap());
        let spellings = [
            hex.to_uppercase(),
            format!("{url}="),
            format!("{url}\n"),
            url,
            standard.replace('=', ""),
            standard,
        ];
        for text in spellings {
            assert_eq!(fingerprint(&parse(&text).unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_without_being_quoted() {
        for text in ["", "short", &"a".repeat(63), &"a".repeat(65), &"a".repeat(42), &"a".repeat(45)] {
            assert_eq!(parse(text).unwrap_err(), MasterKeyError::Length(text.len()));
        }
        let bad = [&"g".repeat(64), &"!".repeat(43), &"a".repeat(44), &"é".repeat(32), &"_+".repeat(22)];
        for text in bad {
            let error = parse(text).unwrap_err();
            assert_eq!(error, MasterKeyError::Encoding, "{text}");
            assert!(!format!("{error}{error:?}").contains(text));
        }
    }

    #[test]
    fn a_generated_key_reads_back_from_its_text() {
        let (key, text) = MasterKey::generate(&SeededEntropy::new(1)).unwrap();
        let sealed = key.seal("label", b"aad", b"text").unwrap();
        assert_eq!(MasterKey::parse(&text).unwrap().open("label", b"aad", &sealed).unwrap(), b"text");
        let (other, _) = MasterKey::generate(&SeededEntropy::new(2)).unwrap();
        assert_eq!(other.open("label", b"aad", &sealed), None);
    }

    #[test]
    fn digests_are_made_under_a_subkey() {
        let key = parse(&"0b".repeat(32)).unwrap();
        assert_ne!(fingerprint(&key), hkdf::hmac(&[0x0b; 32], &[b"probe"]));
        assert_eq!(fingerprint(&key), hkdf::hmac(&hkdf::derive(&[0x0b; 32], DIGEST_LABEL), &[b"probe"]));
    }
}
