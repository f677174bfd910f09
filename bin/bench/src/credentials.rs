//! What the bench's own clients prove themselves by, made anew for each run of the bench: keys, and certificates of an
//! authority of its own.

use std::sync::OnceLock;

use domain::encoding::base64url;
use domain::{AltName, Ttl};
use jose::OsEntropy;
use jose::pki::{Issued, Purpose, Wanted};
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::{SslConnector, SslMethod};
use openssl::x509::X509;
use serde_json::{Value, json};

use crate::clock;
use crate::failure::{Failure, Result};

/// A pair of a certificate and its key, PEM.
pub(crate) struct Pair {
    /// The certificate.
    pub(crate) certificate: String,
    /// The private key.
    pub(crate) key: String,
}

/// All of them.
pub(crate) struct Credentials {
    /// An RSA key of 2048 bits.
    pub(crate) rsa: Rsa<Private>,
    /// A P-256 key.
    pub(crate) ec: EcKey<Private>,
    /// Who issued the certificates, PEM.
    pub(crate) authority: String,
    /// The server's.
    pub(crate) server: Pair,
    /// The client's, `CN=bench`.
    pub(crate) client: Pair,
}

impl Credentials {
    /// Those of this run.
    ///
    /// # Errors
    /// When OpenSSL makes none.
    pub(crate) fn get() -> Result<&'static Self> {
        static MADE: OnceLock<Credentials> = OnceLock::new();
        if let Some(made) = MADE.get() {
            return Ok(made);
        }
        let made = Self::make()?;
        Ok(MADE.get_or_init(|| made))
    }

    fn make() -> Result<Self> {
        let authority = issue("bench authority", Purpose::Authority(None), &[], None)?;
        let local = [AltName::Ip([127, 0, 0, 1].into())];
        let server = issue("localhost", Purpose::Server, &local, Some(&authority))?;
        let client = issue("bench", Purpose::Client, &[], Some(&authority))?;
        Ok(Self {
            rsa: Rsa::generate(2048)?,
            ec: EcKey::generate(EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?.as_ref())?,
            authority: authority.certificate_pem()?,
            server: pair(&server)?,
            client: pair(&client)?,
        })
    }

    /// The RSA key's public half as a set (RFC 7517 §5).
    pub(crate) fn rsa_set(&self) -> String {
        let (n, e) = (base64url(&self.rsa.n().to_vec()), base64url(&self.rsa.e().to_vec()));
        json!({ "keys": [{ "kty": "RSA", "kid": "rsa", "n": n, "e": e }] }).to_string()
    }

    /// The P-256 key's public half as a set.
    ///
    /// # Errors
    /// When OpenSSL refuses.
    pub(crate) fn ec_set(&self) -> Result<String> {
        Ok(json!({ "keys": [public_jwk(&self.ec, Some("ec"))?] }).to_string())
    }

    /// What a caller needs that connects to a TLS listener; with the client's certificate, if it is to show it.
    ///
    /// # Errors
    /// When OpenSSL refuses.
    pub(crate) fn connector(&self, shows_certificate: bool) -> Result<SslConnector> {
        let mut builder = SslConnector::builder(SslMethod::tls_client())?;
        builder.cert_store_mut().add_cert(X509::from_pem(self.authority.as_bytes())?)?;
        if shows_certificate {
            builder.set_certificate(X509::from_pem(self.client.certificate.as_bytes())?.as_ref())?;
            builder.set_private_key(PKey::private_key_from_pem(self.client.key.as_bytes())?.as_ref())?;
        }
        Ok(builder.build())
    }
}

/// The public half of a P-256 key (RFC 7518 §6.2.1).
///
/// # Errors
/// When OpenSSL refuses.
pub(crate) fn public_jwk(key: &EcKey<Private>, kid: Option<&str>) -> Result<Value> {
    let (mut x, mut y, mut context) = (BigNum::new()?, BigNum::new()?, BigNumContext::new()?);
    key.public_key().affine_coordinates_gfp(key.group(), &mut x, &mut y, &mut context)?;
    let [x, y] = [base64url(&x.to_vec_padded(32)?), base64url(&y.to_vec_padded(32)?)];
    let mut jwk = json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y });
    if let (Some(kid), Some(members)) = (kid, jwk.as_object_mut()) {
        members.insert("kid".to_owned(), kid.into());
    }
    Ok(jwk)
}

fn issue(name: &str, purpose: Purpose, alt_names: &[AltName], issuer: Option<&Issued>) -> Result<Issued> {
    let now = clock::wall();
    let dates = (now.minus(Ttl::from_secs(3600)), now.plus(Ttl::from_days(2)));
    let wanted = Wanted { subject: &[("CN", name)], alt_names, dates, purpose, ocsp_responder: None };
    Issued::make(&wanted, issuer, &OsEntropy).map_err(|fault| Failure::new(fault.to_string()))
}

fn pair(issued: &Issued) -> Result<Pair> {
    Ok(Pair { certificate: issued.certificate_pem()?, key: issued.key_pem()?.expose().to_owned() })
}
