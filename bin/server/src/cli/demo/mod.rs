//! `countersign demo`: three tenants, served from a data directory of their own (DECISIONS 6).

mod lines;
mod pki;
mod tenants;

use std::path::{Path, PathBuf};

use domain::{AuthMethod, ClientId, TenantName, port::ClientLookup as _};
use jose::{MasterKey, OsEntropy};
use storage::Database;

use pki::Pki;

use super::{CliError, init::quoted, output, private_file};
use crate::{
    clock::{Clock as _, SystemClock},
    config::{AskFor, Config, RawConfig, TlsSection},
    server::{self, Bound},
    setup::{Setup, SetupError},
    telemetry,
};

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
    let now = SystemClock::default().now();
    let pki = Pki::open(&dir, now)?;
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
        pki.advice(now).iter().for_each(|line| output::line(line));
        let mut more: Vec<String> = by_key.then(|| lines::by_key(&url, &pki)).into_iter().collect();
        let tls_of = |may: bool| tls.filter(|_| may).into_iter();
        more.extend(tls_of(by_certificate).flat_map(|tls| lines::by_certificate(tls, &pki, now)));
        more.extend(tls_of(in_realm).filter_map(|tls| lines::in_realm(tls, &pki, now)));
        lines::welcome(&url, &more);
    };
    server::run(bound.serve(config, setup, public_url, started))?;
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
    tenants::made(&setup, pki)?;
    let file = data_dir.join("countersign.toml");
    if !file.exists() {
        private_file::write_new(&file, &configuration(&key, config))?;
    }
    Ok(setup)
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
    #[test]
    fn certificates_that_have_expired_are_told_and_have_no_lines() {
        let dir = tempfile::tempdir().unwrap();
        let (made, address) =
            (domain::Timestamp::from_secs(1_800_000_000), "127.0.0.1:8443".parse().unwrap());
        let pki = Pki::open(dir.path(), made).unwrap();
        let counts = |now| {
            let (bank, realm) =
                (lines::by_certificate(address, &pki, now), lines::in_realm(address, &pki, now));
            (pki.advice(now).is_some(), bank.len(), realm.is_some())
        };
        assert_eq!(counts(made), (false, 5, true));
        let next_year = made.plus(domain::Ttl::from_days(366));
        assert_eq!(counts(next_year), (true, 1, false));
        let advice = pki.advice(next_year).unwrap();
        assert!(
            advice.contains("client1.pem") && advice.contains(&dir.path().join("pki").display().to_string())
        );
        assert!(!advice.contains("ca.pem") && !advice.contains("/expired.pem"), "{advice}");
        assert!(lines::by_certificate(address, &pki, next_year)[0].contains("/expired.pem"));
    }
}
