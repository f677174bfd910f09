//! A client's keys, and the proofs that it makes with them.

use std::time::{SystemTime, UNIX_EPOCH};

use domain::encoding::base64url;
use openssl::{
    bn::{BigNum, BigNumContext},
    ec::{EcGroup, EcKey},
    ecdsa::EcdsaSig,
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Private},
    rsa::Rsa,
    sha::sha256,
    sign::Signer,
};
use serde_json::{Value, json};

/// A key pair with its one algorithm.
pub(crate) struct Key {
    alg: &'static str,
    private: PKey<Private>,
    /// The public JWK.
    pub(crate) jwk: Value,
}

impl Key {
    pub(crate) fn es256() -> Self {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = EcKey::generate(&group).unwrap();
        let (mut x, mut y) = (BigNum::new().unwrap(), BigNum::new().unwrap());
        let mut context = BigNumContext::new().unwrap();
        key.public_key().affine_coordinates_gfp(&group, &mut x, &mut y, &mut context).unwrap();
        let text = |number: &BigNum| base64url(&number.to_vec_padded(32).unwrap());
        let jwk = json!({ "kty": "EC", "crv": "P-256", "x": text(&x), "y": text(&y) });
        Self { alg: "ES256", private: PKey::from_ec_key(key).unwrap(), jwk }
    }

    pub(crate) fn ed25519() -> Self {
        let key = PKey::generate_ed25519().unwrap();
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(&key.raw_public_key().unwrap()) });
        Self { alg: "EdDSA", private: key, jwk }
    }

    pub(crate) fn rsa(bits: u32) -> Self {
        let key = Rsa::generate(bits).unwrap();
        let jwk =
            json!({ "kty": "RSA", "n": base64url(&key.n().to_vec()), "e": base64url(&key.e().to_vec()) });
        Self { alg: "RS256", private: PKey::from_rsa(key).unwrap(), jwk }
    }

    /// RFC 7638.
    pub(crate) fn jkt(&self) -> String {
        let jwk = &self.jwk;
        let text = match self.alg {
            "ES256" => format!(r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#, jwk["x"], jwk["y"]),
            "EdDSA" => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":{}}}"#, jwk["x"]),
            _ => format!(r#"{{"e":{},"kty":"RSA","n":{}}}"#, jwk["e"], jwk["n"]),
        };
        base64url(&sha256(text.as_bytes()))
    }

    fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        if self.alg == "EdDSA" {
            let mut signer = Signer::new_without_digest(&self.private).unwrap();
            return signer.sign_oneshot_to_vec(bytes).unwrap();
        }
        let mut signer = Signer::new(MessageDigest::sha256(), &self.private).unwrap();
        signer.update(bytes).unwrap();
        let signature = signer.sign_to_vec().unwrap();
        if self.alg != "ES256" {
            return signature;
        }
        let pair = EcdsaSig::from_der(&signature).unwrap();
        [pair.r().to_vec_padded(32).unwrap(), pair.s().to_vec_padded(32).unwrap()].concat()
    }

    /// A proof for a request.
    pub(crate) fn proof(&self, method: &str, url: &str) -> Proof<'_> {
        let header = json!({ "typ": "dpop+jwt", "alg": self.alg, "jwk": self.jwk });
        let mut random = [0; 12];
        openssl::rand::rand_bytes(&mut random).unwrap();
        let claims = json!({ "jti": base64url(&random), "htm": method, "htu": url, "iat": now() });
        Proof { key: self, header, claims }
    }
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A proof before it is signed.
pub(crate) struct Proof<'a> {
    key: &'a Key,
    header: Value,
    claims: Value,
}

impl Proof<'_> {
    /// With a claim.
    pub(crate) fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims[name] = value.into();
        self
    }

    /// With a member of the header.
    pub(crate) fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header[name] = value.into();
        self
    }

    /// For an access token.
    pub(crate) fn ath(self, token: &str) -> Self {
        self.claim("ath", base64url(&sha256(token.as_bytes())))
    }

    /// Signed.
    pub(crate) fn text(&self) -> String {
        let part = |value: &Value| base64url(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(&self.header), part(&self.claims));
        format!("{signed}.{}", base64url(&self.key.sign(signed.as_bytes())))
    }
}
