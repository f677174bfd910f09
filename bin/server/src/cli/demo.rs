//! `countersign demo`: two tenants, served from a data directory of their own (DECISIONS 6).

use std::path::{Path, PathBuf};

use domain::TenantName;
use jose::{MasterKey, OsEntropy};
use storage::Database;

use super::{CliError, output, private_file};
use crate::{
    config::{Config, RawConfig},
    server::Bound,
    setup::Setup,
    telemetry,
    tenant_file::{self, ApplyOptions},
};

const TENANTS: [(&str, &str); 2] = [
    ("ONLINEBANK", include_str!("../../../../fixtures/demo/ONLINEBANK.toml")),
    ("acme", include_str!("../../../../fixtures/demo/acme.toml")),
];

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
    raw.database.url = format!("sqlite:{}", args.data_dir.join("countersign.sqlite3").display());
    raw.security.master_key = None;
    raw.security.master_key_file = Some(args.data_dir.join("master.key"));
    let config = Config::check(raw)?;
    telemetry::start(&config.raw.log)
        .map_err(|problem| crate::config::ConfigError::value("log.filter", problem))?;
    let bound = Bound::bind(&config)?;
    let setup = prepare(&args.data_dir, &config)?;
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

/// Makes what is missing: directory, master key, database, tenants.
fn prepare(data_dir: &Path, config: &Config) -> Result<Setup, CliError> {
    private_file::directory(data_dir)?;
    let key = data_dir.join("master.key");
    if !key.exists() {
        let (_key, text) = MasterKey::generate(&OsEntropy)?;
        private_file::write_new(&key, text.expose())?;
    }
    let database = Database::create(&config.raw.database.storage())
        .map_err(|error| crate::setup::SetupError::Open(error.to_string()))?;
    database.migrate()?;
    let setup = Setup::with(database, &config.raw.security)?;
    for (name, text) in TENANTS {
        let known =
            TenantName::parse(name).map(|name| setup.database.system().tenant_named(&name)).transpose()?;
        if known.flatten().is_none() {
            tenant_file::apply(&setup, text, ApplyOptions { dry_run: false, prune: false })?;
        }
    }
    Ok(setup)
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
