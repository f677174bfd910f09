//! A chain that leads to an authority of a tenant's, and what is known of revoked certificates in it (RFC 5280 §6.3,
//! RFC 6960).

use domain::{ChainProblem, Timestamp, Ttl};
use openssl::x509::{X509, X509Ref};

use crate::{ocsp::OcspAnswer, revocation::Crls};

/// For how long a certificate passes of which nothing is known, and one that a source of those asked said nothing of.
const UNKNOWN_FOR: Ttl = Ttl::from_secs(60);
/// For how long a chain stands that nothing ends earlier.
const LONGEST: Ttl = Ttl::from_days(365);

/// From when until when a chain, as it was found, is valid: its certificates' dates taken together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The latest `notBefore`.
    pub from: Timestamp,
    /// The earliest `notAfter`: the last second.
    pub until: Timestamp,
}

impl Window {
    /// Whether `now` lies in it, both ends included.
    pub const fn contains(&self, now: Timestamp) -> bool {
        self.from.has_passed(now) && now.as_numeric_date() <= self.until.as_numeric_date()
    }

    /// The same, ending no later than `last`: its last second.
    #[must_use]
    pub fn ending(self, last: Timestamp) -> Self {
        Self { until: self.until.min(last), ..self }
    }
}

/// A chain: the client's certificate first, and last the one that is trusted by itself.
#[derive(Debug)]
pub struct Path {
    certificates: Vec<X509>,
    window: Window,
}

/// One certificate of a chain, and the one that has signed it.
#[derive(Clone, Copy)]
pub struct Link<'a> {
    pub(crate) certificate: &'a X509Ref,
    pub(crate) issuer: &'a X509Ref,
}

/// What is known of one certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It was not revoked; that is known until then, not included.
    Good(Timestamp),
    /// Its issuer has revoked it. What says so has no end: no certificate gets better by waiting.
    Revoked,
    /// Nothing that holds now.
    Unknown,
}

/// What something that is signed as it should be says of one certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// Since when (`thisUpdate`).
    pub from: Timestamp,
    /// When there will be news (`nextUpdate`).
    pub until: Timestamp,
    /// What it comes to at the instant that was asked about.
    pub standing: Standing,
}

impl Said {
    /// Of the certificate that `is_revoked` tells of, at `now`: nothing before its time, and after it only bad news.
    pub(crate) fn new(
        (from, until): (Timestamp, Timestamp),
        is_revoked: Option<bool>,
        now: Timestamp,
    ) -> Self {
        let standing = match is_revoked {
            Some(true) => Standing::Revoked,
            Some(false) if now < until => Standing::Good(until),
            Some(false) | None => Standing::Unknown,
        };
        Self { from, until, standing }
    }
}

impl Standing {
    /// What several lists say together: one that revokes decides, and one that holds will do.
    pub fn of_lists(lists: impl Iterator<Item = Self>) -> Self {
        let mut found = Self::Unknown;
        for list in lists {
            found = match (found, list) {
                (Self::Revoked, _) | (_, Self::Revoked) => Self::Revoked,
                (Self::Good(one), Self::Good(other)) => Self::Good(one.min(other)),
                (Self::Good(until), Self::Unknown) | (Self::Unknown, Self::Good(until)) => Self::Good(until),
                (Self::Unknown, Self::Unknown) => Self::Unknown,
            };
        }
        found
    }
}

impl Path {
    pub(crate) const fn new(certificates: Vec<X509>, window: Window) -> Self {
        Self { certificates, window }
    }

    /// When all its certificates are valid.
    pub const fn window(&self) -> Window {
        self.window
    }

