//! Metadata (OpenID Connect Discovery §3, RFC 8414): exactly what works, nothing else.

use std::collections::BTreeSet;

use domain::{AuthMethod, Claims, GrantType, Issuer, SigningAlg, Tenant, profile::SubjectForm};
use serde_json::Value;

use crate::dpop;

/// The grants that the token endpoint has today.
pub const GRANTS: [GrantType; 3] =
    [GrantType::ClientCredentials, GrantType::Password, GrantType::RefreshToken];

/// The methods that it takes.
pub const METHODS: [AuthMethod; 5] = [
    AuthMethod::ClientSecretBasic,
    AuthMethod::ClientSecretPost,
    AuthMethod::ClientSecretJwt,
    AuthMethod::PrivateKeyJwt,
    AuthMethod::None,
];

/// The endpoints where a client proves itself or shows a bound token: those that RFC 8705 §5 gives a second name.
const ENDPOINTS: [(&str, &str); 4] = [
    ("token_endpoint", "token"),
    ("introspection_endpoint", "introspect"),
    ("revocation_endpoint", "revoke"),
    ("userinfo_endpoint", "userinfo"),
];

/// Where clients register. The realms' layout has no such path.
const REGISTRATION: (&str, &str) = ("registration_endpoint", "register");

/// What the server does with clients' certificates.
#[derive(Clone, Debug)]
pub struct Mtls {
    /// Whether the tenant trusts anybody to certify its clients.
    pub truststore: bool,
    /// The issuer's address where certificates are asked for, if it is another (RFC 8705 §5).
    pub aliases: Option<Issuer>,
}

/// The document of a tenant whose keys sign with `algs` now.
///
/// Discovery §3 requires `authorization_endpoint` and `response_types_supported`; while there are no log-ins the
/// first is left out, as RFC 8414 §2 allows where no grant uses it, and the second is empty.
pub fn document(tenant: &Tenant, issuer: &Issuer, algs: &[SigningAlg], mtls: Option<&Mtls>) -> Claims {
    let mut doc = Claims::new();
    let mut put = |name: &str, value: Value| doc.insert(name.to_owned(), value);
    put("issuer", issuer.as_str().into());
    for (member, endpoint) in ENDPOINTS {
        put(member, issuer.endpoint(endpoint).into());
    }
    if let Some(aliases) = mtls.and_then(|mtls| mtls.aliases.as_ref()) {
        // Who registers may do so with a bound token, or with the certificate that is registered.
        let endpoints = ENDPOINTS.into_iter().chain([REGISTRATION]);
        let alias = |(member, endpoint): (&str, &str)| (member.to_owned(), aliases.endpoint(endpoint).into());
        put("mtls_endpoint_aliases", Value::Object(endpoints.map(alias).collect()));
    }
    put("jwks_uri", issuer.endpoint("jwks").into());
    put(REGISTRATION.0, issuer.endpoint(REGISTRATION.1).into());
    put("response_types_supported", Value::Array(Vec::new()));
    let by_pki = tenant.profile().hid_members && mtls.is_some_and(|mtls| mtls.truststore);
    let grants = GRANTS.into_iter().chain(by_pki.then_some(GrantType::ClientSecretPki));
    put("grant_types_supported", grants.map(GrantType::as_str).collect());
    // DECISIONS 2: `sub` is the same for every client.
    put("subject_types_supported", ["public"].into_iter().collect());
    let mut methods: Vec<&str> = METHODS.iter().map(|method| method.as_str()).collect();
    if let Some(mtls) = mtls {
        methods.extend(mtls.truststore.then_some(AuthMethod::TlsClientAuth.as_str()));
        methods.extend(by_pki.then_some(AuthMethod::ClientSecretPki.as_str()));
        methods.push(AuthMethod::SelfSignedTlsClientAuth.as_str());
    }
    let mut proven: Vec<&str> = methods.iter().copied().filter(|method| *method != "none").collect();
    if tenant.profile().bearer_authenticates {
        proven.push("Bearer"); // RFC 8414 §2 takes access token types here.
    }
    put("token_endpoint_auth_methods_supported", methods.clone().into());
    put("revocation_endpoint_auth_methods_supported", methods.into());
    put("introspection_endpoint_auth_methods_supported", proven.into());
    // RFC 8414 §2: required where there are methods by JWT.
    let assertions: Vec<&str> =
        SigningAlg::ALL.into_iter().flat_map(SigningAlg::foreign_names).chain(["HS256"]).collect();
    for endpoint in ["token", "revocation", "introspection"] {
        let member = format!("{endpoint}_endpoint_auth_signing_alg_values_supported");
        put(&member, assertions.clone().into());
    }
    let algs: Vec<&str> = algs.iter().map(|alg| alg.as_str()).collect();
    put("id_token_signing_alg_values_supported", algs.clone().into());
    put("userinfo_signing_alg_values_supported", algs.clone().into());
    put("introspection_signing_alg_values_supported", algs.into());
    // RFC 9449 §5.1, RFC 8705 §3.3.
    put(
        "dpop_signing_alg_values_supported",
        dpop::ALGS.into_iter().flat_map(SigningAlg::foreign_names).collect(),
    );
    put("tls_client_certificate_bound_access_tokens", mtls.is_some().into());
    put(
        "scopes_supported",
        ["openid", "profile", "email", "phone", "address", "offline_access"].into_iter().collect(),
    );
    put("claims_supported", claims(tenant).into_iter().collect());
    put("claims_parameter_supported", false.into());
    put("request_parameter_supported", false.into());
    put("request_uri_parameter_supported", false.into()); // Its default is true (Discovery §3).
    doc
}

fn claims(tenant: &Tenant) -> BTreeSet<&'static str> {
    let mut names: BTreeSet<_> = [
        "iss",
        "sub",
        "aud",
        "exp",
        "iat",
        "auth_time",
        "acr",
        "amr",
        "at_hash",
        "preferred_username",
        "updated_at",
    ]
    .into();
    names.extend(crate::userinfo::SCOPE_CLAIMS.iter().flat_map(|(_, claims)| claims.iter().copied()));
    if tenant.profile().subject == SubjectForm::UserName {
        names.extend(["groupids", "roles"]);
    }
    names
}
