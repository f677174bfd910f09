//! Lists of revoked certificates (RFC 5280 §5), and what they say of a chain.

use std::sync::{Mutex, PoisonError};

use domain::{Timestamp, Ttl};
use openssl::{
    error::ErrorStack,
    pkey::{PKeyRef, Public},
    x509::{CrlStatus, X509Crl, X509KeyUsage, X509Ref},
};

use sha2::{Digest, Sha256};

use crate::{der, path::Standing, peer::instant};

/// Most lists of one tenant.
const MOST: usize = 64;
/// Longest PEM of all of them that a tenant file may hold, bytes.
const LONGEST_PEM: usize = 512 * 1024;
/// How far clocks may lie apart (DECISIONS 3.7).
const SKEW: Ttl = Ttl::from_secs(60);

const BEGIN: &str = "-----BEGIN X509 CRL-----";
const END: &str = "-----END X509 CRL-----";

/// Why a text is no set of revocation lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CrlsRejected {
    /// It is longer than it may be, or has more than 64 lists.
    #[error("is too large: at most 64 revocation lists, and 512 KiB (fetched: 4 MiB)")]
    TooLarge,
    /// Something in it is no revocation list.
    #[error("does not read as revocation lists (X509 CRL)")]
    Unreadable,
    /// There is nothing in it.
    #[error("holds no revocation list")]
    Empty,
    /// A list has no `nextUpdate`: nobody could tell when it is out of date.
    #[error("has a list without nextUpdate")]
    NoNextUpdate,
    /// A list is for a part of its issuer's certificates only, for those of others, or a difference to another list;
    /// or it has another extension that must be understood.
    #[error("has a list with a critical extension: indirect, partial and delta lists are not supported")]
    Critical,
}

struct List {
    crl: X509Crl,
    issuer: Vec<u8>,
    from: Timestamp,
    until: Timestamp,
    /// Whether the key of that digest has signed it: of its issuer's name there are one or two. Checking takes milliseconds
    /// where a list is long.
    signed: Mutex<Vec<([u8; 32], bool)>>,
}

impl List {
    fn is_signed_by(&self, key: &PKeyRef<Public>) -> Result<bool, ErrorStack> {
        let digest: [u8; 32] = Sha256::digest(key.public_key_to_der()?).into();
        // Whoever panicked held nothing half done.
        let known = || self.signed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, signed)) = known().iter().find(|(known, _)| *known == digest) {
            return Ok(*signed);
        }
        let signed = self.crl.verify(key)?;
        known().push((digest, signed));
        Ok(signed)
    }
}

/// Revocation lists that a tenant was given.
pub struct Crls {
    lists: Vec<List>,
}

impl Crls {
    /// Longest that lists may be where they are fetched, bytes.
    pub const LONGEST: usize = 4 * 1024 * 1024;

