//! Whether a client's certificate leads to an authority that a tenant trusts (RFC 5280 §6).

use domain::{ChainProblem, PeerCertificate, Timestamp};
use openssl::{
    error::ErrorStack,
    stack::Stack,
    x509::{
        X509, X509PurposeId, X509StoreContext, X509VerifyResult,
        store::{X509Store, X509StoreBuilder},
        verify::{X509VerifyFlags, X509VerifyParam},
    },
};

use crate::path::{Path, Window};
use crate::peer::instant;
use crate::pem;

/// Most authorities of one tenant.
const MOST: usize = 64;
/// Longest PEM, bytes.
const LONGEST: usize = 256 * 1024;
/// Most authorities between a client's certificate and a trusted one.
const DEPTH: i32 = 6;
/// 112 bits: RSA from 2048, no SHA-1 (`SSL_CTX_set_security_level`).
pub(crate) const SECURITY_LEVEL: i32 = 2;

/// Why a text is no truststore.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TruststoreRejected {
    /// It is longer than 256 KiB, or has more than 64 certificates.
    #[error("is too large: at most 64 certificates and 256 KiB")]
    TooLarge,
    /// It is no PEM, or something in it is no certificate.
    #[error("does not read as certificates in PEM")]
    Unreadable,
    /// There is nothing in it.
    #[error("holds no certificate")]
    Empty,
}

/// The authorities that a tenant trusts for its clients' certificates.
pub struct Truststore {
    anchors: Vec<X509>,
}

impl Truststore {
    /// Reads certificates in PEM. Each of them is trusted by itself, be it a root or not.
    ///
    /// # Errors
    /// [`TruststoreRejected`].
    pub fn from_pem(pem: &str) -> Result<Self, TruststoreRejected> {
        if pem.len() > LONGEST {
            return Err(TruststoreRejected::TooLarge);
        }
        let anchors = pem::stack(pem).ok_or(TruststoreRejected::Unreadable)?;
        // What is no certificate is passed over there.
        let begun = pem.matches("-----BEGIN ").count();
        match anchors.len() {
            0 if begun == 0 => Err(TruststoreRejected::Empty),
            read if read != begun => Err(TruststoreRejected::Unreadable),
            read if read > MOST => Err(TruststoreRejected::TooLarge),
            _ => Ok(Self { anchors }),
        }
    }

    /// Finds the chain of a TLS client's certificate at `now`. Whether anything in it was revoked is looked at after that
    /// (CONTRACT 2.1): [`Path::not_revoked`].
    ///
    /// # Errors
    /// [`ChainProblem`]; also [`ChainProblem::Untrusted`] where the library fails.
    pub fn path(&self, certificate: &PeerCertificate, now: Timestamp) -> Result<Path, ChainProblem> {
        self.chain(certificate, now).unwrap_or(Err(ChainProblem::Untrusted))
    }

    fn chain(
        &self,
        certificate: &PeerCertificate,
        now: Timestamp,
    ) -> Result<Result<Path, ChainProblem>, ErrorStack> {
        let leaf = X509::from_der(&certificate.der)?;
        let mut sent = Stack::new()?;
        for other in certificate.chain.iter().filter_map(|der| X509::from_der(der).ok()) {
            sent.push(other)?;
        }
        let mut context = X509StoreContext::new()?;
        context.init(&*self.store(now)?, &leaf, &sent, |context| {
            if !context.verify_cert()? {
                // What else the library has to say it would tell the next connection on this thread.
                drop(ErrorStack::get());
                return Ok(Err(reason(context.error())));
            }
            let mut window = Window { from: certificate.not_before, until: certificate.not_after };
            let links: Vec<X509> = context.chain().into_iter().flatten().map(ToOwned::to_owned).collect();
            for link in &links {
                window.from = window.from.max(instant(link.not_before())?);
                window.until = window.until.min(instant(link.not_after())?);
            }
            Ok(Ok(Path::new(links, window)))
        })
    }

    fn store(&self, now: Timestamp) -> Result<X509Store, ErrorStack> {
        let mut store = X509StoreBuilder::new()?;
        for anchor in &self.anchors {
            store.add_cert(anchor.clone())?;
        }
        let mut rules = X509VerifyParam::new()?;
        rules.set_time(now.as_numeric_date());
        rules.set_purpose(X509PurposeId::SSL_CLIENT)?;
        rules.set_depth(DEPTH);
        rules.set_auth_level(SECURITY_LEVEL);
        rules.set_flags(X509VerifyFlags::PARTIAL_CHAIN)?;
        store.set_param(&rules)?;
        Ok(store.build())
    }
}

impl std::fmt::Debug for Truststore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Truststore({} authorities)", self.anchors.len())
    }
}

/// The library's reason (`x509_vfy.h`) as one of ours.
fn reason(result: X509VerifyResult) -> ChainProblem {
    match result.as_raw() {
        9 => ChainProblem::NotYetValid,
        10 => ChainProblem::Expired,
        // Depth, names, authorities that are none, path length, purpose, trust, key usage, critical extensions.
        22 | 25 | 26 | 28 | 32 | 34 | 37 | 39..=42 | 47..=53 | 79..=82 => ChainProblem::Purpose,
        66..=68 => ChainProblem::Weak,
        _ => ChainProblem::Untrusted,
    }
}
