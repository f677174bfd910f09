//! What the demo prints: whom there is, and lines to copy.

use std::net::SocketAddr;

use domain::{GrantType, Timestamp};

use super::pki::Pki;
use crate::cli::output;

/// Prints it, with what else there is to try.
pub(super) fn welcome(url: &str, more: &[String]) {
    let bank = format!("{url}/idp/ONLINEBANK/authn");
    let lines = [
        String::new(),
        "tenant ONLINEBANK (hid)    client spl-api / password01, client1 / password01, spl-app (public)"
            .to_owned(),
        "                           users alice / secret, 5619630280 / 54917067 (AT_CUSTPWD),".to_owned(),
        "                           employee1 / Employee-Pass-2026 (AT_EMPPWD)".to_owned(),
        "tenant acme (openid)       client acme-m2m / acme-m2m-secret-0b7c41d2f98e4a63,".to_owned(),
        "                           acme-legacy / acme-legacy-secret-51ce9a07d3b84f26".to_owned(),
        "                           user bob / correct-horse-battery-staple".to_owned(),
        "tenant SECURITYDOMAIN      client oidc-client / mysecret, under /auth/realms as well".to_owned(),
        String::new(),
        "try:".to_owned(),
        format!("  curl -u spl-api:password01 -d grant_type=client_credentials {bank}/token"),
        format!(
            "  curl -u spl-api:password01 -d 'grant_type=password&username=alice&password=secret&scope=openid profile' {bank}/token"
        ),
    ];
    for line in lines.iter().chain(more) {
        output::line(line);
    }
    output::line(&format!("  curl {bank}/.well-known/openid-configuration"));
}

/// What shows that a key proves a client without TLS: Node.js signs an assertion with `client1`'s key.
pub(super) fn by_key(url: &str, pki: &Pki) -> String {
    let issuer = format!("{url}/idp/ONLINEBANK/authn");
    let key = pki.file("client1.key");
    let script = format!(
        "const c=require(`crypto`),b=o=>Buffer.from(JSON.stringify(o)).toString(`base64url`),\
         t=b({{alg:`ES256`}})+`.`+b({{iss:`client1`,sub:`client1`,aud:`{issuer}`,exp:Math.floor(Date.now()/1000)+60,\
         jti:c.randomUUID()}});console.log(t+`.`+c.sign(`sha256`,t,{{key:require(`fs`).readFileSync(`{}`),\
         dsaEncoding:`ieee-p1363`}}).toString(`base64url`))",
        key.display()
    );
    format!(
        "  curl -d grant_type=client_credentials -d client_assertion=\"$(node -e '{script}')\" \
         -d client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer {issuer}/token # private_key_jwt"
    )
}

/// What shows that certificates prove a client: those that do, and two that do not. None whose certificate has expired
/// when it should not have.
pub(super) fn by_certificate(address: SocketAddr, pki: &Pki, now: Timestamp) -> Vec<String> {
    let by = |grant: &str, name: &str, what: &str| {
        format!(
            "  curl --cacert {} --cert {} --key {} -d grant_type={grant} -d client_id=client1 \
             'https://{address}/idp/ONLINEBANK/authn/token?_tlsclientauth=1' # {what}",
            pki.file("ca.pem").display(),
            pki.file(&format!("{name}.pem")).display(),
            pki.file(&format!("{name}.key")).display(),
        )
    };
    let machine = "client_credentials";
    let all = [
        (machine, "client1", "tls_client_auth"),
        (GrantType::ClientSecretPki.as_str(), "client1", "client_secret_pki"),
        (machine, "client1-self-signed", "self_signed_tls_client_auth"),
        (machine, "stranger", "refused: its CA is unknown"),
        (machine, "expired", "refused: it has expired"),
    ];
    let shown = all.into_iter().filter(|(_, name, _)| *name == "expired" || !pki.has_expired(name, now));
    shown.map(|(grant, name, what)| by(grant, name, what)).collect()
}

/// The same in the other layout of paths, with a certificate of `oidc-client`.
pub(super) fn in_realm(address: SocketAddr, pki: &Pki, now: Timestamp) -> Option<String> {
    (!pki.has_expired("oidc-client", now)).then(|| format!(
        "  curl --cacert {} --cert {} --key {} -d grant_type=client_credentials -d client_id=oidc-client \
         'https://{address}/auth/realms/SECURITYDOMAIN/protocol/openid-connect/token?_tlsclientauth=1' # tls_client_auth",
        pki.file("ca.pem").display(),
        pki.file("oidc-client.pem").display(),
        pki.file("oidc-client.key").display(),
    ))
}
