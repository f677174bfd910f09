//! `countersign demo`: two tenants, served from a data directory of their own (DECISIONS 6).

mod pki;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use domain::{AuthMethod, ClientId, GrantType, TenantName, port::ClientLookup as _};
use jose::{MasterKey, OsEntropy, pki::key_set_of};
use storage::Database;

use pki::Pki;

use super::{CliError, init::quoted, output, private_file};
use crate::{
    clock::{Clock as _, SystemClock},
    config::{AskFor, Config, RawConfig, TlsSection},
    server::Bound,
    setup::{Setup, SetupError},
    telemetry,
    tenant_file::{self, ApplyOptions},
};

const TENANTS: [(&str, &str); 3] = [
    ("ONLINEBANK", include_str!("../../../../../fixtures/demo/ONLINEBANK.toml")),
    ("acme", include_str!("../../../../../fixtures/demo/acme.toml")),
    ("SECURITYDOMAIN", include_str!("../../../../../fixtures/demo/SECURITYDOMAIN.toml")),
];

/// Where TLS is if nothing is said.
const TLS_LISTEN: &str = "127.0.0.1:8443";

const DATABASE: &str = "countersign.sqlite3";

/// What the command line says.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where the database and the master key live.
    #[arg(long, default_value = "./data")]
    data_dir: PathBuf,
    /// Public address; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: String,
    /// TLS address; port 0 picks a free one. Without it 127.0.0.1:8443, or no TLS where that is taken.
    #[arg(long)]
    tls_listen: Option<String>,
    /// Management address; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:9090")]
    management_listen: String,
    /// What issuers begin with; by default the address that was bound.
    #[arg(long)]
    public_url: Option<String>,
}

/// Serves the demo until it is told to stop.
///
/// # Errors
/// [`CliError`].
pub(super) fn run(args: Args) -> Result<(), CliError> {
    let mut raw = RawConfig::read(None)?;
    raw.server.listen = args.listen;
    raw.server.public_url = args.public_url;
    raw.management.listen = args.management_listen;
    let dir = std::path::absolute(&args.data_dir)
        .map_err(|error| CliError::Other(format!("{}: {error}", args.data_dir.display())))?;
    raw.database.url = format!("sqlite:{}", dir.join(DATABASE).display());
    raw.security.master_key = None;
    raw.security.master_key_file = Some(dir.join("master.key"));
    raw.tls = tls_address(args.tls_listen).map(|listen| tls(listen, &dir)).into_iter().collect();
    let mut config = Config::check(raw)?;
    telemetry::start(&config.raw.log)
        .map_err(|problem| crate::config::ConfigError::value("log.filter", problem))?;
    private_file::directory(&dir)?;
    let pki = Pki::open(&dir, SystemClock::default().now())?;
    let bound = Bound::bind(&config)?;
    let setup = prepare(&dir, &config, &pki)?;
    let public_url = config.public_url.clone().unwrap_or_else(|| format!("http://{}", bound.public_address));
    let tls = bound.tls_addresses.first().copied();
    config.raw.server.mtls_url = tls.map(|address| format!("https://{address}"));
    let addresses = [bound.public_address, bound.management_address];
    let by_certificate = client1_may(&setup, AuthMethod::TlsClientAuth)?;
    let by_key = client1_may(&setup, AuthMethod::PrivateKeyJwt)?;
    let in_realm = may(&setup, ("SECURITYDOMAIN", "oidc-client"), AuthMethod::TlsClientAuth)?;
    let url = public_url.clone();
    let started = move || {
        for address in addresses {
            output::line(&format!("listening on http://{address}"));
        }
        match tls {
            Some(address) => output::line(&format!("listening on https://{address}")),
            None => {
                output::line(&format!("no TLS: {TLS_LISTEN} is taken; --tls-listen names another address"));
            }
        }
        let mut more: Vec<String> = by_key.then(|| by_key_line(&url, &pki)).into_iter().collect();
        more.extend(
            tls.filter(|_| by_certificate).into_iter().flat_map(|tls| by_certificate_lines(tls, &pki)),
        );
        more.extend(tls.filter(|_| in_realm).map(|tls| in_realm_line(tls, &pki)));
        welcome(&url, &more);
    };
    actix_web::rt::System::new().block_on(bound.serve(config, setup, public_url, started))?;
    Ok(())
}

