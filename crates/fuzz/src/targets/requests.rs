//! Requests, from HTTP's parts to what the engines understand.

use std::net::IpAddr;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use countersign_server::extract::{accept as accepts, params, request_id as ids};
use countersign_server::proxy;
use domain::{Fault, ProfileName, Refusal, WireProfile, port::Entropy};
use oidc_core::introspect::{self, Target};
use oidc_core::token::{GrantRequest, TokenRequest};

use super::{parts, text};

const PROFILES: [ProfileName; 2] = [ProfileName::Hid, ProfileName::Openid];

fn read(bytes: &[u8], profile: &WireProfile) -> Result<oidc_core::Params, Refusal> {
    let [query, content_type, body] = parts(bytes);
    let (query, content_type) = (text(query), text(content_type));
    params::read(params::Sources { query: &query, content_type: Some(&content_type), body }, profile)
}

/// Query, media type and body: what is taken keeps the limits, and `Debug` shows no value.
pub fn parameters(bytes: &[u8]) {
    for profile in PROFILES.map(WireProfile::named) {
        let Ok(read) = read(bytes, &profile) else { continue };
        assert!(profile.merged_encodings || !read.is_merged());
        for name in ["grant_type", "client_id", "client_secret", "token", "scope", "password"] {
            let Some(value) = read.present(name) else { continue };
            assert!(value.len() <= 16 * 1024 && !value.contains('\0'));
            assert_eq!(read.value(name).is_none(), value.is_empty());
            // Names of parameters are the caller's own; a value that is part of one is no secret.
            let shown = format!("{read:?}");
            assert!(value.len() < 8 || bytes.len() > 512 || !shown.contains(&format!("{value:?}:")));
        }
    }
}

/// A whole token request.
pub fn token_request(bytes: &[u8]) {
    for profile in PROFILES.map(WireProfile::named) {
        let Ok(params) = read(bytes, &profile) else { continue };
        match TokenRequest::parse(&params, &profile) {
            Ok(request) => {
                assert!(request.scope.as_ref().is_none_or(|scopes| !scopes.is_empty()));
                assert!(profile.hid_members || request.hid == oidc_core::token::HidParameters::default());
                if let GrantRequest::Password { username, .. } = &request.grant {
                    assert!(username.len() <= 255 && !username.trim().is_empty());
                }
            }
            Err(refusal) => assert!(!refusal.reason.is_empty() && !refusal.description.is_empty()),
        }
    }
}

/// What a caller asks about: at most one look-up, and of the kind that its text says.
pub fn introspection(bytes: &[u8]) {
    for profile in PROFILES.map(WireProfile::named) {
        let Ok(params) = read(bytes, &profile) else { continue };
        let token = params.value("token").unwrap_or_default().to_owned();
        match introspect::target(&params, &profile) {
            Ok(Target::Access(_)) => assert!(token.starts_with("cat_")),
            Ok(Target::Refresh(_)) => assert!(token.starts_with("crt_")),
            Ok(Target::Jwt(_)) => assert!(token.starts_with("eyJ")),
            Ok(Target::Nothing) => assert!(!token.is_empty()),
            Err(_) => assert!(token.is_empty()),
        }
    }
}

/// The peer's address and `X-Forwarded-For`: only a trusted proxy is believed, and only what it wrote.
pub fn forwarded_for(bytes: &[u8]) {
    let [peer, first, rest] = parts(bytes);
    let Ok(peer) = text(peer).trim().parse::<IpAddr>() else { return };
    let (first, rest) = (text(first), text(rest));
    let trusted = ["10.0.0.0/8", "fd00::/8"].map(|net| net.parse().unwrap());
    let is_proxy = |ip: IpAddr| trusted.iter().any(|net: &ipnet::IpNet| net.contains(&ip));
    let source = proxy::nearest(peer, false, &[&first, &rest], &trusted).ip();
    let named = |value: &str| {
        value.split(',').any(|hop| hop.trim().parse::<IpAddr>().is_ok_and(|hop| hop.to_canonical() == source))
    };
    assert!(source == peer.to_canonical() || named(&first) || named(&rest), "an address out of nowhere");
    assert!(is_proxy(peer.to_canonical()) || source == peer.to_canonical(), "a stranger was believed");
    assert_eq!(source, source.to_canonical());
}

/// `X-Correlation-ID`: the caller's when it is well-formed, else one of ours.
pub fn request_id(bytes: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(bytes) else { return };
    let mut headers = HeaderMap::new();
    headers.insert(HeaderName::from_static(ids::HEADER), value);
    let id = ids::of(&headers, &Counted).unwrap();
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    assert!((1..=128).contains(&id.as_str().len()) && id.as_str().bytes().all(safe));
    let well_formed = (1..=128).contains(&bytes.len()) && bytes.iter().all(|byte| safe(*byte));
    assert_eq!(id.as_str().as_bytes() == bytes, well_formed);
}

struct Counted;

impl Entropy for Counted {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Fault> {
        (0..).zip(bytes).for_each(|(number, byte)| *byte = number);
        Ok(())
    }
}

/// `Accept`: named means that it stands there.
pub fn accept(bytes: &[u8]) {
    const WANTED: &str = "application/token-introspection+jwt";
    let accept = text(bytes);
    let named = accepts::names(&accept, WANTED);
    assert!(!named || accept.to_ascii_lowercase().contains(WANTED));
    assert!(accepts::names(&format!("{accept},{WANTED}"), WANTED), "what follows a comma stands for itself");
}
