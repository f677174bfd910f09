//! With what something is signed: the library's checks of lists and answers take any digest.

use crate::der;

/// RSA, ECDSA and EdDSA with SHA-256 and longer (RFC 4055 §5, RFC 5758 §3.2, RFC 8410 §3).
const STRONG: [&str; 8] = [
    "1.2.840.113549.1.1.11",
    "1.2.840.113549.1.1.12",
    "1.2.840.113549.1.1.13",
    "1.2.840.10045.4.3.2",
    "1.2.840.10045.4.3.3",
    "1.2.840.10045.4.3.4",
    "1.3.101.112",
    "1.3.101.113",
];

/// RSASSA-PSS, which names its digest in the parameters (RFC 4055 §3.1); without, it is SHA-1.
const PSS: &str = "1.2.840.113549.1.1.10";

/// `hashAlgorithm` of SHA-256, SHA-384 and SHA-512 as the first of those parameters.
const PSS_DIGESTS: [&str; 3] = ["2.16.840.1.101.3.4.2.1", "2.16.840.1.101.3.4.2.2", "2.16.840.1.101.3.4.2.3"];

/// Whether the second of the three parts of a signed structure, its `signatureAlgorithm`, is none that can be forged.
/// `None`: it is no such structure.
pub(crate) fn is_strong(signed: &[u8]) -> Option<bool> {
    const FIRST: u8 = 0xa0;
    let parts = der::elements(der::only(signed, der::SEQUENCE)?)?;
    let algorithm = der::elements(parts.get(1)?.of(der::SEQUENCE)?)?;
    let name = der::dotted(algorithm.first()?.of(der::OBJECT_IDENTIFIER)?)?;
    if name != PSS {
        return Some(STRONG.contains(&name.as_str()));
    }
    let digest = || {
        let parameters = der::elements(algorithm.get(1)?.of(der::SEQUENCE)?)?;
        let digest = der::elements(der::only(parameters.first()?.of(FIRST)?, der::SEQUENCE)?)?;
        der::dotted(digest.first()?.of(der::OBJECT_IDENTIFIER)?)
    };
    Some(digest().is_some_and(|digest| PSS_DIGESTS.contains(&digest.as_str())))
}
