//! HS256 (RFC 7518 §3.2): an HMAC under a secret that both sides hold.

use domain::{Secret, encoding};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

/// Whether a compact JWS carries the HMAC-SHA-256 under `secret` of what it signs. The header is not looked at: the
/// caller has seen that it names HS256. Compares in constant time.
pub fn verify_hs256(secret: &Secret, compact: &str) -> bool {
    let Some((signed, signature)) = compact.rsplit_once('.') else { return false };
    let Some(signature) = encoding::from_base64url(signature) else { return false };
    let Ok(mut mac) = <Hmac<Sha256> as hmac::Mac>::new_from_slice(secret.expose().as_bytes()) else {
        return false;
    };
    mac.update(signed.as_bytes());
    mac.verify_slice(&signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_openssl_and_refuses_anything_else() {
        // `printf 'e30.e30' | openssl dgst -sha256 -hmac key -binary`, in base64url.
        let good = "e30.e30.lzH8MMSlAlHQX8jW_3rth8-W4HfvFo8cGBk9GrmJv-0";
        let secret = Secret::new("key".to_owned());
        assert!(verify_hs256(&secret, good));
        assert!(!verify_hs256(&Secret::new("other".to_owned()), good));
        for bad in [
            "",
            "e30.e30",
            "e30.e30.",
            "e30.e31.lzH8MMSlAlHQX8jW_3rth8-W4HfvFo8cGBk9GrmJv-0",
            "e30.e30.lzH8MMSlAlHQX8jW_3rth8-W4HfvFo8cGBk9GrmJv-0=",
        ] {
            assert!(!verify_hs256(&secret, bad), "{bad}");
        }
    }
}
