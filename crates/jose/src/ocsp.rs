//! Asking an authority's responder about one certificate (RFC 6960).

use domain::{SKEW, Timestamp, Ttl};
use openssl::{
    asn1::{Asn1GeneralizedTimeRef, Asn1Time},
    error::ErrorStack,
    hash::MessageDigest,
    ocsp::{
        OcspBasicResponse, OcspCertId, OcspCertStatus, OcspFlag, OcspRequest, OcspResponse,
        OcspResponseStatus,
    },
    stack::Stack,
    x509::{
        X509Ref,
        store::{X509Store, X509StoreBuilder},
        verify::{X509VerifyFlags, X509VerifyParam},
    },
};

use crate::{der, path::Said, peer::instant, signature, truststore::SECURITY_LEVEL};

/// For how long an answer counts that does not say when there is news (RFC 6960 §4.2.2.1).
const WITHOUT_NEXT: Ttl = Ttl::from_secs(3600);

/// Why bytes are no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OcspRejected {
    /// They are longer than 64 KiB.
    #[error("is longer than 64 KiB")]
    TooLarge,
    /// They do not read.
    #[error("does not read as an OCSP response")]
    Unreadable,
    /// It is signed with MD5, SHA-1, or something else that is no longer trusted, or not known.
    #[error("has a signature that is not by SHA-256 or longer")]
    Weak,
    /// The responder refuses to say: the `responseStatus` (RFC 6960 §4.2.1), such as 3 for `tryLater`.
    #[error("has the responseStatus {0}")]
    Status(i32),
}

/// What a responder has answered. Whether it may speak for the issuer is checked where the answer is used.
pub struct OcspAnswer {
    basic: OcspBasicResponse,
}

impl OcspAnswer {
    /// Longest answer, bytes.
    pub const LONGEST: usize = 64 * 1024;

    /// Reads an answer in DER.
    ///
    /// # Errors
    /// [`OcspRejected`].
    pub fn from_der(der: &[u8]) -> Result<Self, OcspRejected> {
        if der.len() > Self::LONGEST {
            return Err(OcspRejected::TooLarge);
        }
        let response = OcspResponse::from_der(der).or(Err(OcspRejected::Unreadable))?;
        if response.status() != OcspResponseStatus::SUCCESSFUL {
            return Err(OcspRejected::Status(response.status().as_raw()));
        }
        let basic = response.basic().or(Err(OcspRejected::Unreadable))?;
        match is_strong(der) {
            Some(true) => Ok(Self { basic }),
            Some(false) => Err(OcspRejected::Weak),
            None => Err(OcspRejected::Unreadable),
        }
    }

    /// What it says of `certificate`, which `issuer` has signed, at `now`.
    ///
    /// # Errors
    /// [`ErrorStack`]: it is by somebody who may not say, or the library fails.
    pub(crate) fn said(
        &self,
        certificate: &X509Ref,
        issuer: &X509Ref,
        now: Timestamp,
    ) -> Result<Option<Said>, ErrorStack> {
        // Signed by the issuer, or by whom the issuer has certified for it (RFC 6960 §4.2.2.2): nobody else is believed. An
        // issuer need not send its own certificate with the answer (§4.2.1).
        let mut known = Stack::new()?;
        known.push(issuer.to_owned())?;
        self.basic.verify(&known, &*trusting(issuer, now)?, OcspFlag::NO_EXPLICIT)?;
        let id = id(certificate, issuer)?;
        let Some(said) = self.basic.find_status(&id) else { return Ok(None) };
        let Some(from) = time(said.this_update) else { return Ok(None) };
        let until = match said.next_update() {
            Some(next) => time(next),
            None => Some(from.plus(WITHOUT_NEXT)),
        };
        let Some(until) = until.filter(|_| from <= now.plus(SKEW)) else { return Ok(None) };
        let is_revoked = match said.status {
            OcspCertStatus::GOOD => Some(false),
            OcspCertStatus::REVOKED => Some(true),
            _ => None,
        };
        Ok(Some(Said::new((from, until), is_revoked, now)))
    }
}

impl std::fmt::Debug for OcspAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OcspAnswer")
    }
}

