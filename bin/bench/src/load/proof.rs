//! A caller that makes a DPoP proof for each request (RFC 9449), signed with ES256.

use domain::encoding::base64url;
use domain::port::Entropy as _;
use jose::OsEntropy;
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::nid::Nid;
use openssl::pkey::Private;
use openssl::sha::sha256;
use serde_json::json;

use super::connection::with;
use crate::clock;
use crate::failure::Result;

/// What it sends, and the key that it proves to hold.
pub(crate) struct Prover {
    key: EcKey<Private>,
    /// The header of every proof, base64url.
    header: String,
    line: String,
    url: String,
    authorization: String,
    form: String,
}

impl Prover {
    /// One with a key of its own. `line` is `POST /path`, `url` what the server calls that.
    ///
    /// # Errors
    /// When OpenSSL makes no key.
    pub(crate) fn new(line: &str, url: &str, authorization: &str, form: &str) -> Result<Self> {
        let (key, [x, y]) = pair()?;
        let jwk = json!({ "kty": "EC", "crv": "P-256", "x": base64url(&x), "y": base64url(&y) });
        let header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": jwk });
        Ok(Self {
            key,
            header: base64url(header.to_string().as_bytes()),
            line: line.to_owned(),
            url: url.to_owned(),
            authorization: authorization.to_owned(),
            form: form.to_owned(),
        })
    }

    /// A request with a proof that was never used.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub(crate) fn request(&self) -> Result<Vec<u8>> {
        let mut id = [0_u8; 12];
        OsEntropy.fill(&mut id)?;
        let iat = clock::wall().as_numeric_date();
        let claims = json!({ "jti": base64url(&id), "htm": "POST", "htu": self.url, "iat": iat });
        let signed = format!("{}.{}", self.header, base64url(claims.to_string().as_bytes()));
        let proof = format!("{signed}.{}", base64url(&self.signature(signed.as_bytes())?));
        let headers = format!("authorization: {}\r\ndpop: {proof}\r\n", self.authorization);
        Ok(with(&self.line, &headers, Some(&self.form)))
    }

    fn signature(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        let pair = EcdsaSig::sign(&sha256(bytes), &self.key)?;
        Ok([pair.r().to_vec_padded(32)?, pair.s().to_vec_padded(32)?].concat())
    }
}

fn pair() -> Result<(EcKey<Private>, [Vec<u8>; 2])> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    let key = EcKey::generate(&group)?;
    let (mut x, mut y, mut context) = (BigNum::new()?, BigNum::new()?, BigNumContext::new()?);
    key.public_key().affine_coordinates_gfp(&group, &mut x, &mut y, &mut context)?;
    let coordinates = [x.to_vec_padded(32)?, y.to_vec_padded(32)?];
    Ok((key, coordinates))
}