/// Where TLS is to be; nowhere if nothing is said and the usual place is taken.
fn tls_address(given: Option<String>) -> Option<String> {
    given.or_else(|| std::net::TcpListener::bind(TLS_LISTEN).is_ok().then(|| TLS_LISTEN.to_owned()))
}

fn tls(listen: String, dir: &Path) -> TlsSection {
    TlsSection {
        listen,
        certificate: dir.join("pki/server.pem"),
        private_key: dir.join("pki/server.key"),
        client_certificates: AskFor::Ask,
        mtls_host: None,
        http2: true,
    }
}

/// Whether `client1` may prove itself by `method`: not where the tenant is older than the demo's certificates.
fn client1_may(setup: &Setup, method: AuthMethod) -> Result<bool, CliError> {
    may(setup, ("ONLINEBANK", "client1"), method)
}

fn may(setup: &Setup, (tenant, client): (&str, &str), method: AuthMethod) -> Result<bool, CliError> {
    let named = TenantName::parse(tenant).zip(ClientId::parse(client));
    let Some((tenant, client)) = named else { return Ok(false) };
    let Some(tenant) = setup.database.system().tenant_named(&tenant)? else { return Ok(false) };
    let stored = setup.database.tenant(tenant.id).client(&client)?;
    Ok(stored.is_some_and(|stored| stored.client.auth_methods.contains(&method)))
}

/// Makes what is missing: directory, master key, database, tenants, and a configuration for the other commands.
fn prepare(data_dir: &Path, config: &Config, pki: &Pki) -> Result<Setup, CliError> {
    let key = data_dir.join("master.key");
    if !key.exists() {
        if data_dir.join(DATABASE).exists() {
            let text = format!(
                "{} is missing, and the database beside it was sealed with it: put it back, or begin anew in \
                 another directory",
                key.display()
            );
            return Err(SetupError::MasterKey(text).into());
        }
        let (_key, text) = MasterKey::generate(&OsEntropy)?;
        private_file::write_new(&key, text.expose())?;
    }
    let database = Database::create(&config.raw.database.storage())
        .map_err(|error| SetupError::Open(error.to_string()))?;
    database.migrate()?;
    let setup = Setup::with(database, &config.raw.security)?;
    for (name, text) in TENANTS {
        let known =
            TenantName::parse(name).map(|name| setup.database.system().tenant_named(&name)).transpose()?;
        if known.flatten().is_none() {
            let text = match name {
                "ONLINEBANK" => with_certificates(text, pki)?,
                "SECURITYDOMAIN" => with_certificate(text, pki)?,
                _ => text.to_owned(),
            };
            tenant_file::apply(&setup, &text, ApplyOptions { dry_run: false, prune: false })?;
        }
    }
    let file = data_dir.join("countersign.toml");
    if !file.exists() {
        private_file::write_new(&file, &configuration(&key, config))?;
    }
    Ok(setup)
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
    // The key of the one certificate signs its assertions, the other certificate is registered itself.
    let mut jwks: serde_json::Value =
        serde_json::from_str(&key_set_of(&pki.text("client1.pem")?)?).map_err(|_error| broken())?;
    let keys = jwks.get_mut("keys").and_then(serde_json::Value::as_array_mut).ok_or_else(broken)?;
    for name in ["client1", "client1-self-signed"] {
        keys.push(pki.registration(name)?);
    }
    client.insert("jwks".to_owned(), jwks.to_string().into());
    client.insert("tls_client_auth_subject_dn".to_owned(), pki::CLIENT1_DN.into());
    toml::to_string(&file).map_err(|_error| broken())
}