/// Whether the `BasicOCSPResponse` within a response (RFC 6960 §4.2.1) has a strong signature.
fn is_strong(response: &[u8]) -> Option<bool> {
    const BYTES: u8 = 0xa0;
    const OCTET_STRING: u8 = 0x04;
    let parts = der::elements(der::only(response, der::SEQUENCE)?)?;
    let bytes = der::elements(der::only(parts.get(1)?.of(BYTES)?, der::SEQUENCE)?)?;
    signature::is_strong(bytes.get(1)?.of(OCTET_STRING)?)
}

/// The request for one certificate, without a nonce: answers are made beforehand (RFC 5019 §2.1.1).
pub(crate) fn request(certificate: &X509Ref, issuer: &X509Ref) -> Result<Vec<u8>, ErrorStack> {
    let mut request = OcspRequest::new()?;
    request.add_id(id(certificate, issuer)?)?;
    request.to_der()
}

/// SHA-1, which every responder must know (RFC 5019 §2.1.1); nothing rests on it but which entry is meant.
fn id(certificate: &X509Ref, issuer: &X509Ref) -> Result<OcspCertId, ErrorStack> {
    OcspCertId::from_cert(MessageDigest::sha1(), certificate, issuer)
}

/// A store that trusts the issuer alone.
fn trusting(issuer: &X509Ref, now: Timestamp) -> Result<X509Store, ErrorStack> {
    let mut store = X509StoreBuilder::new()?;
    store.add_cert(issuer.to_owned())?;
    let mut rules = X509VerifyParam::new()?;
    rules.set_time(now.as_numeric_date());
    rules.set_auth_level(SECURITY_LEVEL);
    rules.set_flags(X509VerifyFlags::PARTIAL_CHAIN)?;
    store.set_param(&rules)?;
    Ok(store.build())
}

/// An instant as the library writes it, whole seconds: `Nov 23 07:28:38 2026 GMT`.
fn time(time: &Asn1GeneralizedTimeRef) -> Option<Timestamp> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let text = time.to_string();
    let parts: Vec<&str> = text.split_ascii_whitespace().collect();
    let [month, day, clock, year, "GMT"] = parts.as_slice() else { return None };
    let month = MONTHS.iter().position(|name| name == month)?.checked_add(1)?;
    let (day, year): (u8, u16) = (day.parse().ok()?, year.parse().ok()?);
    let clock: String = clock.split('.').next()?.split(':').collect();
    let read = Asn1Time::from_str(&format!("{year:04}{month:02}{day:02}{clock}Z")).ok()?;
    instant(&read).ok()
}

#[cfg(test)]
mod tests {
    use openssl::asn1::Asn1GeneralizedTime;

    use super::*;

    #[test]
    fn instants_read_as_the_library_writes_them() {
        for (text, expected) in [
            ("20261123072838Z", Some(1_795_418_918)),
            ("19700101000000Z", Some(0)),
            ("20240229235959.999Z", Some(1_709_251_199)),
            ("99991231235959Z", Some(253_402_300_799)),
        ] {
            let read = time(&Asn1GeneralizedTime::from_str(text).unwrap());
            assert_eq!(read, expected.map(Timestamp::from_secs), "{text}");
        }
    }

    #[test]
    fn what_is_no_answer_says_why() {
        // `tryLater`, as a responder writes it (RFC 6960 §4.2.1).
        assert_eq!(OcspAnswer::from_der(&[0x30, 3, 0x0a, 1, 3]).unwrap_err(), OcspRejected::Status(3));
        assert_eq!(OcspAnswer::from_der(b"<html>").unwrap_err(), OcspRejected::Unreadable);
        assert_eq!(OcspAnswer::from_der(&[]).unwrap_err(), OcspRejected::Unreadable);
        // It says that it is successful, and nothing else.
        assert_eq!(OcspAnswer::from_der(&[0x30, 3, 0x0a, 1, 0]).unwrap_err(), OcspRejected::Unreadable);
        let long = vec![0x30; OcspAnswer::LONGEST + 1];
        assert_eq!(OcspAnswer::from_der(&long).unwrap_err(), OcspRejected::TooLarge);
    }
}
