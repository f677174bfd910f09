//! The demo's tenant files, with the certificates that only a running demo has.

use domain::{AuthMethod, TenantName};
use jose::pki::key_set_of;

use super::pki::{self, Pki};
use crate::{
    cli::CliError,
    setup::Setup,
    tenant_file::{self, ApplyOptions},
};

const TENANTS: [(&str, &str); 3] = [
    ("ONLINEBANK", include_str!("../../../../../fixtures/demo/ONLINEBANK.toml")),
    ("acme", include_str!("../../../../../fixtures/demo/acme.toml")),
    ("SECURITYDOMAIN", include_str!("../../../../../fixtures/demo/SECURITYDOMAIN.toml")),
];

/// Makes the tenants that there are not yet. Of the others only what rests on certificates of the demo is changed, and
/// only where those have just been made anew.
///
/// # Errors
/// [`CliError`].
pub(super) fn made(setup: &Setup, pki: &Pki) -> Result<(), CliError> {
    for (name, text) in TENANTS {
        let name = TenantName::parse(name).ok_or_else(broken)?;
        let text = match setup.database.system().tenant_named(&name)? {
            None => first(&name, text, pki)?,
            Some(_) if pki.is_new() => renewed(&tenant_file::export(setup, &name)?, pki)?,
            Some(_) => continue,
        };
        tenant_file::apply(setup, &text, ApplyOptions { dry_run: false, prune: false })?;
    }
    pki.is_registered()
}

fn first(name: &TenantName, text: &str, pki: &Pki) -> Result<String, CliError> {
    match name.as_str() {
        "ONLINEBANK" => with_certificates(text, pki),
        "SECURITYDOMAIN" => with_certificate(text, pki),
        _ => Ok(text.to_owned()),
    }
}

/// A tenant as it is stored, with the demo's new authority in place of its old one, and the keys of `client1` that go with
/// the new certificates. One that is older than the demo's certificates has neither, and gets none.
fn renewed(stored: &str, pki: &Pki) -> Result<String, CliError> {
    let mut file: toml::Table = toml::from_str(stored).map_err(|_error| broken())?;
    let settings = file.get_mut("settings").and_then(toml::Value::as_table_mut).ok_or_else(broken)?;
    if let Some(truststore) = settings.get_mut("mtls_truststore") {
        let others = pki.without_own_authority(truststore.as_str().unwrap_or_default());
        *truststore = format!("{}\n{others}", pki.text("ca.pem")?.trim_end()).into();
    }
    if let Ok(client) = client_named(&mut file, "client1")
        && client.contains_key("jwks")
        && client.contains_key("tls_client_auth_subject_dn")
    {
        client.insert("jwks".to_owned(), keys(pki)?.into());
    }
    toml::to_string(&file).map_err(|_error| broken())
}

/// The tenant file of SECURITYDOMAIN with the demo's authority, and `oidc-client`'s certificate where there is one: a
/// directory of an earlier version has none.
fn with_certificate(text: &str, pki: &Pki) -> Result<String, CliError> {
    let mut file: toml::Table = toml::from_str(text).map_err(|_error| broken())?;
    if pki.file("oidc-client.pem").exists() {
        trusting(&mut file, pki)?;
        let client = client_named(&mut file, "oidc-client")?;
        methods_of(client)?.push(AuthMethod::TlsClientAuth.as_str().into());
        client.insert("tls_client_auth_subject_dn".to_owned(), pki::OIDC_CLIENT_DN.into());
    }
    toml::to_string(&file).map_err(|_error| broken())
}

fn broken() -> CliError {
    CliError::Other("the demo's tenant file is broken".to_owned())
}

fn trusting(file: &mut toml::Table, pki: &Pki) -> Result<(), CliError> {
    let settings = file.get_mut("settings").and_then(toml::Value::as_table_mut).ok_or_else(broken)?;
    settings.insert("mtls_truststore".to_owned(), pki.text("ca.pem")?.into());
    Ok(())
}

fn client_named<'a>(file: &'a mut toml::Table, name: &str) -> Result<&'a mut toml::Table, CliError> {
    let mut clients = file.get_mut("clients").and_then(toml::Value::as_array_mut).into_iter().flatten();
    let this =
        |client: &&mut toml::Value| client.get("client_id").and_then(toml::Value::as_str) == Some(name);
    clients.find(this).and_then(toml::Value::as_table_mut).ok_or_else(broken)
}

fn methods_of(client: &mut toml::Table) -> Result<&mut Vec<toml::Value>, CliError> {
    client.get_mut("auth_methods").and_then(toml::Value::as_array_mut).ok_or_else(broken)
}

/// The tenant file of ONLINEBANK with what only a running demo has: its authority, and `client1`'s certificates.
fn with_certificates(text: &str, pki: &Pki) -> Result<String, CliError> {
    let mut file: toml::Table = toml::from_str(text).map_err(|_error| broken())?;
    trusting(&mut file, pki)?;
    let client = client_named(&mut file, "client1")?;
    let methods = methods_of(client)?;
    for method in [
        AuthMethod::TlsClientAuth,
        AuthMethod::SelfSignedTlsClientAuth,
        AuthMethod::ClientSecretPki,
        AuthMethod::PrivateKeyJwt,
    ] {
        methods.push(method.as_str().into());
    }
    client.insert("jwks".to_owned(), keys(pki)?.into());
    client.insert("tls_client_auth_subject_dn".to_owned(), pki::CLIENT1_DN.into());
    toml::to_string(&file).map_err(|_error| broken())
}

/// The keys of `client1`: that of the one certificate signs its assertions, the other certificate is registered itself.
fn keys(pki: &Pki) -> Result<String, CliError> {
    let mut jwks: serde_json::Value =
        serde_json::from_str(&key_set_of(&pki.text("client1.pem")?)?).map_err(|_error| broken())?;
    let keys = jwks.get_mut("keys").and_then(serde_json::Value::as_array_mut).ok_or_else(broken)?;
    for name in ["client1", "client1-self-signed"] {
        keys.push(pki.registration(name)?);
    }
    Ok(jwks.to_string())
}
