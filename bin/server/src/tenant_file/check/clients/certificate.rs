//! What a client's certificates are told by (RFC 8705 §2.1.2).

use domain::{AuthMethod, CertificateName, Client, ClientKeys};
use jose::{KeyChoice, RegisteredCertificates};

use crate::tenant_file::{
    document::ClientDoc,
    problem::{Place, Problems},
};

const KEY: &str = "tls_client_auth_subject_dn";

/// The registered name: at most one of the five.
pub(super) fn name(doc: &ClientDoc, place: &Place, problems: &mut Problems<'_>) -> Option<CertificateName> {
    let ip = doc.tls_client_auth_san_ip.as_deref().map(str::parse::<std::net::IpAddr>);
    if let Some(Err(error)) = &ip {
        problems.add(place, "tls_client_auth_san_ip", format!("must be an address ({error})"));
    }
    let mut names = [
        doc.tls_client_auth_subject_dn.clone().map(CertificateName::SubjectDn),
        doc.tls_client_auth_san_dns.clone().map(CertificateName::SanDns),
        doc.tls_client_auth_san_uri.clone().map(CertificateName::SanUri),
        ip.and_then(Result::ok).map(CertificateName::SanIp),
        doc.tls_client_auth_san_email.clone().map(CertificateName::SanEmail),
    ]
    .into_iter()
    .flatten();
    let first = names.next();
    let text = "is one of five ways to name a certificate: give one tls_client_auth_… key only";
    problems.check(names.next().is_none(), place, KEY, text);
    first
}

/// Whether the name fits its kind and the client's methods.
pub(super) fn check(client: &Client, place: &Place, problems: &mut Problems<'_>) {
    let by_chain = client.auth_methods.contains(&AuthMethod::TlsClientAuth);
    let text = "or one of the other tls_client_auth_… keys is needed by tls_client_auth, and means nothing without it";
    problems.check(by_chain == client.certificate_name.is_some(), place, KEY, text);
    let as_credential = client.auth_methods.contains(&AuthMethod::ClientSecretPki);
    let published = matches!(client.keys, Some(ClientKeys::At(_)));
    let by_registration =
        as_credential || client.auth_methods.contains(&AuthMethod::SelfSignedTlsClientAuth) && !published;
    let inline = client.keys.as_ref().and_then(ClientKeys::inline);
    let named = |jwks| RegisteredCertificates::from_jwks(jwks, KeyChoice::Any);
    let names_one = inline.is_some_and(|jwks| named(jwks) != RegisteredCertificates::default());
    let text = "self_signed_tls_client_auth and client_secret_pki need jwks or jwks_file with a certificate (x5c), its thumbprint (x5t#S256) or its key; self_signed_tls_client_auth may have a jwks_uri instead";
    problems.check(!by_registration || names_one, place, "jwks", text);
    if let Some(name) = &client.certificate_name
        && let Some(rule) = name.problem()
    {
        problems.add(place, name.member().0, rule);
    }
}
