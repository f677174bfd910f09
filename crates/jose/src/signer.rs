//! Signing JWTs.

use domain::port::Signer;
use domain::{Claims, Fault, SigningAlg, SigningKeyRecord, TenantId};
use josekit::jws::{ES256, EdDSA, JwsHeader, JwsSigner, PS256, RS256, serialize_compact};
use openssl::pkey::PKey;
use serde_json::json;

use crate::{MasterKey, jwk, key};

/// Claims that are NumericDates: whole seconds here, because many relying parties refuse fractions.
const DATES: [&str; 5] = ["iat", "exp", "nbf", "auth_time", "updated_at"];

/// One private key in use. Opening costs more than a signature does: build it once and share it by `Arc`.
pub struct OpenSslSigner {
    alg: SigningAlg,
    kid: String,
    signer: Box<dyn JwsSigner>,
}

impl OpenSslSigner {
    /// Opens a stored key of `tenant`, and checks that it is the private half of what is published.
    ///
    /// # Errors
    /// [`Fault::Crypto`] when the key does not open under `master` for this tenant and `kid`, or is of another kind
    /// than its algorithm; [`Fault::Inconsistent`] when it does not belong to the published key.
    pub fn open(record: &SigningKeyRecord, tenant: TenantId, master: &MasterKey) -> Result<Self, Fault> {
        let pkcs8 = key::opened(record, tenant, master)?;
        let private =
            PKey::private_key_from_der(&pkcs8).or(Err(Fault::Crypto("a signing key does not read")))?;
        let own = jwk::thumbprint(&jwk::public_members(record.alg, &private)?);
        if own.is_none() || own != jwk::jwk_thumbprint(&record.public_jwk) {
            return Err(Fault::Inconsistent(format!(
                "signing key {} is not the one that is published",
                record.kid
            )));
        }
        let signer: Result<Box<dyn JwsSigner>, _> = match record.alg {
            SigningAlg::RS256 => RS256.signer_from_der(&*pkcs8).map(|signer| Box::new(signer) as _),
            SigningAlg::PS256 => PS256.signer_from_der(&*pkcs8).map(|signer| Box::new(signer) as _),
            SigningAlg::ES256 => ES256.signer_from_der(&*pkcs8).map(|signer| Box::new(signer) as _),
            SigningAlg::EdDSA => EdDSA.signer_from_der(&*pkcs8).map(|signer| Box::new(signer) as _),
        };
        let signer = signer.or(Err(Fault::Crypto("a signing key does not fit its algorithm")))?;
        Ok(Self { alg: record.alg, kid: record.kid.clone(), signer })
    }

    fn header(&self, typ: &str) -> Result<JwsHeader, Fault> {
        let members = [("kid", json!(self.kid)), ("typ", json!(typ)), ("alg", json!(self.alg.as_str()))];
        let members: Claims = members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        JwsHeader::from_map(members).or(Err(Fault::Signing("a header could not be built")))
    }
}

impl Signer for OpenSslSigner {
    fn alg(&self) -> SigningAlg {
        self.alg
    }

    fn sign(&self, typ: &str, claims: &Claims) -> Result<String, Fault> {
        let whole = |name: &&str| claims.get(*name).is_none_or(|date| date.is_i64() || date.is_u64());
        if !DATES.iter().all(whole) {
            return Err(Fault::Signing("a date is not in whole seconds"));
        }
        let payload = serde_json::to_vec(claims).or(Err(Fault::Signing("claims could not be written")))?;
        serialize_compact(&payload, &self.header(typ)?, self.signer.as_ref())
            .or(Err(Fault::Signing("the signature could not be made")))
    }
}

impl std::fmt::Debug for OpenSslSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenSslSigner")
            .field("alg", &self.alg)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}
