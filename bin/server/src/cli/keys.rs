//! `countersign keys`: signing keys.

use domain::{SigningAlg, SigningKeyRecord, Tenant, TenantName, Timestamp};

use super::{CliError, ConfigArg};
use crate::{keyring, setup::Setup, tenant_file::date};

/// What to do with signing keys.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Print the keys and where they stand in their lives.
    List {
        /// Where the configuration is.
        #[command(flatten)]
        config: ConfigArg,
        /// One tenant only.
        #[arg(long, value_parser = super::init::tenant_name)]
        tenant: Option<TenantName>,
    },
    /// Publish successors now. They take over once the present key set has left every cache.
    Rotate {
        /// Where the configuration is.
        #[command(flatten)]
        config: ConfigArg,
        /// The tenant.
        #[arg(long, value_parser = super::init::tenant_name)]
        tenant: TenantName,
        /// One algorithm only.
        #[arg(long, value_parser = alg)]
        alg: Option<SigningAlg>,
    },
}

/// Runs it.
///
/// # Errors
/// [`CliError`].
pub(super) fn run(command: Command) -> Result<Vec<String>, CliError> {
    match command {
        Command::List { config, tenant } => list(&config.open()?, tenant.as_ref()),
        Command::Rotate { config, tenant, alg } => rotate(&config.open()?, &tenant, alg),
    }
}

/// A line for each key: tenant, id, algorithm, stage, dates.
///
/// # Errors
/// [`CliError::Other`] when there is no such tenant.
pub(super) fn list(setup: &Setup, tenant: Option<&TenantName>) -> Result<Vec<String>, CliError> {
    let tenants = match tenant {
        Some(name) => vec![named(setup, name)?],
        None => setup.database.system().tenants()?,
    };
    let now = setup.clock.now();
    let mut lines = Vec::new();
    for tenant in tenants {
        let keys = setup.database.tenant(tenant.id).keys()?;
        lines.extend(keys.iter().map(|key| line(&tenant.name, key, now)));
    }
    Ok(lines)
}

/// Publishes successors.
///
/// # Errors
/// [`CliError::Other`] when there is no such tenant or algorithm, or successors are pending already.
pub(super) fn rotate(
    setup: &Setup,
    tenant: &TenantName,
    alg: Option<SigningAlg>,
) -> Result<Vec<String>, CliError> {
    let tenant = named(setup, tenant)?;
    let (keys, now) = (setup.database.tenant(tenant.id).keys()?, setup.clock.now());
    let steps = keyring::rotate_now(&keys, &tenant.settings, alg, now);
    let steps = steps.map_err(|error| CliError::Other(format!("tenant {}: {error}", tenant.name)))?;
    let lines = keyring::carry_out(setup, &tenant, steps, now)?;
    if lines.is_empty() {
        return Err(CliError::Other("another process rotated these keys at the same time".to_owned()));
    }
    Ok(lines)
}

/// The tenant of that name.
///
/// # Errors
/// [`CliError::Other`] when there is none.
pub(super) fn named(setup: &Setup, name: &TenantName) -> Result<Tenant, CliError> {
    let tenant = setup.database.system().tenant_named(name)?;
    tenant.ok_or_else(|| CliError::Other(format!("there is no tenant {name}")))
}

fn line(tenant: &TenantName, key: &SigningKeyRecord, now: Timestamp) -> String {
    let end = key
        .verify_from
        .zip(key.retired_at)
        .map(|(until, gone)| format!(" until {}, published until {}", date::text(until), date::text(gone)));
    format!(
        "{tenant}  {}  {:<5}  {:<13}  signs from {}{}",
        key.kid,
        key.alg.as_str(),
        key.stage(now).as_str(),
        date::text(key.active_from),
        end.unwrap_or_default()
    )
}

fn alg(text: &str) -> Result<SigningAlg, String> {
    SigningAlg::parse(text).ok_or_else(|| {
        let names: Vec<&str> = SigningAlg::ALL.iter().map(|alg| alg.as_str()).collect();
        format!("must be one of {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenant_file::tests::support::{Installation, tenant_name};

    #[test]
    fn rotation_shows_in_the_list() {
        let installation = Installation::new();
        installation.apply("name = 't'\nprofile = 'openid'\n[settings]\nsigning_algs = ['ES256']");
        let (setup, name) = (&installation.setup, tenant_name("t"));
        installation.clock.advance(domain::Ttl::from_secs(10));
        let done = rotate(setup, &name, None).unwrap();
        assert!(done[0].contains("takes over from 1767225600000 at 2026-01-01T01:01:10Z"), "{done:?}");
        assert_eq!(
            list(setup, None).unwrap(),
            [
                "t  1767225600000  ES256  active         signs from 2026-01-01T00:00:00Z \
                 until 2026-01-01T01:01:10Z, published until 2026-01-03T01:01:10Z",
                "t  1767225610000  ES256  pre-published  signs from 2026-01-01T01:01:10Z",
            ]
        );
        let again = rotate(setup, &name, Some(SigningAlg::ES256)).unwrap_err().to_string();
        assert_eq!(
            again,
            "tenant t: a successor is published already and has yet to take over: 1767225610000"
        );
        assert!(rotate(setup, &name, Some(SigningAlg::RS256)).is_err());
        assert!(list(setup, Some(&tenant_name("u"))).is_err());
    }
}
