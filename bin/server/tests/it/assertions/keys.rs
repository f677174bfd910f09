//! Keys of clients, and JWTs as no library would make them.

use domain::encoding::base64url;
use openssl::{
    bn::{BigNum, BigNumContext},
    ec::{EcGroup, EcKey},
    ecdsa::EcdsaSig,
    hash::MessageDigest,
    nid::Nid,
    pkey::{Id, PKey, Private},
    rsa::{Padding, Rsa},
    sign::{RsaPssSaltlen, Signer},
};
use serde_json::{Value, json};

/// A key pair.
pub(in super::super) struct Key(pub(super) PKey<Private>);

impl Key {
    pub(super) fn rsa() -> Self {
        Self(PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap())
    }

    pub(in super::super) fn ec() -> Self {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        Self(PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap())
    }

    pub(super) fn ed() -> Self {
        Self(PKey::generate_ed25519().unwrap())
    }

    /// The public JWK with more members.
    pub(in super::super) fn jwk(&self, more: &Value) -> Value {
        let mut jwk = match self.0.id() {
            Id::RSA => {
                let rsa = self.0.rsa().unwrap();
                json!({ "kty": "RSA", "n": base64url(&rsa.n().to_vec()), "e": base64url(&rsa.e().to_vec()) })
            }
            Id::EC => {
                let key = self.0.ec_key().unwrap();
                let (mut x, mut y) = (BigNum::new().unwrap(), BigNum::new().unwrap());
                let mut context = BigNumContext::new().unwrap();
                key.public_key().affine_coordinates_gfp(key.group(), &mut x, &mut y, &mut context).unwrap();
                let text = |n: &BigNum| base64url(&n.to_vec_padded(32).unwrap());
                json!({ "kty": "EC", "crv": "P-256", "x": text(&x), "y": text(&y) })
            }
            _ => json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(&self.0.raw_public_key().unwrap()) }),
        };
        jwk.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        jwk
    }

    /// A JWT under `alg`, with more header members.
    pub(in super::super) fn jwt(&self, alg: &str, header: &Value, claims: &Value) -> String {
        let signed = unsigned(alg, header, claims);
        let signature = self.signature(alg, signed.as_bytes());
        format!("{signed}.{}", base64url(&signature))
    }

    fn signature(&self, alg: &str, text: &[u8]) -> Vec<u8> {
        if matches!(alg, "EdDSA" | "Ed25519") {
            return Signer::new_without_digest(&self.0).unwrap().sign_oneshot_to_vec(text).unwrap();
        }
        let mut signer = Signer::new(MessageDigest::sha256(), &self.0).unwrap();
        if alg == "PS256" {
            signer.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
            signer.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH).unwrap();
        }
        let signature = signer.sign_oneshot_to_vec(text).unwrap();
        if self.0.id() != Id::EC {
            return signature;
        }
        let pair = EcdsaSig::from_der(&signature).unwrap();
        [pair.r().to_vec_padded(32).unwrap(), pair.s().to_vec_padded(32).unwrap()].concat()
    }

    /// The public key as PEM, which attackers take for the key of an HMAC.
    pub(super) fn public_pem(&self) -> Vec<u8> {
        self.0.public_key_to_pem().unwrap()
    }
}

/// The other signature that an ECDSA signature gives away: (r, n − s).
pub(super) fn twin(jwt: &str) -> String {
    let (signed, signature) = jwt.rsplit_once('.').unwrap();
    let raw = domain::encoding::from_base64url(signature).unwrap();
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let (mut order, mut context) = (BigNum::new().unwrap(), BigNumContext::new().unwrap());
    group.order(&mut order, &mut context).unwrap();
    let mut other = BigNum::new().unwrap();
    other.checked_sub(&order, &BigNum::from_slice(&raw[32..]).unwrap()).unwrap();
    let both = [raw[..32].to_vec(), other.to_vec_padded(32).unwrap()].concat();
    format!("{signed}.{}", base64url(&both))
}

/// A JWT with an HMAC-SHA-256.
pub(super) fn hmac(key: &[u8], header: &Value, claims: &Value) -> String {
    let signed = unsigned("HS256", header, claims);
    let key = PKey::hmac(key).unwrap();
    let mac = Signer::new(MessageDigest::sha256(), &key).unwrap().sign_oneshot_to_vec(signed.as_bytes());
    format!("{signed}.{}", base64url(&mac.unwrap()))
}

pub(super) fn unsigned(alg: &str, header: &Value, claims: &Value) -> String {
    let mut whole = json!({ "alg": alg });
    whole.as_object_mut().unwrap().extend(header.as_object().unwrap().clone());
    format!("{}.{}", base64url(whole.to_string().as_bytes()), base64url(claims.to_string().as_bytes()))
}
