//! A caller that makes a DPoP proof for each request (RFC 9449), signed with ES256.

use domain::encoding::base64url;
use domain::port::Entropy as _;
use jose::OsEntropy;
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::nid::Nid;
use openssl::pkey::Private;
use openssl::sha::sha256;
use serde_json::json;

use super::connection::with;
use crate::clock;
use crate::credentials::public_jwk;
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
        let key = EcKey::generate(EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?.as_ref())?;
        let jwk = public_jwk(&key, None)?;
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
