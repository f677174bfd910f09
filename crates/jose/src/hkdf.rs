//! Key derivation: HKDF with SHA-256 (RFC 5869), for outputs of one block.

use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// HMAC-SHA-256 (RFC 2104) of the concatenated `parts`. A key shorter than the block is padded with zeros, which is
/// what HMAC does with it anyway.
pub(crate) fn hmac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut block = Zeroizing::new([0_u8; 64]);
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// 32 bytes for the purpose that `info` names, from `secret` of any length, without salt (RFC 5869 §2.2, §2.3).
pub(crate) fn derive(secret: &[u8], info: &[u8]) -> Zeroizing<[u8; 32]> {
    let extracted = Zeroizing::new(hmac(&[0; 32], &[secret]));
    Zeroizing::new(hmac(&extracted, &[info, &[1]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_rfc_5869_appendix_a_3() {
        let expected = [
            0x8d, 0xa4, 0xe7, 0x75, 0xa5, 0x63, 0xc1, 0x8f, 0x71, 0x5f, 0x80, 0x2a, 0x06, 0x3c, 0x5a, 0x31,
            0xb8, 0xa1, 0x1f, 0x5c, 0x5e, 0xe1, 0x87, 0x9e, 0xc3, 0x45, 0x4e, 0x5f, 0x3c, 0x73, 0x8d, 0x2d,
        ];
        assert_eq!(*derive(&[0x0b; 22], b""), expected);
    }
}
