//! `countersign serve`.

use super::{CliError, output};
use crate::{
    config::Config,
    config::ConfigError,
    server::{self, Bound},
    setup::Setup,
    telemetry,
};

/// Serves as configured until it is told to stop.
///
/// # Errors
/// [`CliError`].
pub(super) fn run(config: Config) -> Result<(), CliError> {
    let public_url = config.public_url.clone().ok_or_else(|| {
        ConfigError::value("server.public_url", "is required by `serve`, such as https://id.example")
    })?;
    telemetry::start(&config.raw.log).map_err(|problem| ConfigError::value("log.filter", problem))?;
    let setup = Setup::open(&config)?;
    let bound = Bound::bind(&config)?;
    let addresses = [bound.public_address, bound.management_address];
    let tls = bound.tls_addresses.clone();
    let started = move || {
        for address in addresses {
            output::line(&format!("listening on http://{address}"));
        }
        for address in tls {
            output::line(&format!("listening on https://{address}"));
        }
    };
    server::run(bound.serve(config, setup, public_url, started))?;
    Ok(())
}