    /// The certificates that can be revoked: all but the trusted one. Taking that out of the truststore is how it is revoked.
    pub fn links(&self) -> impl Iterator<Item = Link<'_>> {
        let issuers = self.certificates.iter().skip(1);
        self.certificates.iter().zip(issuers).map(|(certificate, issuer)| Link { certificate, issuer })
    }

    /// Until when the chain stands, when `standings` has said of each of its links what every source says that was asked. A
    /// link that one source says is revoked is; else one that says it is good will do. Of what no source knows, `open`
    /// decides: it passes for a minute, or not at all.
    ///
    /// # Errors
    /// [`ChainProblem::Revoked`], [`ChainProblem::RevocationUnknown`].
    pub fn not_revoked(
        &self,
        standings: impl Fn(usize, Link<'_>) -> Vec<Standing>,
        open: bool,
        now: Timestamp,
    ) -> Result<Window, ChainProblem> {
        let mut until = now.plus(LONGEST);
        for (number, link) in self.links().enumerate() {
            until = until.min(taken_together(&standings(number, link), open, now)?);
        }
        // The last second in which it holds.
        Ok(self.window.ending(until.minus(Ttl::from_secs(1))))
    }
}

/// Until when one certificate passes, not included.
fn taken_together(standings: &[Standing], open: bool, now: Timestamp) -> Result<Timestamp, ChainProblem> {
    if standings.contains(&Standing::Revoked) {
        return Err(ChainProblem::Revoked);
    }
    let good = standings.iter().filter_map(|standing| match standing {
        Standing::Good(until) => Some(*until),
        Standing::Revoked | Standing::Unknown => None,
    });
    let soon = now.plus(UNKNOWN_FOR);
    match good.min() {
        Some(until) if standings.contains(&Standing::Unknown) => Ok(until.min(soon)),
        Some(until) => Ok(until),
        None if open => Ok(soon),
        None => Err(ChainProblem::RevocationUnknown),
    }
}

impl std::fmt::Debug for Link<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("subject", &self.certificate.subject_name()).finish_non_exhaustive()
    }
}

impl Link<'_> {
    /// What revocation lists say of it at `now`. `None`: none of its issuer's is among them.
    pub fn listed(&self, lists: &Crls, now: Timestamp) -> Option<Said> {
        lists.said(self.certificate, self.issuer, now).ok().flatten()
    }

    /// What a responder's answer says of it at `now`. `None`: it is about others, or by somebody who may not say.
    pub fn answered(&self, answer: &OcspAnswer, now: Timestamp) -> Option<Said> {
        answer.said(self.certificate, self.issuer, now).ok().flatten()
    }

    /// What a responder is asked (RFC 6960 §4.1): DER. `None` when the library fails.
    pub fn ocsp_request(&self) -> Option<Vec<u8>> {
        crate::ocsp::request(self.certificate, self.issuer).ok()
    }

    /// The responders that the certificate names itself (RFC 5280 §4.2.2.1), in its order.
    pub fn ocsp_responders(&self) -> Vec<String> {
        // The library's error says that there is none, or that one is no UTF-8.
        let Ok(named) = self.certificate.ocsp_responders() else { return Vec::new() };
        named.iter().map(ToString::to_string).filter(|uri| uri.is_ascii()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_source_that_revokes_outweighs_all_others_and_one_that_knows_all_that_do_not() {
        use Standing::{Good, Revoked, Unknown};
        let now = Timestamp::from_secs(1000);
        let at = Timestamp::from_secs;
        let (closed, open) = (false, true);
        for (standings, mode, expected) in [
            (vec![Good(at(5000))], closed, Ok(at(5000))),
            (vec![Good(at(5000)), Good(at(3000))], closed, Ok(at(3000))),
            (vec![Good(at(5000)), Unknown], closed, Ok(at(1060))),
            (vec![Good(at(1010)), Unknown], open, Ok(at(1010))),
            (vec![Unknown, Unknown], closed, Err(ChainProblem::RevocationUnknown)),
            (vec![], closed, Err(ChainProblem::RevocationUnknown)),
            (vec![Unknown], open, Ok(at(1060))),
            (vec![Good(at(5000)), Revoked], open, Err(ChainProblem::Revoked)),
            (vec![Unknown, Revoked], open, Err(ChainProblem::Revoked)),
        ] {
            assert_eq!(taken_together(&standings, mode, now), expected, "{standings:?} {mode}");
        }
    }
}
