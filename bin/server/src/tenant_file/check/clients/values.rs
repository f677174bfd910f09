//! Rules about a client's values.

use std::net::IpAddr;

use domain::{
    AuthMethod, ChannelCode, Client, GrantType, KeyStage, ResponseSigning, SigningAlg, WireProfile,
};
use ipnet::IpNet;

use super::super::{Scene, attributes, is_name, names};
use crate::{
    registration,
    tenant_file::{
        date,
        document::ClientDoc,
        problem::{Place, Problems},
        redirect_uri,
    },
};

pub(super) fn check(client: &Client, scene: Scene<'_>, place: &Place, problems: &mut Problems<'_>) {
    let laxer = client.profile.is_some_and(|profile| profile < scene.settings.profile);
    problems.check(!laxer, place, "profile", "must not be laxer than the tenant's (DECISIONS 2)");
    if let Some((key, rule)) =
        WireProfile::effective(scene.settings.profile, client.profile).contradiction(client)
    {
        problems.add(place, key, rule);
    }
    let name = client.client_name.as_deref().is_none_or(is_name);
    problems.check(name, place, "client_name", "must have 1 to 255 bytes and no control characters");
    let machine =
        client.grant_types.as_ref().is_some_and(|list| list.contains(&GrantType::ClientCredentials));
    let public = client.auth_methods.contains(&AuthMethod::None);
    let text = "client_credentials is for confidential clients only (RFC 6749 §4.4)";
    problems.check(!(machine && public), place, "grant_types", text);
    for (key, uris) in [
        ("redirect_uris", &client.redirect_uris),
        ("post_logout_redirect_uris", &client.post_logout_redirect_uris),
    ] {
        for uri in uris {
            if let Err(problem) = redirect_uri::check(uri) {
                problems.add(place, key, format!("{uri:?} {problem}"));
            } else if client.application_type.is_some_and(|kind| !kind.may_have(uri)) {
                problems.add(place, key, format!("{uri:?} must be https, for application_type is web"));
            }
        }
    }
    kept(client, scene, place, problems);
    assertions(client, place, problems);
    let validity = client.refresh_token_validity.is_none_or(|ttl| ttl.secs() >= 1);
    problems.check(validity, place, "hid_refresh_token_validity", "must be at least 1 second");
    names(&client.roles, place, "roles", problems);
    for permission in client.permissions.iter().filter(|permission| !is_name(permission.as_str())) {
        problems.add(place, "permissions", format!("{:?} must have 1 to 255 bytes", permission.as_str()));
    }
    attributes(&client.attributes, place, problems);
    resources(client, scene, place, problems);
    algs(client, scene, place, problems);
}

/// Members of the vendor's for features to come.
fn kept(client: &Client, scene: Scene<'_>, place: &Place, problems: &mut Problems<'_>) {
    let has = WireProfile::named(scene.settings.profile).hid_members || client.hid_members.is_empty();
    problems.check(has, place, "hid_members", "are for tenants of the profile hid");
    for (name, text) in &client.hid_members {
        if let Err(problem) = registration::check_kept(name, text, scene.settings) {
            problems.add(place, "hid_members", format!("{name:?}: {problem}"));
        }
    }
}

/// Who proves itself with a key must have one.
fn assertions(client: &Client, place: &Place, problems: &mut Problems<'_>) {
    let by_key = client.auth_methods.contains(&AuthMethod::PrivateKeyJwt);
    let text = "private_key_jwt needs jwks, jwks_file or jwks_uri";
    problems.check(!by_key || client.keys.is_some(), place, "jwks", text);
    let text = "is for private_key_jwt only: client_secret_jwt is always HS256";
    problems.check(
        by_key || client.auth_signing_algs.is_empty(),
        place,
        "token_endpoint_auth_signing_alg",
        text,
    );
}

/// What a client's tokens may be for, the tenant must have.
pub(super) fn resources(client: &Client, scene: Scene<'_>, place: &Place, problems: &mut Problems<'_>) {
    for resource in client.resources.iter().flatten() {
        if !scene.settings.resources.contains_key(resource) {
            problems.add(place, "resources", format!("{resource:?} is not among the tenant's resources"));
        }
    }
}

/// What a client wants signed, the tenant must have keys for.
pub(super) fn algs(client: &Client, scene: Scene<'_>, place: &Place, problems: &mut Problems<'_>) {
    let stored = scene.around.stored.clients.get(&client.client_id);
    let before = stored.map_or([None; 3], |stored| named_algs(&stored.client).map(|(_, alg)| alg));
    for ((key, alg), before) in named_algs(client).into_iter().zip(before) {
        let Some(alg) = alg else { continue };
        if !scene.settings.signing_algs.contains(&alg) {
            problems.add(place, key, format!("{} is not among the tenant's signing_algs", alg.as_str()));
        } else if before != Some(alg) {
            problems.extend(place, key, not_yet(alg, scene));
        }
    }
}

fn named_algs(client: &Client) -> [(&'static str, Option<SigningAlg>); 3] {
    let userinfo = client.userinfo_signed_response_alg.and_then(ResponseSigning::alg);
    [
        ("id_token_signed_response_alg", Some(client.id_token_signed_response_alg)),
        ("userinfo_signed_response_alg", userinfo),
        ("introspection_signed_response_alg", Some(client.introspection_signed_response_alg)),
    ]
}

/// Why nothing can be signed with `alg` for a while yet, if so. A new tenant's keys sign at once.
fn not_yet(alg: SigningAlg, scene: Scene<'_>) -> Option<String> {
    let (stored, now) = (scene.around.stored, scene.around.now);
    let of_alg = || stored.keys.iter().filter(|key| key.alg == alg);
    if stored.keys.is_empty() || of_alg().any(|key| key.stage(now) == KeyStage::Active) {
        return None;
    }
    let published = of_alg().filter(|key| key.stage(now) == KeyStage::PrePublished);
    let name = alg.as_str();
    if let Some(from) = published.map(|key| key.active_from).min() {
        return Some(format!("{name} has a key that signs from {}; name it from then on", date::text(from)));
    }
    let from = stored.new_key_from(alg, scene.settings, now)?;
    Some(format!(
        "{name} has no key yet; name it in signing_algs first: done now, its key signs from {}, and clients \
         can name it from then on",
        date::text(from)
    ))
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