    /// Reads what an authority publishes: one list in DER (RFC 5280 §4.2.1.13), or lists in PEM.
    ///
    /// # Errors
    /// [`CrlsRejected`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CrlsRejected> {
        if bytes.len() > Self::LONGEST {
            return Err(CrlsRejected::TooLarge);
        }
        if bytes.first() == Some(&der::SEQUENCE) {
            let crl = X509Crl::from_der(bytes).or(Err(CrlsRejected::Unreadable))?;
            return Ok(Self { lists: vec![judged(crl)?] });
        }
        Self::in_pem(std::str::from_utf8(bytes).or(Err(CrlsRejected::Unreadable))?)
    }

    /// Reads lists in PEM, at most 512 KiB. Their signatures are checked where they are used, with their issuers' keys.
    ///
    /// # Errors
    /// [`CrlsRejected`].
    pub fn from_pem(pem: &str) -> Result<Self, CrlsRejected> {
        if pem.len() > LONGEST_PEM { Err(CrlsRejected::TooLarge) } else { Self::in_pem(pem) }
    }

    fn in_pem(pem: &str) -> Result<Self, CrlsRejected> {
        let mut lists = Vec::new();
        let mut rest = pem;
        while let Some(at) = rest.find("-----BEGIN ") {
            let from = rest.get(at..).unwrap_or_default();
            let end = from.find(END).filter(|_| from.starts_with(BEGIN)).ok_or(CrlsRejected::Unreadable)?;
            let (one, behind) = from.split_at_checked(end.saturating_add(END.len())).unwrap_or_default();
            if lists.len() >= MOST {
                return Err(CrlsRejected::TooLarge);
            }
            lists.push(read(one)?);
            rest = behind;
        }
        if lists.is_empty() { Err(CrlsRejected::Empty) } else { Ok(Self { lists }) }
    }

    /// What is known of `certificate`, which `issuer` has signed, at `now`.
    pub(crate) fn standing(&self, certificate: &X509Ref, issuer: &X509Ref, now: Timestamp) -> Standing {
        self.look(certificate, issuer, now).unwrap_or(Standing::Unknown)
    }

    fn look(&self, certificate: &X509Ref, issuer: &X509Ref, now: Timestamp) -> Result<Standing, ErrorStack> {
        // Who may sign certificates may not always sign lists (RFC 5280 §4.2.1.3).
        if issuer.key_usage().is_some_and(|usage| !usage.contains(X509KeyUsage::CRL_SIGN)) {
            return Ok(Standing::Unknown);
        }
        let (name, key) = (certificate.issuer_name().to_der()?, issuer.public_key()?);
        let by_name = self.lists.iter().filter(|list| list.issuer == name);
        let mut said = Vec::new();
        for list in by_name.filter(|list| list.from <= now.plus(SKEW) && now < list.until) {
            if list.is_signed_by(&key)? {
                let found = list.crl.get_by_serial(certificate.serial_number());
                let good = matches!(found, CrlStatus::NotRevoked);
                said.push(if good { Standing::Good(list.until) } else { Standing::Revoked });
            }
        }
        Ok(Standing::of_lists(said.into_iter()))
    }
}

fn read(pem: &str) -> Result<List, CrlsRejected> {
    judged(X509Crl::from_pem(pem.as_bytes()).or(Err(CrlsRejected::Unreadable))?)
}

fn judged(crl: X509Crl) -> Result<List, CrlsRejected> {
    let der = crl.to_der().or(Err(CrlsRejected::Unreadable))?;
    if has_critical_extension(&der).ok_or(CrlsRejected::Unreadable)? {
        return Err(CrlsRejected::Critical);
    }
    let dates = || -> Result<_, ErrorStack> {
        let until = crl.next_update().map(instant).transpose()?;
        Ok((crl.issuer_name().to_der()?, instant(crl.last_update())?, until))
    };
    let (issuer, from, until) = dates().or(Err(CrlsRejected::Unreadable))?;
    let until = until.ok_or(CrlsRejected::NoNextUpdate)?;
    Ok(List { crl, issuer, from, until, signed: Mutex::default() })
}

/// Whether an extension of the list must be understood (RFC 5280 §5.2): none is. `None`: it is no list.
fn has_critical_extension(list: &[u8]) -> Option<bool> {
    const EXTENSIONS: u8 = 0xa0;
    const BOOLEAN: u8 = 0x01;
    let list = der::elements(der::only(list, der::SEQUENCE)?)?;
    let to_be_signed = der::elements(list.first()?.of(der::SEQUENCE)?)?;
    let Some(extensions) = to_be_signed.iter().find_map(|element| element.of(EXTENSIONS)) else {
        return Some(false);
    };
    let mut critical = false;
    for extension in der::elements(der::only(extensions, der::SEQUENCE)?)? {
        let parts = der::elements(extension.of(der::SEQUENCE)?)?;
        critical |= parts.iter().filter_map(|part| part.of(BOOLEAN)).any(|value| value != [0]);
    }
    Some(critical)
}

impl std::fmt::Debug for Crls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Crls({})", self.lists.len())
    }
}
