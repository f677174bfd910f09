//! `countersign demo`: two tenants, served from a data directory of their own (DECISIONS 6).

use std::path::{Path, PathBuf};

use domain::TenantName;
use jose::{MasterKey, OsEntropy};
use storage::Database;

use super::{CliError, init::quoted, output, private_file};
use crate::{
    config::{Config, RawConfig},
    server::Bound,
    setup::{Setup, SetupError},
    telemetry,
    tenant_file::{self, ApplyOptions},
};

const TENANTS: [(&str, &str); 3] = [
    ("ONLINEBANK", include_str!("../../../../fixtures/demo/ONLINEBANK.toml")),
    ("acme", include_str!("../../../../fixtures/demo/acme.toml")),
    ("SECURITYDOMAIN", include_str!("../../../../fixtures/demo/SECURITYDOMAIN.toml")),
];

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
    let config = Config::check(raw)?;
    telemetry::start(&config.raw.log)
        .map_err(|problem| crate::config::ConfigError::value("log.filter", problem))?;
    let bound = Bound::bind(&config)?;
    let setup = prepare(&dir, &config)?;
    let public_url = config.public_url.clone().unwrap_or_else(|| format!("http://{}", bound.public_address));
    let addresses = [bound.public_address, bound.management_address];
    let url = public_url.clone();
    let started = move || {
        for address in addresses {
            output::line(&format!("listening on http://{address}"));
        }
        welcome(&url);
    };
    actix_web::rt::System::new().block_on(bound.serve(config, setup, public_url, started))?;
    Ok(())
}

/// Makes what is missing: directory, master key, database, tenants, and a configuration for the other commands.
fn prepare(data_dir: &Path, config: &Config) -> Result<Setup, CliError> {
    private_file::directory(data_dir)?;
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
            tenant_file::apply(&setup, text, ApplyOptions { dry_run: false, prune: false })?;
        }
    }
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
    format!(
        "# Written by `countersign demo`, for commands such as `countersign audit`. All keys: docs/config.md.\n\n\
         [server]\nlisten = {}\n{public_url}\n[management]\nlisten = {}\n\n[database]\nurl = {}\n\n\
         [security]\nmaster_key_file = {}",
        quoted(&raw.server.listen),
        quoted(&raw.management.listen),
        quoted(&raw.database.url),
        quoted(&key.display().to_string()),
    )
}

fn welcome(url: &str) {
    let bank = format!("{url}/idp/ONLINEBANK/authn");
    for text in [
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
        format!("  curl {bank}/.well-known/openid-configuration"),
    ] {
        output::line(&text);
    }
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

    #[test]
    fn other_commands_find_the_demo_and_a_lost_or_wrong_master_key_is_told() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("data");
        let (file, key) = (dir.join("countersign.toml"), dir.join("master.key"));
        drop(prepare(&dir, &config(&dir)).unwrap());
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let read = Config::check(RawConfig::read(Some(&file)).unwrap()).unwrap();
        assert_eq!(read.raw.management.listen, "127.0.0.1:0");
        assert_eq!(Setup::open(&read).unwrap().database.system().tenants().unwrap().len(), 3);
        fs::write(&file, "# mine").unwrap();
        drop(prepare(&dir, &config(&dir)).unwrap());
        assert_eq!(fs::read_to_string(&file).unwrap(), "# mine");
        fs::write(&key, "cd".repeat(32)).unwrap();
        let wrong = prepare(&dir, &config(&dir)).err().unwrap();
        assert!(matches!(wrong, CliError::Setup(SetupError::WrongMasterKey)), "{wrong}");
        fs::remove_file(&key).unwrap();
        let lost = prepare(&dir, &config(&dir)).err().unwrap().to_string();
        assert!(lost.contains("master.key is missing"), "{lost}");
        assert!(!key.exists(), "no other key is made in its place");
    }
}
