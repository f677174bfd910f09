//! What a tenant wants to be known of certificates before they count.

use domain::{OcspResponder, TenantSettings};
use jose::{Crls, CrlsRejected};

/// Who says whether a certificate was revoked.
#[derive(Debug)]
pub struct Revocation {
    /// Lists that the tenant has given.
    pub given: Option<Crls>,
    /// Where more are fetched from.
    pub uris: Vec<String>,
    /// Who is asked about each certificate.
    pub ocsp: Option<OcspResponder>,
    /// Whether from private addresses, too.
    pub private: bool,
    /// Whether a certificate passes of which nobody says anything that holds now (fail open).
    pub open: bool,
}

impl Revocation {
    /// What the settings say; `None` where revocation is not looked at.
    ///
    /// # Errors
    /// [`CrlsRejected`] when lists that were given do not read.
    pub fn of(settings: &TenantSettings) -> Result<Option<Self>, CrlsRejected> {
        let given = settings.mtls_crl.as_deref().map(Crls::from_pem).transpose()?;
        let (uris, ocsp) = (settings.mtls_crl_uris.clone(), settings.mtls_ocsp.clone());
        let (private, open) = (settings.mtls_fetch_private, settings.mtls_revocation_open);
        Ok(settings.looks_for_revoked().then_some(Self { given, uris, ocsp, private, open }))
    }

    /// Whether there are lists, be they given or fetched.
    pub const fn has_lists(&self) -> bool {
        self.given.is_some() || !self.uris.is_empty()
    }
}
