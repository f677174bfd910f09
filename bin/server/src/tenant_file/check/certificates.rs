//! What `[settings]` says of clients' certificates: whom the tenant trusts, and who says that one was revoked.

use std::io::Read as _;

use domain::OcspResponder;

use super::Surroundings;
use crate::{
    fetch::target,
    tenant_file::{
        document::{RevocationDoc, SettingsDoc},
        problem::{Place, Problems},
    },
};

/// Most places that lists are fetched from.
const MOST_URIS: usize = 8;

/// What was found.
pub(super) struct Certificates {
    pub(super) truststore: Option<String>,
    pub(super) crl: Option<String>,
    pub(super) crl_uris: Vec<String>,
    pub(super) ocsp: Option<OcspResponder>,
    pub(super) fetch_private: bool,
    pub(super) open: bool,
}

/// Takes what belongs here out of the settings.
pub(super) fn check(
    doc: &mut SettingsDoc,
    around: Surroundings<'_>,
    place: &Place,
    problems: &mut Problems<'_>,
) -> Certificates {
    let fetch_private = doc.mtls_fetch_private.unwrap_or_default();
    let found = Certificates {
        truststore: truststore(doc, around, place, problems),
        crl: crl(doc, around, place, problems),
        crl_uris: crl_uris(doc.mtls_crl_uris.take(), fetch_private, place, problems),
        ocsp: ocsp(doc.mtls_ocsp.take(), fetch_private, place, problems),
        fetch_private,
        open: doc.mtls_revocation == Some(RevocationDoc::Open),
    };
    let fetches = !found.crl_uris.is_empty() || found.ocsp.is_some();
    problems.check(
        doc.mtls_revocation.is_none() || found.crl.is_some() || fetches,
        place,
        "mtls_revocation",
        "needs mtls_crl, mtls_crl_file, mtls_crl_uris or mtls_ocsp",
    );
    problems.check(
        !fetch_private || fetches,
        place,
        "mtls_fetch_private",
        "needs mtls_crl_uris or mtls_ocsp",
    );
    found
}

fn crl_uris(
    given: Option<Vec<String>>,
    private: bool,
    place: &Place,
    problems: &mut Problems<'_>,
) -> Vec<String> {
    let uris = given.unwrap_or_default();
    problems.check(uris.len() <= MOST_URIS, place, "mtls_crl_uris", "must be at most 8");
    for (number, uri) in uris.iter().enumerate() {
        if let Err(problem) = target::check_signed(uri, private) {
            problems.add(place, "mtls_crl_uris", format!("{uri:?} {problem}"));
        }
        let again = uris.iter().take(number).any(|before| before == uri);
        problems.check(!again, place, "mtls_crl_uris", "must name each place once");
    }
    uris
}

fn ocsp(
    given: Option<OcspResponder>,
    private: bool,
    place: &Place,
    problems: &mut Problems<'_>,
) -> Option<OcspResponder> {
    if let Some(OcspResponder::At(uri)) = &given
        && let Err(problem) = target::check_signed(uri, private)
    {
        problems.add(place, "mtls_ocsp", format!("{problem}, or \"certificate\""));
    }
    given
}

/// The authorities for clients' certificates, written in the file or beside it.
fn truststore(
    doc: &mut SettingsDoc,
    around: Surroundings<'_>,
    place: &Place,
    problems: &mut Problems<'_>,
) -> Option<String> {
    let given = (doc.mtls_truststore.take(), doc.mtls_truststore_file.take());
    let usable = |pem: &str| jose::Truststore::from_pem(pem).map(drop).map_err(|problem| problem.to_string());
    pem(given, ["mtls_truststore", "mtls_truststore_file"], (around, &usable), (place, problems))
}

/// The lists of revoked certificates, written in the file or beside it.
fn crl(
    doc: &mut SettingsDoc,
    around: Surroundings<'_>,
    place: &Place,
    problems: &mut Problems<'_>,
) -> Option<String> {
    let given = (doc.mtls_crl.take(), doc.mtls_crl_file.take());
    let usable = |pem: &str| jose::Crls::from_pem(pem).map(drop).map_err(|problem| problem.to_string());
    pem(given, ["mtls_crl", "mtls_crl_file"], (around, &usable), (place, problems))
}

type Usable<'a> = &'a dyn Fn(&str) -> Result<(), String>;

/// PEM that is given as text, or by the name of a file, but not both.
fn pem(
    given: (Option<String>, Option<String>),
    [inline, file]: [&'static str; 2],
    (around, usable): (Surroundings<'_>, Usable<'_>),
    (place, problems): (&Place, &mut Problems<'_>),
) -> Option<String> {
    let (key, pem) = match given {
        (None, None) => return None,
        (Some(pem), None) => (inline, Ok(pem)),
        (None, Some(name)) => (file, beside(&name, around)),
        (Some(_), Some(_)) => (inline, Err(format!("and {file} exclude each other"))),
    };
    let judged = pem.and_then(|pem| usable(&pem).map(|()| pem.trim().to_owned()));
    judged.map_err(|problem| problems.add(place, key, problem)).ok()
}

/// A file of certificates, at most 512 KiB.
fn beside(name: &str, around: Surroundings<'_>) -> Result<String, String> {
    let path = around.base_dir.map_or_else(|| name.into(), |dir| dir.join(name));
    let said = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut text = String::new();
    std::fs::File::open(&path).map_err(said)?.take(512 * 1024).read_to_string(&mut text).map_err(said)?;
    Ok(text)
}
