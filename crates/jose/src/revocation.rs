//! Lists of revoked certificates (RFC 5280 §5), and what they say of a chain.

use std::{
    cmp::Ordering,
    sync::{Mutex, PoisonError},
};

use domain::{SKEW, Timestamp};
use openssl::{
    bn::BigNum,
    error::ErrorStack,
    pkey::{PKeyRef, Public},
    x509::{CrlStatus, X509Crl, X509KeyUsage, X509Ref},
};
use sha2::{Digest, Sha256};

use crate::{
    der,
    path::{Said, Standing},
    peer::instant,
    signature,
};

/// Most lists of one tenant.
const MOST: usize = 64;
/// Longest PEM of all of them that a tenant file may hold, bytes.
const LONGEST_PEM: usize = 512 * 1024;

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
    /// A list is signed with MD5, SHA-1, or something else that is no longer trusted, or not known.
    #[error("has a list whose signature is not by SHA-256 or longer")]
    Weak,
    /// A list is for a part of its issuer's certificates only, for those of others, or a difference to another list;
    /// or it has another extension that must be understood.
    #[error(
        "has a list with a critical extension, or one for a part: indirect, partial and delta lists are not supported"
    )]
    Critical,
}

struct List {
    crl: X509Crl,
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
        // Why not is of no account, but the library would tell the next connection on this thread.
        drop(ErrorStack::get());
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

    /// Whether there should be news of one of them.
    pub fn have_run_out(&self, now: Timestamp) -> bool {
        self.lists.iter().any(|list| list.until <= now)
    }

    /// What they say of `certificate`, which `issuer` has signed, at `now`.
    ///
    /// # Errors
    /// [`ErrorStack`] where the library fails.
    pub(crate) fn said(
        &self,
        certificate: &X509Ref,
        issuer: &X509Ref,
        now: Timestamp,
    ) -> Result<Option<Said>, ErrorStack> {
        // Who may sign certificates may not always sign lists (RFC 5280 §4.2.1.3).
        if issuer.key_usage().is_some_and(|usage| !usage.contains(X509KeyUsage::CRL_SIGN)) {
            return Ok(None);
        }
        let key = issuer.public_key()?;
        let mut found: Option<Said> = None;
        for list in self.lists.iter().filter(|list| list.from <= now.plus(SKEW)) {
            let by_name = list.crl.issuer_name().try_cmp(certificate.issuer_name())? == Ordering::Equal;
            if !by_name || !list.is_signed_by(&key)? {
                continue;
            }
            let listed = list.crl.get_by_serial(certificate.serial_number());
            let is_revoked = !matches!(listed, CrlStatus::NotRevoked);
            let said = Said::new((list.from, list.until), Some(is_revoked), now);
            found = Some(found.map_or(said, |before| Said {
                from: before.from.max(said.from),
                until: before.until.min(said.until),
                standing: Standing::of_lists([before.standing, said.standing].into_iter()),
            }));
        }
        Ok(found)
    }
}

fn read(pem: &str) -> Result<List, CrlsRejected> {
    judged(X509Crl::from_pem(pem.as_bytes()).or(Err(CrlsRejected::Unreadable))?)
}

fn judged(crl: X509Crl) -> Result<List, CrlsRejected> {
    let der = crl.to_der().or(Err(CrlsRejected::Unreadable))?;
    if is_partial(&der).ok_or(CrlsRejected::Unreadable)? {
        return Err(CrlsRejected::Critical);
    }
    if !signature::is_strong(&der).ok_or(CrlsRejected::Unreadable)? {
        return Err(CrlsRejected::Weak);
    }
    let dates = || -> Result<_, ErrorStack> {
        // The library sorts a list when it is first searched, which takes a while.
        let _listed = crl.get_by_serial(&*BigNum::new()?.to_asn1_integer()?);
        Ok((instant(crl.last_update())?, crl.next_update().map(instant).transpose()?))
    };
    let (from, until) = dates().or(Err(CrlsRejected::Unreadable))?;
    let until = until.ok_or(CrlsRejected::NoNextUpdate)?;
    Ok(List { crl, from, until, signed: Mutex::default() })
}

/// Whether a list is for less than all certificates of its issuer's: a difference (RFC 5280 §5.2.4), a part (§5.2.5), or
/// something that must be understood and is not.
fn is_partial(list: &[u8]) -> Option<bool> {
    const EXTENSIONS: u8 = 0xa0;
    const BOOLEAN: u8 = 0x01;
    let list = der::elements(der::only(list, der::SEQUENCE)?)?;
    let to_be_signed = der::elements(list.first()?.of(der::SEQUENCE)?)?;
    let Some(extensions) = to_be_signed.iter().find_map(|element| element.of(EXTENSIONS)) else {
        return Some(false);
    };
    let mut partial = false;
    for extension in der::elements(der::only(extensions, der::SEQUENCE)?)? {
        let parts = der::elements(extension.of(der::SEQUENCE)?)?;
        let name = der::dotted(parts.first()?.of(der::OBJECT_IDENTIFIER)?)?;
        partial |= PARTIAL.contains(&name.as_str());
        partial |= parts.iter().filter_map(|part| part.of(BOOLEAN)).any(|value| value != [0]);
    }
    Some(partial)
}

/// `deltaCRLIndicator` and `issuingDistributionPoint`, critical or not.
const PARTIAL: [&str; 2] = ["2.5.29.27", "2.5.29.28"];

impl std::fmt::Debug for Crls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Crls({})", self.lists.len())
    }
}
