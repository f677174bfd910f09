//! Lists of revoked certificates (RFC 5280 §5), and what they say of a chain.

use domain::{Timestamp, Ttl};
use openssl::{
    error::ErrorStack,
    x509::{CrlStatus, X509Crl, X509KeyUsage, X509Ref},
};

use crate::der;
use crate::peer::instant;

/// Most lists of one tenant.
const MOST: usize = 64;
/// Longest PEM of all of them, bytes.
const LONGEST: usize = 512 * 1024;
/// How far clocks may lie apart (DECISIONS 3.7).
const SKEW: Ttl = Ttl::from_secs(60);

const BEGIN: &str = "-----BEGIN X509 CRL-----";
const END: &str = "-----END X509 CRL-----";

/// Why a text is no set of revocation lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CrlsRejected {
    /// It is longer than 512 KiB, or has more than 64 lists.
    #[error("is too large: at most 64 revocation lists and 512 KiB")]
    TooLarge,
    /// It is no PEM, or something in it is no revocation list.
    #[error("does not read as revocation lists (X509 CRL) in PEM")]
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

/// What is known of one certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Its issuer's list does not name it, and is good until then.
    Good(Timestamp),
    /// Its issuer has revoked it.
    Revoked,
    /// There is no list of its issuer's that holds now.
    Unknown,
}

struct List {
    crl: X509Crl,
    issuer: Vec<u8>,
    from: Timestamp,
    until: Timestamp,
}

/// Revocation lists that a tenant was given.
pub struct Crls {
    lists: Vec<List>,
}

impl Crls {
    /// Reads lists in PEM. Their signatures are checked where they are used, with their issuers' keys.
    ///
    /// # Errors
    /// [`CrlsRejected`].
    pub fn from_pem(pem: &str) -> Result<Self, CrlsRejected> {
        if pem.len() > LONGEST {
            return Err(CrlsRejected::TooLarge);
        }
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
        let mut found = Standing::Unknown;
        for list in self.lists.iter().filter(|list| list.issuer == name) {
            let holds = list.from <= now.plus(SKEW) && now < list.until;
            if !holds || !list.crl.verify(&key)? {
                continue;
            }
            if !matches!(list.crl.get_by_serial(certificate.serial_number()), CrlStatus::NotRevoked) {
                return Ok(Standing::Revoked);
            }
            found = match found {
                Standing::Good(until) => Standing::Good(until.min(list.until)),
                Standing::Unknown | Standing::Revoked => Standing::Good(list.until),
            };
        }
        Ok(found)
    }
}

fn read(pem: &str) -> Result<List, CrlsRejected> {
    let crl = X509Crl::from_pem(pem.as_bytes()).or(Err(CrlsRejected::Unreadable))?;
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
    Ok(List { crl, issuer, from, until })
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
