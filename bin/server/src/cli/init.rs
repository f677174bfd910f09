//! `countersign init`: a new installation with its first tenant and its first administrator client.

use std::path::{Path, PathBuf};

use domain::{ClientId, ProfileName, TenantName};
use jose::{MasterKey, OsEntropy};
use storage::{Database, SchemaState};

use super::{CliError, private_file, tenant};
use crate::{
    config::{Config, RawConfig},
    setup::{Setup, SetupError},
    tenant_file::{self, ApplyOptions},
};

/// What the command line says.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where it shall live.
    #[command(flatten)]
    place: Place,
    /// The first tenant's name.
    #[arg(long, default_value = "main", value_parser = tenant_name)]
    tenant: TenantName,
    /// The first tenant's wire profile: hid or openid.
    #[arg(long, default_value = "openid", value_parser = profile)]
    profile: ProfileName,
    /// The id of the first administrator client.
    #[arg(long, default_value = "admin", value_parser = client_id)]
    client: ClientId,
    /// What the world calls the server; only with --data-dir.
    #[arg(long, default_value = "http://127.0.0.1:8080", conflicts_with = "config")]
    public_url: String,
}

/// Where it shall live: one of the two.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Place {
    /// A directory to be made: SQLite database, master key and configuration.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// An existing configuration, with the database (PostgreSQL or SQLite) and the master key that it names.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Makes it.
///
/// # Errors
/// [`CliError`]; what exists already is never touched.
pub(super) fn run(args: Args) -> Result<Vec<String>, CliError> {
    let mut lines = Vec::new();
    let file = match (&args.place.data_dir, &args.place.config) {
        (Some(dir), _) => data_dir(dir, &args.public_url, &mut lines)?,
        (None, Some(file)) => file.clone(),
        (None, None) => return Err(CliError::Other("give --data-dir or --config".to_owned())),
    };
    let config = Config::check(RawConfig::read(Some(&file))?)?;
    let setup = empty(&config)?;
    let text = first_tenant(&args.tenant, args.profile, &args.client);
    let report = tenant_file::apply(&setup, &text, ApplyOptions::default())?;
    lines.extend(report.lines);
    lines.extend(tenant::secrets(&report.shown_once));
    lines.push(format!("next: countersign serve --config {}", file.display()));
    Ok(lines)
}

/// Makes directory, master key and configuration; gives the configuration's path.
fn data_dir(dir: &Path, public_url: &str, lines: &mut Vec<String>) -> Result<PathBuf, CliError> {
    let dir =
        std::path::absolute(dir).map_err(|error| CliError::Other(format!("{}: {error}", dir.display())))?;
    let (file, key, database) =
        (dir.join("countersign.toml"), dir.join("master.key"), dir.join("countersign.sqlite3"));
    for path in [&file, &key, &database] {
        if path.exists() {
            let text =
                format!("{} exists: there is an installation already, and it is left alone", path.display());
            return Err(CliError::Other(text));
        }
    }
    let text = configuration(&database, &key, public_url)?;
    private_file::directory(&dir)?;
    let (_key, secret) = MasterKey::generate(&OsEntropy)?;
    private_file::write_new(&key, secret.expose())?;
    private_file::write_new(&file, &text)?;
    lines.push(format!("+ {} (seals the signing keys: keep a copy elsewhere)", key.display()));
    lines.push(format!("+ {}", file.display()));
    Ok(file)
}

fn configuration(database: &Path, key: &Path, public_url: &str) -> Result<String, CliError> {
    let mut raw = RawConfig::default();
    raw.server.public_url = Some(public_url.to_owned());
    raw.database.url = format!("sqlite:{}", database.display());
    raw.security.master_key_file = Some(key.to_owned());
    // Nothing is made before what it says has been checked.
    let raw = Config::check(raw)?.raw;
    Ok(format!(
        "# Written by `countersign init`. All keys: docs/config.md.\n\n\
         [server]\nlisten = {}\n# Issuers begin with it: change it before the first client uses it.\npublic_url = {}\n\n\
         [database]\nurl = {}\n\n[security]\nmaster_key_file = {}",
        quoted(&raw.server.listen),
        quoted(public_url),
        quoted(&raw.database.url),
        quoted(&key.display().to_string()),
    ))
}

/// Opens the configured database, and migrates it if it is empty.
fn empty(config: &Config) -> Result<Setup, CliError> {
    // The key is looked at first: without it nothing can be made.
    config.raw.security.master_key_text()?;
    let open = |error: storage::OpenError| SetupError::Open(error.to_string());
    let database = Database::create(&config.raw.database.storage()).map_err(open)?;
    match database.schema()? {
        SchemaState::Empty => drop(database.migrate()?),
        SchemaState::Current => {}
        SchemaState::Behind(_) | SchemaState::Newer(_) => {
            let text = "the database belongs to another version of countersign, and is left alone";
            return Err(SetupError::Schema(text.to_owned()).into());
        }
    }
    if let Some(tenant) = database.system().tenants()?.first() {
        let text = format!("the database has tenants already ({}, …), and is left alone", tenant.name);
        return Err(CliError::Other(text));
    }
    Ok(Setup::with(database, &config.raw.security)?)
}

/// The first tenant as a tenant file.
fn first_tenant(tenant: &TenantName, profile: ProfileName, client: &ClientId) -> String {
    let profile = match profile {
        ProfileName::Hid => "hid",
        _ => "openid",
    };
    format!(
        r#"name = {}
profile = "{profile}"

[[clients]]
client_id = {}
client_name = "Administrator"
auth_methods = ["client_secret_basic", "client_secret_post"]
generate_secret = true
grant_types = ["client_credentials"]
roles = ["RL_ORGADMIN", "RL_CLIENTIDM2M"]
"#,
        quoted(tenant.as_str()),
        quoted(client.as_str()),
    )
}

/// Text as a TOML string.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// Parses a tenant's name on the command line.
pub(super) fn tenant_name(text: &str) -> Result<TenantName, String> {
    TenantName::parse(text).ok_or_else(|| "must be 1 to 64 of A-Z, a-z, 0-9, _ and -".to_owned())
}

fn profile(text: &str) -> Result<ProfileName, String> {
    match text {
        "hid" => Ok(ProfileName::Hid),
        "openid" => Ok(ProfileName::Openid),
        _ => Err("must be hid or openid".to_owned()),
    }
}

fn client_id(text: &str) -> Result<ClientId, String> {
    ClientId::parse(text).ok_or_else(|| "must have 1 to 255 bytes and no control characters".to_owned())
}

#[cfg(test)]
mod tests;