/// The configuration with which other commands find the demo's data.
fn configuration(key: &Path, config: &Config) -> String {
    let raw = &config.raw;
    let public_url =
        config.public_url.as_ref().map(|url| format!("public_url = {}\n", quoted(url))).unwrap_or_default();
    let tls = raw.tls.first().map(|tls| {
        format!(
            "[[tls]]\nlisten = {}\ncertificate = {}\nprivate_key = {}\nclient_certificates = \"ask\"\n\n",
            quoted(&tls.listen),
            quoted(&tls.certificate.display().to_string()),
            quoted(&tls.private_key.display().to_string()),
        )
    });
    format!(
        "# Written by `countersign demo`, for commands such as `countersign audit`. All keys: docs/config.md.\n\n\
         [server]\nlisten = {}\n{public_url}\n{}[management]\nlisten = {}\n\n[database]\nurl = {}\n\n\
         [security]\nmaster_key_file = {}",
        quoted(&raw.server.listen),
        tls.unwrap_or_default(),
        quoted(&raw.management.listen),
        quoted(&raw.database.url),
        quoted(&key.display().to_string()),
    )
}

fn welcome(url: &str, more: &[String]) {
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
fn by_key_line(url: &str, pki: &Pki) -> String {
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

/// What shows that certificates prove a client: one that does, and two that do not.
fn by_certificate_lines(address: SocketAddr, pki: &Pki) -> Vec<String> {
    let by = |grant: &str, name: &str, what: &str| {
        format!(
            "  curl --cacert {} --cert {} --key {} -d grant_type={grant} -d client_id=client1 \
             'https://{address}/idp/ONLINEBANK/authn/token?_tlsclientauth=1' # {what}",
            pki.file("ca.pem").display(),
            pki.file(&format!("{name}.pem")).display(),
            pki.file(&format!("{name}.key")).display(),
        )
    };
    let line = |name: &str, what: &str| by("client_credentials", name, what);
    vec![
        line("client1", "tls_client_auth"),
        by(GrantType::ClientSecretPki.as_str(), "client1", "client_secret_pki"),
        line("client1-self-signed", "self_signed_tls_client_auth"),
        line("stranger", "refused: its CA is unknown"),
        line("expired", "refused: it has expired"),
    ]
}

/// The same in the other layout of paths, with a certificate of `oidc-client`.
fn in_realm_line(address: SocketAddr, pki: &Pki) -> String {
    format!(
        "  curl --cacert {} --cert {} --key {} -d grant_type=client_credentials -d client_id=oidc-client \
         'https://{address}/auth/realms/SECURITYDOMAIN/protocol/openid-connect/token?_tlsclientauth=1' # tls_client_auth",
        pki.file("ca.pem").display(),
        pki.file("oidc-client.pem").display(),
        pki.file("oidc-client.key").display(),
    )
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    fn config(dir: &Path) -> Config {
        let mut raw = RawConfig::default();
        raw.management.listen = "127.0.0.1:0".to_owned();
        raw.database.url = format!("sqlite:{}", dir.join(DATABASE).display());
        raw.security.master_key_file = Some(dir.join("master.key"));
        raw.security.argon2 = crate::config::Argon2Section { memory_kib: 512, iterations: 1, parallelism: 1 };
        Config::check(raw).unwrap()
    }

    fn made(dir: &Path) -> Result<Setup, CliError> {
        private_file::directory(dir)?;
        prepare(dir, &config(dir), &Pki::open(dir, SystemClock::default().now())?)
    }

    #[test]
    fn other_commands_find_the_demo_and_a_lost_or_wrong_master_key_is_told() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("data");
        let (file, key) = (dir.join("countersign.toml"), dir.join("master.key"));
        drop(made(&dir).unwrap());
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let read = Config::check(RawConfig::read(Some(&file)).unwrap()).unwrap();
        assert_eq!(read.raw.management.listen, "127.0.0.1:0");
        assert_eq!(Setup::open(&read).unwrap().database.system().tenants().unwrap().len(), 3);
        fs::write(&file, "# mine").unwrap();
        drop(made(&dir).unwrap());
        assert_eq!(fs::read_to_string(&file).unwrap(), "# mine");
        fs::write(&key, "cd".repeat(32)).unwrap();
        let wrong = made(&dir).err().unwrap();
        assert!(matches!(wrong, CliError::Setup(SetupError::WrongMasterKey)), "{wrong}");
        fs::remove_file(&key).unwrap();
        let lost = made(&dir).err().unwrap().to_string();
        assert!(lost.contains("master.key is missing"), "{lost}");
        assert!(!key.exists(), "no other key is made in its place");
    }
}
