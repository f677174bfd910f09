//! `at_hash` (OpenID Connect Core §3.1.3.6).

use domain::{SigningAlg, encoding};
use sha2::{Digest, Sha256, Sha512};

/// The left half of the access token's hash, base64url. The hash is that of the id_token's `alg`: SHA-256, and
/// SHA-512 for Ed25519, which uses it inside (RFC 8032 §5.1).
pub fn at_hash(alg: SigningAlg, access_token: &str) -> String {
    let hash = match alg {
        SigningAlg::RS256 | SigningAlg::PS256 | SigningAlg::ES256 => Sha256::digest(access_token).to_vec(),
        SigningAlg::EdDSA => Sha512::digest(access_token).to_vec(),
    };
    let (left, _) = hash.split_at(hash.len() / 2);
    encoding::base64url(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_openid_connect_core_appendix_a_3() {
        let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        assert_eq!(at_hash(SigningAlg::RS256, token), "77QmUPtjPfzWtF2AnpK9RQ");
        assert_eq!(at_hash(SigningAlg::ES256, token), at_hash(SigningAlg::PS256, token));
    }

    #[test]
    fn is_half_a_sha_512_for_ed25519() {
        let whole = Sha512::digest("token");
        assert_eq!(at_hash(SigningAlg::EdDSA, "token"), encoding::base64url(&whole[..32]));
    }
}
