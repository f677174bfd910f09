//! A caller that proves itself by a JWT of its own for each request (RFC 7523 §2.2).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::encoding::base64url;
use domain::port::Entropy as _;
use jose::OsEntropy;
use openssl::ecdsa::EcdsaSig;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sha::sha256;
use openssl::sign::Signer;
use serde_json::json;

use super::connection::request;
use crate::clock;
use crate::credentials::Credentials;
use crate::failure::{Failure, Result};

/// Seconds that an assertion is good for.
const LIFETIME: i64 = 240;

/// How long a run's assertions may take to make: then the first are still good at its end, for they are used faster
/// than they are made.
const MAKING: Duration = Duration::from_secs(90);

/// How assertions are signed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alg {
    /// RSA of 2048 bits, PKCS #1.
    RS256,
    /// P-256.
    ES256,
}

/// A client that signs.
pub(crate) struct Asserter {
    alg: Alg,
    client: &'static str,
    line: String,
    audience: String,
    credentials: &'static Credentials,
    /// Requests that were made ahead; `None` where each is made when it is needed.
    stock: Option<Mutex<Vec<Vec<u8>>>>,
    /// How many there were.
    made: usize,
}

impl Asserter {
    /// A client of the bench's tenant. `line` is `POST /path`, `audience` the issuer. An RSA signature takes longer than
    /// the server takes for a request, so `requests` of them are made ahead, and more are not to be had: to sign in the
    /// course of a run would measure the generator.
    ///
    /// # Errors
    /// When OpenSSL refuses, or so many take too long to make.
    pub(crate) fn prepare(
        alg: Alg,
        client: &'static str,
        line: &str,
        audience: &str,
        requests: usize,
    ) -> Result<Arc<Self>> {
        let mut asserter = Self {
            alg,
            client,
            line: line.to_owned(),
            audience: audience.to_owned(),
            credentials: Credentials::get()?,
            stock: None,
            made: requests,
        };
        if alg == Alg::RS256 {
            asserter.stock = Some(Mutex::new(asserter.ahead()?));
        }
        Ok(Arc::new(asserter))
    }

    fn ahead(&self) -> Result<Vec<Vec<u8>>> {
        let (start, mut made) = (clock::now(), Vec::with_capacity(self.made));
        while made.len() < self.made {
            made.push(self.make()?);
            if start.elapsed() > MAKING {
                let words =
                    format!("{} assertions take too long to make: a shorter span is needed", self.made);
                return Err(Failure::new(words));
            }
        }
        Ok(made)
    }

    /// A request with an assertion that was never used.
    ///
    /// # Errors
    /// When it cannot be signed, or all that were made ahead are used up.
    pub(crate) fn request(&self) -> Result<Vec<u8>> {
        let Some(stock) = &self.stock else { return self.make() };
        let ready = stock.lock().unwrap_or_else(PoisonError::into_inner).pop();
        ready.ok_or_else(|| {
            let made = self.made;
            Failure::new(format!(
                "the {made} assertions made ahead are used up: the run was faster than expected"
            ))
        })
    }

    fn make(&self) -> Result<Vec<u8>> {
        let mut id = [0_u8; 12];
        OsEntropy.fill(&mut id)?;
        let now = clock::wall().as_numeric_date();
        let (alg, kid) = if self.alg == Alg::RS256 { ("RS256", "rsa") } else { ("ES256", "ec") };
        let header = json!({ "alg": alg, "kid": kid });
        let claims = json!({
            "iss": self.client, "sub": self.client, "aud": self.audience, "jti": base64url(&id),
            "iat": now, "exp": now.saturating_add(LIFETIME),
        });
        let encoded = |value: serde_json::Value| base64url(value.to_string().as_bytes());
        let signed = format!("{}.{}", encoded(header), encoded(claims));
        let assertion = format!("{signed}.{}", base64url(&self.signature(signed.as_bytes())?));
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3A\
             client-assertion-type%3Ajwt-bearer&client_assertion={assertion}",
            self.client
        );
        Ok(request(&self.line, None, Some(&form)))
    }

    fn signature(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        match self.alg {
            Alg::RS256 => {
                let key = PKey::from_rsa(self.credentials.rsa.clone())?;
                let mut signer = Signer::new(MessageDigest::sha256(), &key)?;
                signer.sign_oneshot_to_vec(bytes).map_err(Failure::from)
            }
            Alg::ES256 => {
                let pair = EcdsaSig::sign(&sha256(bytes), &self.credentials.ec)?;
                Ok([pair.r().to_vec_padded(32)?, pair.s().to_vec_padded(32)?].concat())
            }
        }
    }
}
