//! Self-signed certificates around signing keys (CONTRACT 4.17).

use domain::port::Entropy;
use domain::{Fault, Timestamp, Ttl};
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKeyRef, Private};
use openssl::x509::extension::{BasicConstraints, KeyUsage};
use openssl::x509::{X509, X509Name};

use crate::OsEntropy;

/// Ten years, leap days included.
const VALIDITY: Ttl = Ttl::from_days(3653);
/// Most characters of a common name (RFC 5280, upper bound `ub-common-name`).
const LONGEST_NAME: usize = 64;

/// The DER of a certificate for `key`, signed by itself, valid for ten years from `now`. Its subject and issuer are
/// the common name `name`, cut to 64 characters.
///
/// # Errors
/// [`Fault::Crypto`] when OpenSSL refuses, [`Fault::Entropy`] when there is no serial number.
pub(crate) fn self_signed(key: &PKeyRef<Private>, name: &str, now: Timestamp) -> Result<Vec<u8>, Fault> {
    let mut serial = [0_u8; 16];
    OsEntropy.fill(&mut serial)?;
    // Positive and never zero (RFC 5280 §4.1.2.2).
    let [first, ..] = &mut serial;
    *first = *first & 0x7f | 0x40;
    build(key, name, now, &serial).or(Err(Fault::Crypto("making a certificate")))
}

fn build(key: &PKeyRef<Private>, name: &str, now: Timestamp, serial: &[u8]) -> Result<Vec<u8>, ErrorStack> {
    let common_name: String = name.chars().take(LONGEST_NAME).collect();
    let mut subject = X509Name::builder()?;
    subject.append_entry_by_nid(Nid::COMMONNAME, &common_name)?;
    let subject = subject.build();
    let from = Asn1Time::from_unix(now.as_numeric_date())?;
    let until = Asn1Time::from_unix(now.plus(VALIDITY).as_numeric_date())?;
    let serial = BigNum::from_slice(serial)?.to_asn1_integer()?;

    let mut certificate = X509::builder()?;
    certificate.set_version(2)?;
    certificate.set_serial_number(&serial)?;
    certificate.set_subject_name(&subject)?;
    certificate.set_issuer_name(&subject)?;
    certificate.set_not_before(&from)?;
    certificate.set_not_after(&until)?;
    certificate.set_pubkey(key)?;
    certificate.append_extension(BasicConstraints::new().critical().build()?)?;
    certificate.append_extension(KeyUsage::new().critical().digital_signature().build()?)?;
    certificate.sign(key, MessageDigest::sha256())?;
    certificate.build().to_der()
}
