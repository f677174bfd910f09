//! Tenants.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    AccessTokenFormat, ChannelCode, ProfileName, SigningAlg, TenantId, TenantName, Ttl, WireProfile,
};

/// What an administrator sets for a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantSettings {
    /// The wire profile.
    pub profile: ProfileName,
    /// Origins that browsers may call from (`https://app.example`), or `*`.
    pub cors_origins: BTreeSet<String>,
    /// How long a refresh family lives when the client says nothing.
    pub refresh_token_validity: Ttl,
    /// The inactivity limit of machine sessions where the profile asks for none; `None`: none.
    pub machine_inactivity: Option<Ttl>,
    /// The total limit of machine sessions; `None` leaves the client's policy.
    pub machine_total: Option<Ttl>,
    /// How long an id_token is valid.
    pub id_token_validity: Ttl,
    /// The algorithms it has keys for; the first of `ALL` among them signs what has no choice of its own.
    pub signing_algs: BTreeSet<SigningAlg>,
    /// The channels it knows.
    pub channels: BTreeSet<ChannelCode>,
    /// How long a key signs before its successor takes over by itself.
    pub key_active: Ttl,
    /// `max-age` of the JWKS; a key is published this long before it signs.
    pub jwks_cache: Ttl,
    /// How long a key stays published after its last signature.
    pub key_verify: Ttl,
    /// The authorities whose certificates its clients may prove themselves by, in PEM; `None`: there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtls_truststore: Option<String>,
    /// Lists of certificates that were revoked (RFC 5280 §5), in PEM; `None`: revocation is not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtls_crl: Option<String>,
    /// Where more lists are fetched from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mtls_crl_uris: Vec<String>,
    /// Who is asked about each certificate (RFC 6960); `None`: nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtls_ocsp: Option<OcspResponder>,
    /// Whether lists may be fetched from, and responders asked at, private and loopback addresses.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mtls_fetch_private: bool,
    /// Whether a certificate passes of which nobody says anything that holds now (fail open). Else it does not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mtls_revocation_open: bool,
    /// Whether DPoP proofs need a nonce (RFC 9449 §8).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dpop_nonce_required: bool,
    /// The resources that tokens can be asked for (RFC 8707), and the form of their access tokens.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub resources: BTreeMap<String, AccessTokenFormat>,
    /// Whether what its clients publish (`jwks_uri`) may be fetched from private and loopback addresses, and from
    /// loopback without TLS.
    #[serde(default)]
    pub fetch_private: bool,
    /// Whether it is reached as `/auth/realms/{tenant}` too, with the issuer of that name ([`crate::Layout::Realms`]).
    #[serde(default)]
    pub realms_layout: bool,
    /// How many clients anyone may register a day; 0: nobody but who has the permission (RFC 7591 §3).
    #[serde(default)]
    pub open_registrations_per_day: u32,
    /// How many of them from one source (an IPv4 address or an IPv6 /64).
    #[serde(default)]
    pub open_registrations_per_source: u32,
}

/// Who is asked whether a certificate was revoked (RFC 6960).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum OcspResponder {
    /// The responder that each certificate names itself (RFC 5280 §4.2.2.1). As text: `certificate`.
    OfCertificate,
    /// The one at this URI, whatever certificates say.
    At(String),
}

const OF_CERTIFICATE: &str = "certificate";

impl From<String> for OcspResponder {
    fn from(text: String) -> Self {
        if text == OF_CERTIFICATE { Self::OfCertificate } else { Self::At(text) }
    }
}

impl From<OcspResponder> for String {
    fn from(responder: OcspResponder) -> Self {
        match responder {
            OcspResponder::OfCertificate => OF_CERTIFICATE.to_owned(),
            OcspResponder::At(uri) => uri,
        }
    }
}

/// The channels of CONTRACT 7.4.
pub const DEFAULT_CHANNELS: [&str; 7] =
    ["CH_EXTRAPP", "CH_DIRECT", "CH_SSP", "CH_IIS", "CH_PASA", "CH_TDS", "CH_TDSPROV"];

impl TenantSettings {
    /// The defaults under a profile.
    pub fn new(profile: ProfileName) -> Self {
        Self {
            profile,
            cors_origins: BTreeSet::new(),
            refresh_token_validity: Ttl::from_days(1),
            machine_inactivity: None,
            machine_total: None,
            id_token_validity: Ttl::from_secs(3600),
            signing_algs: SigningAlg::ALL.into(),
            channels: DEFAULT_CHANNELS.iter().filter_map(|code| ChannelCode::parse(code)).collect(),
            key_active: Ttl::from_days(90),
            jwks_cache: Ttl::from_secs(3600),
            key_verify: Ttl::from_days(2),
            mtls_truststore: None,
            mtls_crl: None,
            mtls_crl_uris: Vec::new(),
            mtls_ocsp: None,
            mtls_fetch_private: false,
            mtls_revocation_open: false,
            dpop_nonce_required: false,
            resources: BTreeMap::new(),
            fetch_private: false,
            realms_layout: false,
            open_registrations_per_day: 0,
            open_registrations_per_source: 5,
        }
    }

    /// Whether anybody is named who says what was revoked.
    pub const fn looks_for_revoked(&self) -> bool {
        self.mtls_crl.is_some() || !self.mtls_crl_uris.is_empty() || self.mtls_ocsp.is_some()
    }
}

/// A tenant: everything under it is its own (BLUEPRINT 5.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Its key in storage.
    pub id: TenantId,
    /// Its name in URLs.
    pub name: TenantName,
    /// What its administrator set.
    pub settings: TenantSettings,
    /// Grows with every change of its settings, policies, clients or keys (DECISIONS 5.7).
    pub revision: i64,
}

impl Tenant {
    /// How it behaves on the wire.
    pub const fn profile(&self) -> WireProfile {
        WireProfile::named(self.settings.profile)
    }
}
