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

/// RSA signatures take longer than the server takes for a request: so many are made before each second of a run.
const AHEAD_PER_SECOND: f64 = 9_000.0;

/// Seconds that an assertion is good for.
const LIFETIME: i64 = 240;

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
    /// Requests that were made ahead.
    stock: Mutex<Vec<Vec<u8>>>,
}

impl Asserter {
    /// A client of the bench's tenant with as many requests at hand as a run of `span` may need. `line` is `POST /path`,
    /// `audience` the issuer.
    ///
    /// # Errors
    /// When OpenSSL refuses.
    pub(crate) fn prepare(
        alg: Alg,
        client: &'static str,
        line: &str,
        audience: &str,
        span: Duration,
    ) -> Result<Arc<Self>> {
        let asserter = Self {
            alg,
            client,
            line: line.to_owned(),
            audience: audience.to_owned(),
            credentials: Credentials::get()?,
            stock: Mutex::default(),
        };
        if alg == Alg::RS256 {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some thousands")]
            let count = (AHEAD_PER_SECOND * span.as_secs_f64()).ceil() as usize;
            let made = std::iter::repeat_with(|| asserter.make()).take(count).collect::<Result<Vec<_>>>()?;
            *asserter.stock.lock().unwrap_or_else(PoisonError::into_inner) = made;
        }
        Ok(Arc::new(asserter))
    }

    /// A request with an assertion that was never used.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub(crate) fn request(&self) -> Result<Vec<u8>> {
        let ready = self.stock.lock().unwrap_or_else(PoisonError::into_inner).pop();
        ready.map_or_else(|| self.make(), Ok)
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
