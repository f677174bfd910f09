//! Certificates that a client has registered by its JWK set (RFC 8705 §2.2.2).

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{Claims, PeerCertificate, Thumbprint, encoding};
use openssl::{
    bn::BigNum,
    ec::{EcGroup, EcKey},
    error::ErrorStack,
    nid::Nid,
    pkey::{Id, PKey},
    rsa::Rsa,
};
use serde_json::Value;

use crate::{
    KeyChoice,
    verifier::{is_fit_rsa_of_set, is_for_signatures},
};

/// Longest text of a set, bytes, and most of its keys that count: as for signatures.
const LONGEST: usize = 256 * 1024;
const MOST_KEYS: usize = 100;

/// What a client's certificates may be told by: a certificate itself (`x5c`), its thumbprint (`x5t#S256`), or, where a key
/// has neither, the key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegisteredCertificates {
    thumbprints: BTreeSet<Thumbprint>,
    keys: BTreeSet<Vec<u8>>,
}

impl RegisteredCertificates {
    /// Reads a JWK set (RFC 7517 §5). Each key counts by itself; one that does not read, has a size that is not accepted, or
    /// is not for signatures (`use`, `key_ops`), or that the choice leaves out, names nothing. A text that is no set names nothing either.
    pub fn from_jwks(text: &str, choice: KeyChoice) -> Self {
        let mut registered = Self::default();
        let set: Option<Claims> = (text.len() <= LONGEST).then(|| serde_json::from_str(text).ok()).flatten();
        let keys = set.as_ref().and_then(|set| set.get("keys")).and_then(Value::as_array);
        let keys: Vec<&Claims> =
            keys.into_iter().flatten().take(MOST_KEYS).filter_map(Value::as_object).collect();
        let is_unmarked = |key: &Claims| !key.contains_key("use");
        let only_unmarked = choice == KeyChoice::PreferUnmarked && keys.iter().any(|key| is_unmarked(key));
        for key in keys.into_iter().filter(|key| is_unmarked(key) || !only_unmarked) {
            registered.add(key);
        }
        registered
    }

    /// Whether it names the certificate.
    pub fn contain(&self, certificate: &PeerCertificate) -> bool {
        self.thumbprints.contains(&certificate.thumbprint) || self.keys.contains(&certificate.spki)
    }

    fn add(&mut self, key: &Claims) {
        if !is_for_signatures(key) {
            return;
        }
        let (chain, thumbprint) = (key.get("x5c"), key.get("x5t#S256"));
        if chain.is_none() && thumbprint.is_none() {
            self.keys.extend(public_key(key));
            return;
        }
        // Both say the same, or the key names nothing.
        let of_chain = chain.map(|chain| certificate(chain).map(|der| Thumbprint::of(&der)));
        let given = thumbprint.map(|text| text.as_str().and_then(Thumbprint::parse));
        match (of_chain, given) {
            (Some(Some(one)), Some(Some(other))) if one == other => drop(self.thumbprints.insert(one)),
            (Some(Some(one)), None) | (None, Some(Some(one))) => drop(self.thumbprints.insert(one)),
            _ => {}
        }
    }
}

/// The first certificate of `x5c`: base64, not base64url (RFC 7517 §4.7).
fn certificate(chain: &Value) -> Option<Vec<u8>> {
    STANDARD.decode(chain.as_array()?.first()?.as_str()?).ok()
}

/// The DER of a key's `SubjectPublicKeyInfo`.
fn public_key(key: &Claims) -> Option<Vec<u8>> {
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    let number = |name: &str| text(name).and_then(encoding::from_base64url);
    let der = match (text("kty")?, text("crv")) {
        ("RSA", _) => {
            let (n, e) = (number("n")?, number("e")?);
            // As for signatures: a weaker one is no proof, and a larger one only takes room.
            return is_fit_rsa_of_set(&n, &e).then(|| rsa(&n, &e).ok())?;
        }
        ("EC", Some("P-256")) => curve(Nid::X9_62_PRIME256V1, &number("x")?, &number("y")?),
        ("EC", Some("P-384")) => curve(Nid::SECP384R1, &number("x")?, &number("y")?),
        ("EC", Some("P-521")) => curve(Nid::SECP521R1, &number("x")?, &number("y")?),
        ("OKP", Some("Ed25519")) => PKey::public_key_from_raw_bytes(&number("x")?, Id::ED25519)
            .and_then(|key| key.public_key_to_der()),
        _ => return None,
    };
    der.ok()
}

fn rsa(n: &[u8], e: &[u8]) -> Result<Vec<u8>, ErrorStack> {
    let key = Rsa::from_public_components(BigNum::from_slice(n)?, BigNum::from_slice(e)?)?;
    PKey::from_rsa(key)?.public_key_to_der()
}

fn curve(name: Nid, x: &[u8], y: &[u8]) -> Result<Vec<u8>, ErrorStack> {
    let group = EcGroup::from_curve_name(name)?;
    let key = EcKey::from_public_key_affine_coordinates(
        &group,
        &*BigNum::from_slice(x)?,
        &*BigNum::from_slice(y)?,
    )?;
    PKey::from_ec_key(key)?.public_key_to_der()
}
