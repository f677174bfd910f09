//! `countersign audit`: prints the audit log of a tenant.

use std::collections::VecDeque;

use domain::{TenantName, Timestamp};
use serde_json::json;
use storage::{AuditFilter, AuditRow};

use super::{CliError, ConfigArg};
use crate::{setup::Setup, tenant_file::date};

/// Rows per read.
const PAGE: i64 = 1000;

/// Which rows to print, and how.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where the configuration is.
    #[command(flatten)]
    config: ConfigArg,
    /// What to print.
    #[command(flatten)]
    which: Which,
}

/// Which rows to print, and how.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Which {
    /// The tenant.
    #[arg(long, value_parser = super::init::tenant_name)]
    pub tenant: TenantName,
    /// From this instant on (RFC 3339).
    #[arg(long, value_parser = instant)]
    pub since: Option<Timestamp>,
    /// Until before this instant (RFC 3339).
    #[arg(long, value_parser = instant)]
    pub until: Option<Timestamp>,
    /// The newest so many rows.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    /// One client only.
    #[arg(long)]
    pub client: Option<String>,
    /// One user only, by log-in name.
    #[arg(long)]
    pub user: Option<String>,
    /// One JSON object a line.
    #[arg(long)]
    pub json: bool,
}

/// Prints it.
///
/// # Errors
/// [`CliError`].
pub(super) fn run(args: Args) -> Result<Vec<String>, CliError> {
    rows(&args.config.open()?, &args.which)
}

/// A line for each row, oldest first.
///
/// # Errors
/// [`CliError::Other`] when there is no such tenant.
pub(super) fn rows(setup: &Setup, which: &Which) -> Result<Vec<String>, CliError> {
    let tenant = super::keys::named(setup, &which.tenant)?;
    let store = setup.database.tenant(tenant.id);
    let limit = usize::try_from(which.limit).unwrap_or(usize::MAX);
    let page = AuditFilter { since: which.since, until: which.until, after: None, newest: true, limit: PAGE };
    let line = if which.json { json_line } else { text_line };
    if which.client.is_none() && which.user.is_none() {
        let newest = AuditFilter { limit: i64::from(which.limit), ..page };
        return Ok(store.audit(&newest)?.iter().map(line).collect());
    }
    // Storage does not search by client or user: read on, and keep the newest that fit.
    let mut page = AuditFilter { newest: false, ..page };
    let mut found = VecDeque::new();
    loop {
        let rows = store.audit(&page)?;
        let Some(last) = rows.last() else { break };
        page.after = Some((last.segment, last.id));
        for row in rows.iter().filter(|row| concerns(row, which)) {
            found.push_back(line(row));
            if found.len() > limit {
                found.pop_front();
            }
        }
    }
    Ok(found.into())
}

fn concerns(row: &AuditRow, which: &Which) -> bool {
    let same = |wanted: &Option<String>, has: &Option<String>| wanted.is_none() || wanted == has;
    same(&which.client, &row.client_id) && same(&which.user, &row.user_name)
}

/// Values came from outside: control characters are written as escapes, so that none reaches a terminal.
fn text_line(row: &AuditRow) -> String {
    let mut line = format!("{}  {}  {}", date::text(row.at), row.kind, row.outcome);
    for (name, value) in [
        ("reason", Some(&row.reason)),
        ("client", row.client_id.as_ref()),
        ("user", row.user_name.as_ref()),
        ("source", row.source.as_ref()),
        ("request", Some(&row.request_id)),
        ("detail", Some(&row.detail)),
    ] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            let quoted =
                value.contains(|c: char| c.is_whitespace() || c.is_control() || c == '"' || c == '\\');
            let value = if quoted { format!("{value:?}") } else { value.clone() };
            line = line + "  " + name + "=" + &value;
        }
    }
    line
}

fn json_line(row: &AuditRow) -> String {
    json!({
        "at": date::text(row.at),
        "kind": row.kind,
        "outcome": row.outcome,
        "reason": row.reason,
        "client_id": row.client_id,
        "user_name": row.user_name,
        "source": row.source,
        "request_id": row.request_id,
        "detail": row.detail,
    })
    .to_string()
}

fn instant(text: &str) -> Result<Timestamp, String> {
    date::parse(text).ok_or_else(|| "must be an RFC 3339 date-time such as 2026-01-31T00:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenant_file::tests::support::{Installation, tenant_name};

    fn which() -> Which {
        let tenant = tenant_name("t");
        Which { tenant, since: None, until: None, limit: 100, client: None, user: None, json: false }
    }

    fn installation() -> Installation {
        let installation = Installation::new();
        let algs = "[settings]\nsigning_algs = ['ES256']\n";
        installation.apply(
            &format!("name = 't'\nprofile = 'openid'\n{algs}[[users]]\nuser_name = 'a\\u202eb'")
                .replace("'a\\u202eb'", "\"a \\u202E\\\"b\""),
        );
        installation
    }

    #[test]
    fn rows_are_printed_oldest_first_with_escapes() {
        let lines = rows(&installation().setup, &which()).unwrap();
        assert_eq!(lines.len(), 6, "{lines:?}");
        assert!(lines.iter().all(|line| line.starts_with("2026-01-01T00:00:00Z  ")));
        let user = lines.iter().find(|line| line.contains("user_change")).unwrap();
        assert!(user.contains(r#"user="a \u{202e}\"b""#), "{user}");
    }

    #[test]
    fn filters_choose_and_json_holds_the_texts() {
        let installation = installation();
        let setup = &installation.setup;
        let user = Some("a \u{202e}\"b".to_owned());
        let lines = rows(setup, &Which { user: user.clone(), json: true, ..which() }).unwrap();
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!((row["kind"].as_str(), row["user_name"].as_str()), (Some("user_change"), user.as_deref()));
        assert_eq!(rows(setup, &Which { limit: 2, ..which() }).unwrap().len(), 2);
        let nobody = Some("nobody".to_owned());
        assert_eq!(rows(setup, &Which { client: nobody, ..which() }).unwrap(), Vec::<String>::new());
        let later = date::parse("2026-01-02T00:00:00Z");
        assert_eq!(rows(setup, &Which { since: later, ..which() }).unwrap(), Vec::<String>::new());
        assert_eq!(rows(setup, &Which { until: later, ..which() }).unwrap().len(), 6);
    }
}
