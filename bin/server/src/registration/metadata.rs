//! A registration's members → a client, each member checked (RFC 7591 §2).

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    AuthMethod, AuthenticationPolicy, Client, ClientId, ClientKeys, GrantType, OAuthErrorCode, PolicyCode,
    Refusal, ResponseSigning, Scopes, SigningAlg, TenantSettings, WireProfile,
};
use jose::{JoseVerifier, KeyChoice, RegisteredCertificates};
use serde_json::{Map, Value};

use super::{
    METHODS, Registrar, application, bad, certificate, grants, kept,
    members::{Members, malformed},
    unsupported, vendor, within,
};
use crate::fetch::target;

/// What a registration is measured by.
#[derive(Clone, Copy)]
pub struct Bounds<'a> {
    /// The tenant's settings.
    pub settings: &'a TenantSettings,
    /// The tenant's profile.
    pub profile: WireProfile,
    /// The tenant's policies.
    pub policies: &'a BTreeMap<PolicyCode, AuthenticationPolicy>,
    /// Who asks.
    pub registrar: &'a Registrar,
    /// The client as it is; `None` for a new one.
    pub existing: Option<&'a Client>,
}

/// Most keys of a set: enough to change them, and not enough to keep a server busy.
const MOST_KEYS: usize = 10;

const KEYS: Refusal = bad("jwks", "jwks must be a JWK set of 1 to 10 usable public keys (RFC 7517 §5)");

/// The client that `members` describe, but for whether its keys can be used ([`check_keys`]), under `id`. Members that are not known are left alone (RFC 7591 §2); roles and
/// permissions are no members, and stay what they were.
///
/// # Errors
/// A [`Refusal`]: `invalid_redirect_uri`, `invalid_client_metadata`, `unapproved_software_statement`.
pub fn client(members: &Map<String, Value>, id: ClientId, bounds: Bounds<'_>) -> Result<Client, Refusal> {
    let client = described(Members(members), id, bounds)?;
    // An administrator may have held it to a stricter profile since it was registered.
    let profile = WireProfile::effective(bounds.profile.name, client.profile);
    if let Some((_, rule)) = profile.contradiction(&client) {
        return Err(bad("profile", rule));
    }
    if let (Registrar::Itself, Some(existing)) = (bounds.registrar, bounds.existing) {
        within::check(existing, &client, &profile)?;
    }
    Ok(client)
}

fn described(members: Members<'_>, id: ClientId, bounds: Bounds<'_>) -> Result<Client, Refusal> {
    if members.has("software_statement") {
        return Err(Refusal::new(
            OAuthErrorCode::UnapprovedSoftwareStatement,
            "software_statement",
            "Software statements are not accepted; send the metadata themselves",
        ));
    }
    unsupported::check(members)?;
    let vendor = vendor::read(members, bounds)?;
    let method = method(members, bounds)?;
    let grants = grants::read(members, method, bounds)?;
    let needs = bounds.profile.hid_members || grants.contains(&GrantType::AuthorizationCode);
    let application = application::read(members, needs)?;
    let keys = keys(members, method, bounds)?;
    let named = |name| alg(members, name, bounds);
    let existing = bounds.existing;
    Ok(Client {
        client_id: id,
        client_name: name(members)?,
        enabled: existing.is_none_or(|client| client.enabled),
        profile: existing.and_then(|client| client.profile),
        auth_methods: BTreeSet::from([method]),
        token_endpoint_auth_method: method,
        grant_types: Some(grants),
        scopes: scopes(members, vendor.scopes, bounds)?,
        redirect_uris: application.redirect_uris,
        post_logout_redirect_uris: application.post_logout_redirect_uris,
        hid_members: kept::read(members, bounds)?,
        application_type: application.kind,
        roles: existing.map(|client| client.roles.clone()).unwrap_or_default(),
        permissions: existing.map(|client| client.permissions.clone()).unwrap_or_default(),
        client_pwd_policy: secret_policy(vendor.client_pwd_policy, existing)?,
        client_pki_policy: vendor.client_pki_policy,
        user_authn_policy: vendor.user_authn_policy,
        user_channel: vendor.user_channel,
        allowed_sources: vendor.allowed_sources,
        id_token_signed_response_alg: named("id_token_signed_response_alg")?.unwrap_or_else(|| first(bounds)),
        userinfo_signed_response_alg: named("userinfo_signed_response_alg")?.map(ResponseSigning::Signed),
        introspection_signed_response_alg: named("introspection_signed_response_alg")?
            .unwrap_or_else(|| first(bounds)),
        refresh_token_validity: vendor.refresh_token_validity,
        consent_prompt: vendor.consent_prompt,
        keys,
        auth_signing_algs: auth_signing_algs(members, method)?,
        certificate_name: certificate::name(members, method)?,
        dpop_bound_access_tokens: certificate::flag(members, "dpop_bound_access_tokens")?,
        dpop_nonce_required: existing.is_some_and(|client| client.dpop_nonce_required),
        tls_client_certificate_bound_access_tokens: certificate::flag(
            members,
            "tls_client_certificate_bound_access_tokens",
        )?,
        access_token_format: existing.map(|client| client.access_token_format).unwrap_or_default(),
        resources: resources(bounds),
        generation: existing.map_or(0, |client| client.generation),
        attributes: existing.map_or_else(BTreeMap::new, |client| client.attributes.clone()),
        registration: existing.and_then(|client| client.registration.clone()),
    })
}

