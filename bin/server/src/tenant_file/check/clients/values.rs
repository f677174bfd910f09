//! Rules about a client's values.

use std::net::IpAddr;

use domain::{AuthMethod, ChannelCode, Client, GrantType, ResponseSigning};
use ipnet::IpNet;

use super::super::{Scene, attributes, is_name, names};
use crate::tenant_file::{
    document::ClientDoc,
    problem::{Place, Problems},
    redirect_uri,
};

pub(super) fn check(client: &Client, scene: Scene<'_>, place: &Place, problems: &mut Problems<'_>) {
    let laxer = client.profile.is_some_and(|profile| profile < scene.settings.profile);
    problems.check(!laxer, place, "profile", "must not be laxer than the tenant's (DECISIONS 2)");
    let name = client.client_name.as_deref().is_none_or(is_name);
    problems.check(name, place, "client_name", "must have 1 to 255 bytes and no control characters");
    let machine =
        client.grant_types.as_ref().is_some_and(|list| list.contains(&GrantType::ClientCredentials));
    let public = client.auth_methods.contains(&AuthMethod::None);
    let text = "client_credentials is for confidential clients only (RFC 6749 §4.4)";
    problems.check(!(machine && public), place, "grant_types", text);
    for uri in &client.redirect_uris {
        if let Err(problem) = redirect_uri::check(uri) {
            problems.add(place, "redirect_uris", format!("{uri:?} {problem}"));
        }
    }
    let validity = client.refresh_token_validity.is_none_or(|ttl| ttl.secs() >= 1);
    problems.check(validity, place, "hid_refresh_token_validity", "must be at least 1 second");
    names(&client.roles, place, "roles", problems);
    for permission in client.permissions.iter().filter(|permission| !is_name(permission.as_str())) {
        problems.add(place, "permissions", format!("{:?} must have 1 to 255 bytes", permission.as_str()));
    }
    attributes(&client.attributes, place, problems);
    algs(client, scene, place, problems);
}

/// What a client wants signed, the tenant must have keys for.
pub(super) fn algs(client: &Client, scene: Scene<'_>, place: &Place, problems: &mut Problems<'_>) {
    let userinfo = match client.userinfo_signed_response_alg {
        Some(ResponseSigning::Signed(alg)) => Some(alg),
        Some(ResponseSigning::Json) | None => None,
    };
    for (key, alg) in [
        ("id_token_signed_response_alg", Some(client.id_token_signed_response_alg)),
        ("userinfo_signed_response_alg", userinfo),
        ("introspection_signed_response_alg", Some(client.introspection_signed_response_alg)),
    ] {
        if let Some(alg) = alg.filter(|alg| !scene.settings.signing_algs.contains(alg)) {
            problems.add(place, key, format!("{} is not among the tenant's signing_algs", alg.as_str()));
        }
    }
}

/// The default channel of its users.
pub(super) fn channel(
    doc: &ClientDoc,
    scene: Scene<'_>,
    place: &Place,
    problems: &mut Problems<'_>,
) -> Option<ChannelCode> {
    let text = doc.hid_user_channel.as_deref()?;
    let channel = ChannelCode::parse(text).filter(|channel| scene.settings.channels.contains(channel));
    if channel.is_none() {
        problems.add(place, "hid_user_channel", format!("the tenant has no channel {text:?}"));
    }
    channel
}

/// Addresses it may call from: networks, or single addresses.
pub(super) fn sources(doc: &ClientDoc, place: &Place, problems: &mut Problems<'_>) -> Vec<IpNet> {
    let mut networks = Vec::new();
    for text in &doc.hid_client_authentication_constraints {
        let single = || text.parse::<IpAddr>().map(IpNet::from);
        match text.parse::<IpNet>().or_else(|_no_network| single()) {
            Ok(network) => networks.push(network),
            Err(_no_address) => problems.add(
                place,
                "hid_client_authentication_constraints",
                format!("{text:?} must be an address or a network such as 192.0.2.0/24"),
            ),
        }
    }
    networks
}
