//! `[settings]`

use std::{collections::BTreeSet, ops::RangeInclusive};

use domain::{ChannelCode, ProfileName, TenantSettings, Ttl};
use toml::Spanned;

use super::{Surroundings, certificates};
use crate::tenant_file::{
    document::SettingsDoc,
    problem::{Place, Problems},
};

/// Longest identifier of a resource, bytes.
const LONGEST_RESOURCE: usize = 255;
/// Ten years, seconds.
const LONGEST: i64 = 315_360_000;

pub(super) fn check(
    settings: Option<Spanned<SettingsDoc>>,
    profile: ProfileName,
    around: Surroundings<'_>,
    problems: &mut Problems<'_>,
) -> TenantSettings {
    let offset = settings.as_ref().map_or(0, |settings| settings.span().start);
    let place = Place::new(offset, "settings");
    let mut doc = settings.map(Spanned::into_inner).unwrap_or_default();
    let text = "fapi2 is for clients only: hold each of them to it with its own profile";
    problems.check(profile != ProfileName::Fapi2, &place, "profile", text);
    let certificates = certificates::check(&mut doc, around, &place, problems);
    let defaults = TenantSettings::new(profile);
    let mut number = |value: Option<i64>, key, range: RangeInclusive<i64>| {
        let fits = value.is_none_or(|value| range.contains(&value));
        problems.check(fits, &place, key, &format!("must be between {} and {}", range.start(), range.end()));
        value
    };
    let mut seconds = |value, key, least| number(value, key, least..=LONGEST).map(Ttl::from_secs);
    let refresh_token_validity = seconds(doc.refresh_token_validity, "refresh_token_validity", 1);
    let id_token_validity = seconds(doc.id_token_validity, "id_token_validity", 1);
    let machine_inactivity = seconds(doc.machine_inactivity, "machine_inactivity", 1);
    let machine_total = seconds(doc.machine_total, "machine_total", 1);
    let jwks_cache = number(doc.jwks_cache_seconds, "jwks_cache_seconds", 0..=86_400).map(Ttl::from_secs);
    let key_active = number(doc.key_active_days, "key_active_days", 1..=3650).map(Ttl::from_days);
    let key_verify = number(doc.key_verify_days, "key_verify_days", 1..=3650).map(Ttl::from_days);
    let channels = doc.channels.map(|codes| channels(&codes, &place, problems));
    let settings = TenantSettings {
        profile,
        cors_origins: doc.cors_origins.unwrap_or_default(),
        refresh_token_validity: refresh_token_validity.unwrap_or(defaults.refresh_token_validity),
        machine_inactivity,
        machine_total,
        id_token_validity: id_token_validity.unwrap_or(defaults.id_token_validity),
        signing_algs: doc.signing_algs.unwrap_or(defaults.signing_algs),
        channels: channels.unwrap_or(defaults.channels),
        key_active: key_active.unwrap_or(defaults.key_active),
        jwks_cache: jwks_cache.unwrap_or(defaults.jwks_cache),
        key_verify: key_verify.unwrap_or(defaults.key_verify),
        mtls_truststore: certificates.truststore,
        mtls_crl: certificates.crl,
        mtls_crl_uris: certificates.crl_uris,
        mtls_ocsp: certificates.ocsp,
        mtls_fetch_private: certificates.fetch_private,
        mtls_revocation_open: certificates.open,
        dpop_nonce_required: doc.dpop_nonce_required.unwrap_or_default(),
        resources: doc.resources.unwrap_or_default(),
        fetch_private: doc.fetch_private.unwrap_or(defaults.fetch_private),
        realms_layout: doc.realms_layout.unwrap_or(defaults.realms_layout),
        open_registrations_per_day: doc
            .open_registrations_per_day
            .unwrap_or(defaults.open_registrations_per_day),
        open_registrations_per_source: doc
            .open_registrations_per_source
            .unwrap_or(defaults.open_registrations_per_source),
    };
    together(&settings, &place, problems);
    settings
}

fn together(settings: &TenantSettings, place: &Place, problems: &mut Problems<'_>) {
    for origin in settings.cors_origins.iter().filter(|origin| !is_origin(origin)) {
        let text = format!("{origin:?} must be * or an origin such as https://app.example, without a path");
        problems.add(place, "cors_origins", text);
    }
    problems.check(
        !settings.signing_algs.is_empty(),
        place,
        "signing_algs",
        "must name at least one algorithm",
    );
    problems.check(
        settings.key_active > settings.jwks_cache,
        place,
        "key_active_days",
        "must be longer than jwks_cache_seconds",
    );
    for resource in settings.resources.keys().filter(|resource| !is_resource(resource)) {
        let text = format!(
            "{resource:?} must be an absolute URI without fragment, at most {LONGEST_RESOURCE} bytes (RFC 8707 §2)"
        );
        problems.add(place, "resources", text);
    }
    problems.check(
        settings.key_verify >= settings.id_token_validity,
        place,
        "key_verify_days",
        "must be at least id_token_validity: a key is published as long as what it signed is valid",
    );
}

/// Compared byte by byte with what clients ask for, and put into tokens.
fn is_resource(text: &str) -> bool {
    let absolute = url::Url::parse(text).is_ok_and(|url| url.fragment().is_none());
    absolute && text.len() <= LONGEST_RESOURCE && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Compared with `Origin` headers byte by byte, so it must be written as browsers write it.
fn is_origin(text: &str) -> bool {
    let written = |url: url::Url| {
        matches!(url.scheme(), "https" | "http") && url.origin().ascii_serialization() == text
    };
    text == "*" || url::Url::parse(text).is_ok_and(written)
}

fn channels(codes: &BTreeSet<String>, place: &Place, problems: &mut Problems<'_>) -> BTreeSet<ChannelCode> {
    let mut known = BTreeSet::new();
    for text in codes {
        match ChannelCode::parse(text) {
            Some(code) => drop(known.insert(code)),
            None => problems.add(place, "channels", format!("{text:?} must have 1 to 64 bytes")),
        }
    }
    known
}
