//! The reader of DER by itself, for the fuzz targets (docs/fuzzing.md): behind the TLS library it sees only what that has
//! let pass.

use domain::DistinguishedName;

use crate::{der, peer};

/// Reads `Name` (RFC 5280 §4.1.2.4).
pub fn name(bytes: &[u8]) -> Option<DistinguishedName> {
    peer::distinguished_name(bytes)
}

/// Tag and content of every element that `bytes` are.
pub fn elements(bytes: &[u8]) -> Option<Vec<(u8, &[u8])>> {
    Some(der::elements(bytes)?.into_iter().map(der::Element::parts).collect())
}

/// The content of an object identifier as dotted text.
pub fn dotted(content: &[u8]) -> Option<String> {
    der::dotted(content)
}
