//! What others publish.

use std::sync::LazyLock;

use countersign_server::fetch::{self, KeySet, document::Document as _};
use domain::{PeerCertificate, SigningAlg};
use jose::{JoseVerifier, KeyChoice, certificates_from_pem, jwk_thumbprint, peer_certificate};

use super::{
    revocation::{CA, CLIENT},
    text,
};

/// Two certificates whose names may be in a set.
static CERTIFICATES: LazyLock<[PeerCertificate; 2]> = LazyLock::new(|| {
    [CA, CLIENT].map(|pem| peer_certificate(&certificates_from_pem(pem, 1).unwrap()[0], Vec::new()).unwrap())
});

/// A JWK set: bounded, and never a reason to stop.
pub fn key_set(bytes: &[u8]) {
    as_fetched(bytes);
    let text = text(bytes);
    if let Ok(verifier) = JoseVerifier::from_jwks(&text) {
        assert!(verifier.key_count() <= 100 * SigningAlg::ALL.len() && text.len() <= 256 * 1024);
        // A set from outside verifies nothing that its owner has not signed.
        assert!(verifier.verify("eyJhbGciOiJSUzI1NiJ9.e30.AA").is_err());
    }
    // Whoever writes a set is told of at most one thing a key, and of what concerns the whole.
    assert!(JoseVerifier::problems(&text).len() <= 101);
    if let Some(thumbprint) = jwk_thumbprint(&text) {
        assert_eq!(thumbprint.len(), 43);
    }
}

/// A set from a client's `jwks_uri`, with the certificates that it names.
fn as_fetched(bytes: &[u8]) {
    match KeySet::read(bytes) {
        Ok(set) => {
            let all = JoseVerifier::from_jwks(std::str::from_utf8(bytes).expect("text")).expect("a set");
            assert_eq!(set.verifier.key_count(), all.key_count().min(32));
            assert!(set.weight(bytes.len()) >= 1);
            for certificate in CERTIFICATES.iter() {
                let named = |choice| set.certificates(choice).contain(certificate);
                let (any, unmarked) = (named(KeyChoice::Any), named(KeyChoice::PreferUnmarked));
                assert!(any || !unmarked, "a choice of keys names more than all of them");
                assert!(!any || may_name(&text(bytes)), "a certificate out of nowhere");
            }
        }
        Err(said) => {
            assert!(["it is no text", "the key set does not read"].contains(&said.as_str()), "{said}");
        }
    }
}

/// Whether a text has what names a certificate: its chain, its thumbprint, or a key. JSON may write each in many ways.
fn may_name(text: &str) -> bool {
    text.contains('\\') || ["\"x5c\"", "\"x5t#S256\"", "\"kty\""].iter().any(|name| text.contains(name))
}

/// Someone's `Cache-Control`: half a minute to an hour, and not kept for longer than it asks where it asks that.
pub fn cache_control(bytes: &[u8]) {
    let given = text(bytes);
    let fresh = |header: &str| fetch::freshness(header, "").secs();
    assert!((30..=3600).contains(&fresh(&given)), "{given}: {}", fresh(&given));
    // What it has aged on the way makes it no fresher.
    assert!((30..=fresh(&given)).contains(&fetch::freshness(&given, &given).secs()));
    assert_eq!(fresh(&given.to_ascii_uppercase()), fresh(&given.to_ascii_lowercase()));
    for forbids in ["no-store", "no-cache", " NO-Store "] {
        assert_eq!(fresh(&format!("{given},{forbids}")), 30);
        assert_eq!(fresh(&format!("{forbids},{given}")), 30);
    }
    // What it says last counts, unless it forbids.
    assert!([30, 600].contains(&fresh(&format!("{given}, max-age=600"))));
    assert_eq!(fresh(&format!("{given}, max-age=0")), 30);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_names_the_certificate_that_is_in_it_and_its_thumbprint() {
        let [ca, client] = &*CERTIFICATES;
        for seed in [
            include_bytes!("../../../../fixtures/fuzz/key_set/x5c").as_slice(),
            include_bytes!("../../../../fixtures/fuzz/key_set/x5t"),
            include_bytes!("../../../../fixtures/fuzz/key_set/key-of-a-certificate"),
        ] {
            let set = KeySet::read(seed).unwrap();
            let named = |certificate| set.certificates(KeyChoice::Any).contain(certificate);
            assert!(named(client) && !named(ca));
        }
        let wrong =
            KeySet::read(include_bytes!("../../../../fixtures/fuzz/key_set/x5c-and-another-x5t")).unwrap();
        assert!(!wrong.certificates(KeyChoice::Any).contain(client));
    }
}
