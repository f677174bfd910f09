//! Public JWKs (RFC 7517), built and read by hand: josekit's own type can hold, and print, private members.

use domain::{Claims, Fault, SigningAlg, encoding};
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::EcKey;
use openssl::pkey::{HasPublic, PKeyRef};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The members that make up the public key, `kty` among them.
///
/// # Errors
/// [`Fault::Crypto`] when the key is not of the kind that `alg` needs.
pub(crate) fn public_members<T: HasPublic>(alg: SigningAlg, key: &PKeyRef<T>) -> Result<Claims, Fault> {
    let text = |bytes: &[u8]| Value::from(encoding::base64url(bytes));
    let members = match alg {
        SigningAlg::RS256 | SigningAlg::PS256 => {
            let rsa = key.rsa().or_else(|_| unfit())?;
            vec![("kty", "RSA".into()), ("n", text(&rsa.n().to_vec())), ("e", text(&rsa.e().to_vec()))]
        }
        SigningAlg::ES256 => {
            let (x, y) = coordinates(&key.ec_key().or_else(|_| unfit())?).or_else(|_| unfit())?;
            vec![("kty", "EC".into()), ("crv", "P-256".into()), ("x", text(&x)), ("y", text(&y))]
        }
        SigningAlg::EdDSA => {
            let x = key.raw_public_key().or_else(|_| unfit())?;
            vec![("kty", "OKP".into()), ("crv", "Ed25519".into()), ("x", text(&x))]
        }
    };
    Ok(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// The SHA-256 thumbprint of a public JWK, base64url (RFC 7638 §3). `None` when the text is no RSA, EC or OKP key
/// with its required members.
pub fn jwk_thumbprint(public_jwk: &str) -> Option<String> {
    thumbprint(&serde_json::from_str(public_jwk).ok()?)
}

pub(crate) fn thumbprint(jwk: &Claims) -> Option<String> {
    Some(encoding::base64url(&Sha256::digest(canonical(jwk)?)))
}

/// The text that a thumbprint is made of: the required members in alphabetical order, without white space
/// (RFC 7638 §3.2, RFC 8037 §2).
pub(crate) fn canonical(jwk: &Claims) -> Option<String> {
    let required: &[&str] = match jwk.get("kty")?.as_str()? {
        "RSA" => &["e", "kty", "n"],
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        _ => return None,
    };
    let mut members = Claims::new();
    for name in required {
        members.insert((*name).to_owned(), Value::from(jwk.get(*name)?.as_str()?));
    }
    Some(Value::Object(members).to_string())
}

fn coordinates<T: HasPublic>(key: &EcKey<T>) -> Result<(Vec<u8>, Vec<u8>), openssl::error::ErrorStack> {
    let (mut x, mut y, mut context) = (BigNum::new()?, BigNum::new()?, BigNumContext::new()?);
    key.public_key().affine_coordinates_gfp(key.group(), &mut x, &mut y, &mut context)?;
    Ok((x.to_vec_padded(32)?, y.to_vec_padded(32)?))
}

fn unfit<T>() -> Result<T, Fault> {
    Err(Fault::Crypto("the key is not of the kind that its algorithm needs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_rfc_7638_section_3_1() {
        let jwk = r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#;
        assert_eq!(jwk_thumbprint(jwk).unwrap(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn agrees_with_rfc_8037_appendix_a_3() {
        let jwk = r#"{"x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","crv":"Ed25519","kty":"OKP"}"#;
        assert_eq!(jwk_thumbprint(jwk).unwrap(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn what_is_no_public_key_has_no_thumbprint() {
        for text in [
            "",
            "[]",
            "{}",
            r#"{"kty":"oct","k":"AA"}"#,
            r#"{"kty":"RSA","e":"AQAB"}"#,
            r#"{"kty":"RSA","e":1,"n":2}"#,
        ] {
            assert_eq!(jwk_thumbprint(text), None, "{text}");
        }
    }
}
