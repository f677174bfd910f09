//! Sealing: AES-256-GCM under derived keys.

use domain::Fault;
use domain::port::{Entropy, Sealer};
use openssl::symm::{Cipher, decrypt_aead, encrypt_aead};

use crate::{OsEntropy, hkdf};

/// The format: this byte, a random 96-bit nonce, the ciphertext, the tag. The byte is authenticated too.
const FORMAT: u8 = 1;
const NONCE: usize = 12;
const TAG: usize = 16;

/// AES-256-GCM under HKDF-SHA-256(key, info = label), with a random nonce for each message (NIST SP 800-38D §8.2.2).
/// One key and label are good for 2³² messages, far more than either use of it here makes.
#[derive(Clone, Copy, Debug, Default)]
pub struct AesSealer;

impl Sealer for AesSealer {
    fn seal(&self, key: &[u8], label: &str, aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, Fault> {
        let mut nonce = [0_u8; NONCE];
        OsEntropy.fill(&mut nonce)?;
        let mut tag = [0_u8; TAG];
        let key = hkdf::derive(key, label.as_bytes());
        let aad = authenticated(aad);
        let body =
            encrypt_aead(Cipher::aes_256_gcm(), key.as_slice(), Some(&nonce), &aad, plaintext, &mut tag)
                .or(Err(Fault::Crypto("sealing")))?;
        Ok([&[FORMAT], nonce.as_slice(), &body, &tag].concat())
    }

    fn open(&self, key: &[u8], label: &str, aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (&format, rest) = sealed.split_first()?;
        let (nonce, rest) = rest.split_at_checked(NONCE)?;
        let (body, tag) = rest.split_last_chunk::<TAG>()?;
        if format != FORMAT {
            return None;
        }
        let key = hkdf::derive(key, label.as_bytes());
        decrypt_aead(Cipher::aes_256_gcm(), key.as_slice(), Some(nonce), &authenticated(aad), body, tag).ok()
    }
}

fn authenticated(aad: &[u8]) -> Vec<u8> {
    [&[FORMAT], aad].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &[u8] = b"a key";

    #[test]
    fn opens_what_it_sealed_and_only_under_the_same_key_label_and_data() {
        let sealed = AesSealer.seal(KEY, "label", b"aad", b"text").unwrap();
        assert_eq!(AesSealer.open(KEY, "label", b"aad", &sealed).unwrap(), b"text");
        assert_eq!(AesSealer.open(b"another key", "label", b"aad", &sealed), None);
        assert_eq!(AesSealer.open(KEY, "another label", b"aad", &sealed), None);
        assert_eq!(AesSealer.open(KEY, "label", b"other aad", &sealed), None);
        assert_eq!(AesSealer.open(KEY, "label", b"", &sealed), None);
    }

    #[test]
    fn every_byte_of_a_seal_is_authenticated_and_none_may_be_missing() {
        let sealed = AesSealer.seal(KEY, "label", b"aad", b"text").unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(AesSealer.open(KEY, "label", b"aad", &changed), None, "byte {at}");
            assert_eq!(AesSealer.open(KEY, "label", b"aad", &sealed[..at]), None, "cut at {at}");
        }
    }

    #[test]
    fn the_same_text_is_never_sealed_to_the_same_bytes() {
        let seal = || AesSealer.seal(KEY, "label", b"", b"text").unwrap();
        let (one, two) = (seal(), seal());
        assert_ne!(one[1..=NONCE], two[1..=NONCE]);
        assert_ne!(one, two);
        assert_eq!(
            AesSealer.open(KEY, "label", b"", &AesSealer.seal(KEY, "label", b"", b"").unwrap()).unwrap(),
            b""
        );
    }

    proptest! {
        #[test]
        fn opening_garbage_finds_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(AesSealer.open(KEY, "label", b"aad", &bytes), None);
        }
    }
}