fn secret_policy(named: Option<PolicyCode>, existing: Option<&Client>) -> Result<PolicyCode, Refusal> {
    named
        .or_else(|| existing.map(|client| client.client_pwd_policy.clone()))
        .or_else(|| PolicyCode::parse("AT_SYSLOG"))
        .ok_or_else(|| malformed("hid_client_pwd_policy must name a policy"))
}

fn name(members: Members<'_>) -> Result<Option<String>, Refusal> {
    let problem = malformed("client_name must be text of at most 255 bytes without control characters");
    let name = members.text("client_name", problem.clone())?;
    match name {
        Some(name) if name.len() > 255 || name.chars().any(char::is_control) => Err(problem),
        name => Ok(name.map(str::to_owned)),
    }
}

fn method(members: Members<'_>, bounds: Bounds<'_>) -> Result<AuthMethod, Refusal> {
    let problem = bad(
        "auth_method",
        "token_endpoint_auth_method must be client_secret_basic, client_secret_post, client_secret_jwt, private_key_jwt, tls_client_auth, self_signed_tls_client_auth or none; in hid also client_secret_pki",
    );
    let named = members.text("token_endpoint_auth_method", problem.clone())?;
    // RFC 7591 §2: the default.
    let named = named.unwrap_or(AuthMethod::ClientSecretBasic.as_str());
    let pki = bounds.profile.hid_members.then_some(AuthMethod::ClientSecretPki);
    let mut methods = METHODS.into_iter().chain(pki);
    let method = methods.find(|method| method.as_str() == named).ok_or(problem)?;
    // What an initial access token says of methods holds for as long as the client changes itself.
    let only = match bounds.registrar {
        Registrar::Holder(allowance) => Some(&allowance.auth_methods),
        Registrar::Itself => {
            let registration = bounds.existing.and_then(|client| client.registration.as_ref());
            registration.map(|registration| &registration.auth_methods)
        }
        Registrar::Administrator { .. } | Registrar::Anyone => None,
    };
    // An administrator may have given it another since; that one it keeps.
    let held = bounds.existing.is_some_and(|client| client.token_endpoint_auth_method == method);
    if !held && only.is_some_and(|only| !only.is_empty() && !only.contains(&method)) {
        let text = "token_endpoint_auth_method is not among those that the initial access token allows";
        return Err(bad("auth_method_not_granted", text));
    }
    Ok(method)
}

/// What is asked for, as far as the registrar may give it. More is refused, not cut: who asked for it relies on it.
fn scopes(members: Members<'_>, vendor: Option<Scopes>, bounds: Bounds<'_>) -> Result<Scopes, Refusal> {
    let problem = malformed("scope must be scope values separated by spaces (RFC 6749 §3.3), at most 64");
    let asked = match members.text("scope", problem.clone())? {
        Some(text) => Some(Scopes::parse(text, false).ok_or(problem)?),
        None => vendor,
    };
    let existing = bounds.existing.map(|client| client.scopes.clone()).unwrap_or_default();
    let Some(asked) = asked else { return Ok(existing) };
    let may = |value: &str| match bounds.registrar {
        Registrar::Administrator { scopes, .. } => scopes.contains(value) || existing.contains(value),
        Registrar::Holder(allowance) => allowance.scopes.contains(value),
        Registrar::Itself | Registrar::Anyone => existing.contains(value),
    };
    if asked.iter().all(may) {
        return Ok(asked);
    }
    Err(bad("scope_not_granted", "scope has a value that whoever registers this client may not give it"))
}

/// What its tokens may be for is no member: who registers itself has nothing of it until a tenant file says so, and what
/// an administrator registers has what that administrator has.
fn resources(bounds: Bounds<'_>) -> Option<BTreeSet<String>> {
    match (bounds.existing, bounds.registrar) {
        (Some(client), _) => client.resources.clone(),
        (None, Registrar::Administrator { resources, .. }) => resources.clone(),
        (None, Registrar::Holder(_) | Registrar::Anyone | Registrar::Itself) => Some(BTreeSet::new()),
    }
}

