//! `countersign tenant`: tenants as files (`docs/tenant-file.md`).

use std::path::PathBuf;

use domain::TenantName;

use super::{CliError, ConfigArg};
use crate::tenant_file::{self, ApplyOptions, Report};

/// What to do with a tenant.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make the stored tenant what a file says, and print the difference.
    Apply {
        /// Where the configuration is.
        #[command(flatten)]
        config: ConfigArg,
        /// The tenant file.
        file: PathBuf,
        /// Print the difference, and write nothing.
        #[arg(long)]
        dry_run: bool,
        /// Remove what the file does not name.
        #[arg(long)]
        prune: bool,
    },
    /// Print a tenant as a file.
    Export {
        /// Where the configuration is.
        #[command(flatten)]
        config: ConfigArg,
        /// The tenant's name.
        #[arg(value_parser = super::init::tenant_name)]
        name: TenantName,
    },
}

/// Runs it.
///
/// # Errors
/// [`CliError`].
pub(super) fn run(command: Command) -> Result<Vec<String>, CliError> {
    match command {
        Command::Apply { config, file, dry_run, prune } => {
            let report = tenant_file::apply_file(&config.open()?, &file, ApplyOptions { dry_run, prune })?;
            Ok(told(report, dry_run))
        }
        Command::Export { config, name } => {
            let setup = config.open()?;
            crate::operator::exported(&setup, &name)?;
            let text = tenant_file::export(&setup, &name)?;
            Ok(vec![text.trim_end().to_owned()])
        }
    }
}

fn told(report: Report, dry_run: bool) -> Vec<String> {
    let mut lines = report.lines;
    lines.extend(secrets(&report.shown_once));
    if dry_run {
        lines.push("(dry run: nothing was written)".to_owned());
    }
    lines
}

/// The lines that show secrets, which cannot be had again.
pub(super) fn secrets(made: &[(String, domain::Secret)]) -> impl Iterator<Item = String> {
    made.iter().map(|(what, secret)| format!("secret of {what}, shown once: {}", secret.expose()))
}
