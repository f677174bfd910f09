//! Making signing keys.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::{Claims, Fault, SigningAlg, SigningKeyRecord, TenantId, Timestamp, encoding};
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::{MasterKey, certificate, jwk};

/// What a private key is sealed for.
const SEAL_LABEL: &str = "signing key";

/// What a new signing key is to be.
#[derive(Clone, Copy, Debug)]
pub struct NewKey<'a> {
    /// Its one algorithm.
    pub alg: SigningAlg,
    /// Its id: the millisecond of its making as text (CONTRACT 3.3).
    pub kid: &'a str,
    /// Whose it is.
    pub tenant: TenantId,
    /// The common name of an RSA key's certificate: the tenant's name. Cut to 64 characters.
    pub subject_cn: &'a str,
    /// Now, which is also when it is published.
    pub now: Timestamp,
    /// When it begins to sign.
    pub active_from: Timestamp,
}

/// Makes a key pair: RSA with 2048 bits, P-256 or Ed25519, as the algorithm asks. The public JWK is ready to be
/// published; RSA keys carry `x5c` and `x5t#S256` (CONTRACT 4.17). The private key is sealed under the master key and
/// bound to tenant and `kid`.
///
/// # Errors
/// [`Fault::Crypto`] when OpenSSL refuses, [`Fault::Entropy`] when no randomness can be had.
pub fn generate_key(new: &NewKey<'_>, master: &MasterKey) -> Result<SigningKeyRecord, Fault> {
    let key = key_pair(new.alg).or(Err(Fault::Crypto("making a signing key")))?;
    let pkcs8 = key.private_key_to_pkcs8().or(Err(Fault::Crypto("writing a signing key")))?;
    Ok(SigningKeyRecord {
        kid: new.kid.to_owned(),
        alg: new.alg,
        public_jwk: Value::Object(public_jwk(new, &key)?).to_string(),
        sealed_private: master.seal(SEAL_LABEL, &bound_to(new.tenant, new.kid), &Zeroizing::new(pkcs8))?,
        created_at: new.now,
        active_from: new.active_from,
        verify_from: None,
        retired_at: None,
    })
}

/// The PKCS#8 of a stored key.
///
/// # Errors
/// [`Fault::Crypto`] when it was sealed under another master key, or for another tenant or `kid`.
pub(crate) fn opened(
    record: &SigningKeyRecord,
    tenant: TenantId,
    master: &MasterKey,
) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let pkcs8 = master.open(SEAL_LABEL, &bound_to(tenant, &record.kid), &record.sealed_private);
    pkcs8.map(Zeroizing::new).ok_or(Fault::Crypto("a signing key does not open under this master key"))
}

fn key_pair(alg: SigningAlg) -> Result<PKey<Private>, ErrorStack> {
    match alg {
        SigningAlg::RS256 | SigningAlg::PS256 => PKey::from_rsa(Rsa::generate(2048)?),
        SigningAlg::ES256 => {
            let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
            PKey::from_ec_key(EcKey::generate(&group)?)
        }
        SigningAlg::EdDSA => PKey::generate_ed25519(),
    }
}

fn public_jwk(new: &NewKey<'_>, key: &PKey<Private>) -> Result<Claims, Fault> {
    let mut jwk = Claims::new();
    let members = jwk::public_members(new.alg, key)?;
    // `kty` first, as in every published example.
    jwk.extend(members.get_key_value("kty").map(|(name, kty)| (name.clone(), kty.clone())));
    jwk.insert("use".to_owned(), json!("sig"));
    jwk.insert("alg".to_owned(), json!(new.alg.as_str()));
    jwk.insert("kid".to_owned(), json!(new.kid));
    jwk.extend(members);
    if matches!(new.alg, SigningAlg::RS256 | SigningAlg::PS256) {
        let der = certificate::self_signed(key, new.subject_cn, new.now)?;
        jwk.insert("x5c".to_owned(), json!([STANDARD.encode(&der)]));
        jwk.insert("x5t#S256".to_owned(), json!(encoding::base64url(&Sha256::digest(&der))));
    }
    Ok(jwk)
}

/// Fixed width first, so that no two pairs give the same bytes.
fn bound_to(tenant: TenantId, kid: &str) -> Vec<u8> {
    [tenant.number().to_be_bytes().as_slice(), kid.as_bytes()].concat()
}