/// Whether the keys of a set that was registered are usable public keys. It takes up to a millisecond a key, so it is
/// asked last, and not where requests are read.
///
/// # Errors
/// `invalid_client_metadata`.
pub fn check_keys(client: &Client) -> Result<(), Refusal> {
    let Some(text) = client.keys.as_ref().and_then(ClientKeys::inline) else { return Ok(()) };
    if !JoseVerifier::problems(text).is_empty() {
        return Err(KEYS);
    }
    let registering = [AuthMethod::SelfSignedTlsClientAuth, AuthMethod::ClientSecretPki];
    let by_certificate = registering.iter().any(|method| client.auth_methods.contains(method));
    let named = RegisteredCertificates::from_jwks(text, KeyChoice::Any);
    if by_certificate && named == RegisteredCertificates::default() {
        return Err(bad("certificate_missing", "jwks must name the certificate by x5c, x5t#S256 or its key"));
    }
    Ok(())
}

/// `jwks` or `jwks_uri`, and something for a method that needs keys. The keys themselves: [`check_keys`].
fn keys(members: Members<'_>, method: AuthMethod, bounds: Bounds<'_>) -> Result<Option<ClientKeys>, Refusal> {
    let uri = "jwks_uri must be an https URI without credentials and fragment";
    let keys = match (members.value("jwks"), members.text("jwks_uri", malformed(uri))?) {
        (Some(_), Some(_)) => {
            return Err(bad("two_key_sets", "Give jwks or jwks_uri, not both (RFC 7591 §2)"));
        }
        (None, Some(text)) => {
            target::check(text, bounds.settings.fetch_private).map_err(|_problem| bad("jwks_uri", uri))?;
            Some(ClientKeys::At(text.to_owned()))
        }
        (Some(set), None) => {
            let keys = set.get("keys").and_then(Value::as_array);
            if keys.is_none_or(|keys| keys.is_empty() || keys.len() > MOST_KEYS) {
                return Err(KEYS);
            }
            Some(ClientKeys::Inline(set.to_string()))
        }
        (None, None) => None,
    };
    match (method, &keys) {
        (AuthMethod::PrivateKeyJwt | AuthMethod::SelfSignedTlsClientAuth, None) => {
            Err(bad("keys_missing", "private_key_jwt and self_signed_tls_client_auth need jwks or jwks_uri"))
        }
        // Its certificate is a credential that was registered, not one that the client may exchange by itself.
        (AuthMethod::ClientSecretPki, None | Some(ClientKeys::At(_))) => {
            Err(bad("keys_missing", "client_secret_pki needs jwks"))
        }
        _ => Ok(keys),
    }
}

fn auth_signing_algs(members: Members<'_>, method: AuthMethod) -> Result<BTreeSet<SigningAlg>, Refusal> {
    let problem = bad(
        "auth_signing_alg",
        "token_endpoint_auth_signing_alg must be RS256, PS256, ES256 or EdDSA with private_key_jwt, and HS256 with client_secret_jwt",
    );
    let Some(text) = members.text("token_endpoint_auth_signing_alg", problem.clone())? else {
        return Ok(BTreeSet::new());
    };
    match (method, SigningAlg::parse_foreign(text)) {
        (AuthMethod::ClientSecretJwt, None) if text == "HS256" => Ok(BTreeSet::new()),
        (AuthMethod::PrivateKeyJwt, Some(alg)) => Ok(BTreeSet::from([alg])),
        _ => Err(problem),
    }
}

fn alg(members: Members<'_>, name: &str, bounds: Bounds<'_>) -> Result<Option<SigningAlg>, Refusal> {
    let problem =
        bad("signing_alg", "A *_signed_response_alg is not among those that this tenant signs with");
    // In the vendor's dialect that asks for a JWT without a signature (CONTRACT 4.16), which nobody gets.
    if bounds.profile.hid_members && members.value(name).is_some_and(|value| value == "") {
        let text = "A *_signed_response_alg cannot be empty: nothing is answered unsigned; leave it out for the default";
        return Err(bad("unsigned_response", text));
    }
    let Some(text) = members.text(name, problem.clone())? else { return Ok(None) };
    let known = |alg: &SigningAlg| bounds.settings.signing_algs.contains(alg);
    SigningAlg::parse(text).filter(known).map(Some).ok_or(problem)
}

fn first(bounds: Bounds<'_>) -> SigningAlg {
    let algs = &bounds.settings.signing_algs;
    SigningAlg::ALL.into_iter().find(|alg| algs.contains(alg)).unwrap_or(SigningAlg::RS256)
}
