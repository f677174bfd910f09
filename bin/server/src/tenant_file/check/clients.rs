//! `[[clients]]`

mod certificate;
mod keys;
mod secret;
mod values;

use std::collections::BTreeSet;

use domain::{
    AuthMethod, Client, ClientId, Permission, PolicyCode, ProfileName, Scopes, SigningAlg, Ttl, WireProfile,
    port::StoredClient,
};
use toml::Spanned;

use super::{DesiredClient, Scene};
use crate::tenant_file::{
    builtin,
    document::ClientDoc,
    problem::{Place, Problems},
};

pub(super) fn check(
    docs: Vec<Spanned<ClientDoc>>,
    scene: Scene<'_>,
    problems: &mut Problems<'_>,
) -> Vec<DesiredClient> {
    let mut named = BTreeSet::new();
    let mut found = Vec::new();
    for doc in docs {
        let place = Place::new(doc.span().start, format!("client {}", doc.get_ref().client_id));
        let mut doc = doc.into_inner();
        problems.check(named.insert(doc.client_id.clone()), &place, "client_id", "is named twice");
        let Some(client) = client(&mut doc, scene, &place, problems) else { continue };
        values::check(&client, scene, &place, problems);
        certificate::check(&client, &place, problems);
        let secret = secret::check(doc, &client, scene, &place, problems);
        found.push(DesiredClient { client, secret });
    }
    staying(&named, scene, problems);
    found
}

fn client(
    doc: &mut ClientDoc,
    scene: Scene<'_>,
    place: &Place,
    problems: &mut Problems<'_>,
) -> Option<Client> {
    let client_id = ClientId::parse(&doc.client_id);
    problems.check(
        client_id.is_some(),
        place,
        "client_id",
        "must have 1 to 255 bytes and no control characters",
    );
    let scopes = Scopes::try_from(doc.scopes.clone());
    let scopes =
        scopes.map_err(|problem| problems.add(place, "scopes", format!("{problem}, or there are too many")));
    let mut policy =
        |code: &str, key| scene.policy(code, place, key, problems).map(|policy| policy.code.clone());
    let own: Option<PolicyCode> = policy(
        doc.hid_client_pwd_policy.as_deref().unwrap_or(builtin::CLIENT_SECRETS),
        "hid_client_pwd_policy",
    );
    let of_keys = doc.hid_client_pki_policy.as_deref().and_then(|code| policy(code, "hid_client_pki_policy"));
    let of_users =
        doc.hid_user_authn_policy.as_deref().and_then(|code| policy(code, "hid_user_authn_policy"));
    let (auth_methods, preferred) = methods(doc, place, problems);
    let first = first_alg(scene, doc.profile);
    let stored = client_id.as_ref().and_then(|id| scene.around.stored.clients.get(id));
    Some(Client {
        // Silence must not let a disabled client in again.
        enabled: doc.enabled.unwrap_or_else(|| stored.is_none_or(|stored| stored.client.enabled)),
        client_id: client_id?,
        client_name: doc.client_name.take(),
        profile: doc.profile,
        auth_methods,
        token_endpoint_auth_method: preferred?,
        grant_types: doc.grant_types.take(),
        scopes: scopes.ok()?,
        redirect_uris: std::mem::take(&mut doc.redirect_uris),
        post_logout_redirect_uris: std::mem::take(&mut doc.post_logout_redirect_uris),
        hid_members: std::mem::take(&mut doc.hid_members),
        application_type: doc.application_type,
        permissions: doc.permissions.iter().map(|name| Permission::new(name)).collect(),
        roles: std::mem::take(&mut doc.roles),
        client_pwd_policy: own?,
        client_pki_policy: of_keys,
        user_authn_policy: of_users,
        user_channel: values::channel(doc, scene, place, problems),
        allowed_sources: values::sources(doc, place, problems),
        id_token_signed_response_alg: doc.id_token_signed_response_alg.unwrap_or(first),
        userinfo_signed_response_alg: doc.userinfo_signed_response_alg,
        introspection_signed_response_alg: doc.introspection_signed_response_alg.unwrap_or(first),
        refresh_token_validity: doc.hid_refresh_token_validity.map(Ttl::from_secs),
        consent_prompt: doc.hid_client_consentprompt,
        certificate_name: certificate::name(doc, place, problems),
        dpop_bound_access_tokens: doc.dpop_bound_access_tokens,
        dpop_nonce_required: doc.dpop_nonce_required,
        tls_client_certificate_bound_access_tokens: doc.tls_client_certificate_bound_access_tokens,
        access_token_format: doc.access_token_format.unwrap_or_default(),
        resources: doc.resources.take().or_else(|| registered_resources(stored)),
        generation: stored.map_or(0, |stored| stored.client.generation),
        // Who registered it keeps its token, whatever the file says.
        registration: stored.and_then(|stored| stored.client.registration.clone()),
        keys: keys::check(doc, scene, place, problems),
        auth_signing_algs: std::mem::take(&mut doc.token_endpoint_auth_signing_alg),
        attributes: std::mem::take(&mut doc.attributes),
    })
}

/// Silence must not open resources to who registered itself.
fn registered_resources(stored: Option<&StoredClient>) -> Option<BTreeSet<String>> {
    let stored = stored.filter(|stored| stored.client.registration.is_some());
    stored.and_then(|stored| stored.client.resources.clone())
}

/// The set of methods and the preferred one (DECISIONS 5.1); `client_secret_basic` when nothing is said (CONTRACT 4.16).
fn methods(
    doc: &ClientDoc,
    place: &Place,
    problems: &mut Problems<'_>,
) -> (BTreeSet<AuthMethod>, Option<AuthMethod>) {
    let set = doc.auth_methods.clone().unwrap_or_else(|| {
        BTreeSet::from([doc.token_endpoint_auth_method.unwrap_or(AuthMethod::ClientSecretBasic)])
    });
    // The set's order begins with `client_secret_basic`.
    let preferred = doc.token_endpoint_auth_method.or_else(|| set.first().copied());
    problems.check(preferred.is_some(), place, "auth_methods", "must name at least one method");
    let alone = !set.contains(&AuthMethod::None) || set.len() == 1;
    problems.check(alone, place, "auth_methods", "none must stand alone: a client is public or it is not");
    let among = preferred.is_none_or(|preferred| set.contains(&preferred));
    problems.check(among, place, "token_endpoint_auth_method", "must be among auth_methods");
    (set, preferred)
}

/// What signs for those who have no choice of their own: RS256, else the first that the tenant and the profile have.
fn first_alg(scene: Scene<'_>, own: Option<ProfileName>) -> SigningAlg {
    let profile = WireProfile::effective(scene.settings.profile, own);
    SigningAlg::ALL
        .into_iter()
        .find(|alg| profile.has_alg(*alg) && scene.settings.signing_algs.contains(alg))
        .unwrap_or(SigningAlg::RS256)
}

/// Clients that stay although the file does not name them must be able to live with its settings.
fn staying(named: &BTreeSet<String>, scene: Scene<'_>, problems: &mut Problems<'_>) {
    let clients = scene.around.stored.clients.values().map(|stored| &stored.client);
    for client in clients.filter(|client| !scene.around.prune && !named.contains(client.client_id.as_str())) {
        let place = Place::new(0, format!("client {} (stored, not in this file)", client.client_id));
        values::resources(client, scene, &place, problems);
        values::algs(client, scene, &place, problems);
    }
}
