//! What a connection's certificate says.

use domain::{AltName, DistinguishedName, PeerCertificate, Thumbprint, Timestamp, UnreadableCertificate};
use openssl::{
    asn1::{Asn1Time, Asn1TimeRef},
    error::ErrorStack,
    x509::{X509, X509Ref},
};

use crate::der::{self, Element};

/// Longest certificate that is looked at, bytes of DER.
const LONGEST: usize = 16 * 1024;
/// Most certificates that count of what a peer sends with its own: chains are shorter.
const MOST_SENT: usize = 8;
/// Most alternative names.
const MOST_NAMES: usize = 64;

/// Reads a certificate: at most 16 KiB of DER with at most 64 alternative names. Of `sent`, what came with it, eight
/// are kept. Nothing is judged here.
///
/// # Errors
/// [`UnreadableCertificate`].
pub fn peer_certificate(leaf: &[u8], sent: Vec<Vec<u8>>) -> Result<PeerCertificate, UnreadableCertificate> {
    if leaf.len() > LONGEST {
        return Err(UnreadableCertificate);
    }
    let x509 = X509::from_der(leaf).or(Err(UnreadableCertificate))?;
    // Exactly the DER: what follows it would be part of the thumbprint.
    let der = x509.to_der().or(Err(UnreadableCertificate))?;
    if der != leaf {
        return Err(UnreadableCertificate);
    }
    read(&x509, der, sent).ok_or(UnreadableCertificate)
}

fn read(x509: &X509Ref, der: Vec<u8>, sent: Vec<Vec<u8>>) -> Option<PeerCertificate> {
    let subject = x509.subject_name().to_der().ok()?;
    Some(PeerCertificate {
        thumbprint: Thumbprint::of(&der),
        spki: x509.public_key().and_then(|key| key.public_key_to_der()).ok()?,
        subject: distinguished_name(&subject),
        alt_names: alt_names(x509)?,
        not_before: instant(x509.not_before()).ok()?,
        not_after: instant(x509.not_after()).ok()?,
        chain: sent.into_iter().filter(|sent| sent.len() <= LONGEST).take(MOST_SENT).collect(),
        der,
    })
}

fn alt_names(x509: &X509Ref) -> Option<Vec<AltName>> {
    let Some(names) = x509.subject_alt_names() else { return Some(Vec::new()) };
    if names.len() > MOST_NAMES {
        return None;
    }
    let ip = |bytes: &[u8]| {
        let four = <[u8; 4]>::try_from(bytes).map(std::net::IpAddr::from);
        four.or_else(|_other| <[u8; 16]>::try_from(bytes).map(std::net::IpAddr::from)).ok()
    };
    let name = |name: &openssl::x509::GeneralNameRef| {
        let dns = name.dnsname().map(|text| AltName::Dns(text.to_owned()));
        dns.or_else(|| name.uri().map(|text| AltName::Uri(text.to_owned())))
            .or_else(|| name.email().map(|text| AltName::Email(text.to_owned())))
            .or_else(|| name.ipaddress().and_then(ip).map(AltName::Ip))
    };
    Some(names.iter().filter_map(name).collect())
}

/// An instant as certificates have it, in whole seconds.
pub(crate) fn instant(time: &Asn1TimeRef) -> Result<Timestamp, ErrorStack> {
    let since = Asn1Time::from_unix(0)?.diff(time)?;
    let seconds = i64::from(since.days).saturating_mul(86_400).saturating_add(i64::from(since.secs));
    Ok(Timestamp::from_secs(seconds))
}

/// Reads `Name` (RFC 5280 §4.1.2.4): a sequence of sets of sequences of type and value. `None` where a value is no text: the
/// certificate may have other names that read.
pub(crate) fn distinguished_name(bytes: &[u8]) -> Option<DistinguishedName> {
    let name = der::only(bytes, der::SEQUENCE)?;
    let relative = der::elements(name)?.into_iter().map(|set| {
        let attributes = der::elements(set.of(der::SET)?)?.into_iter().map(|attribute| {
            let [oid, value] =
                <[Element<'_>; 2]>::try_from(der::elements(attribute.of(der::SEQUENCE)?)?).ok()?;
            Some((der::dotted(oid.of(der::OBJECT_IDENTIFIER)?)?, der::text(value)?))
        });
        attributes.collect::<Option<Vec<_>>>()
    });
    relative.collect::<Option<_>>().map(DistinguishedName::from_certificate)
}
