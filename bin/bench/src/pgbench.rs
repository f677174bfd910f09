//! What PostgreSQL itself can do: `pgbench` inserts what Countersign inserts for a token of a machine.

use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::install::Guard;
use crate::serving::{pinned, pinned_to, run};
use crate::{place, proc};

const NAME: &str = "pgbench";

/// As many clients as requests are under way at a time.
pub(crate) const BAR: &str = "pgbench two rows, 32 clients";
/// As many clients as Countersign has committers.
pub(crate) const FEW: &str = "pgbench two rows, 3 clients";
/// With a core of its own for pgbench itself, which the server does not have.
const APART: &str = "pgbench two rows, 32 clients, client on the other core";

/// A token and its audit row in one transaction. Keys come in order, as ours do: when, who, and zeroes.
const SCRIPT: &str = "\
\\set turn :turn + 1
\\set until :turn + 3600000
BEGIN;
INSERT INTO sessions (tenant_id, locator, digest, client_id, user_id, scopes, issued_at, expires_at, inactivity, \
touched_at, auth_time, family, facts) VALUES (:tenant, int8send(:turn::bigint) || int4send(:client_id::integer), \
'\\x5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a', 'spl-api', NULL, \
'accounts email offline_access openid payments profile', :now, :until, 300000, :now, :now, NULL, \
'{\"policy\":\"AT_SYSLOG\"}');
INSERT INTO audit_log (tenant_id, segment, id, at, kind, outcome, reason, client_id, user_name, source, request_id, \
detail) VALUES (:tenant, 209912, int8send(:turn::bigint) || int4send(:client_id::integer), :now, 'token', 'success', \
'', 'spl-api', NULL, '127.0.0.1', 'AAAAAAAAAAAAAAAAAAAAAA', 'client_credentials client_secret_basic');
COMMIT;
";

/// A database with the schema, and the script.
pub(crate) struct Pgbench {
    url: String,
    script: PathBuf,
    tenant: f64,
}

impl Pgbench {
    /// Makes them; nothing unless databases live in PostgreSQL.
    ///
    /// # Errors
    /// When they cannot be made.
    pub(crate) fn prepare(context: &Context) -> Result<Option<Self>> {
        if context.place.postgres().is_none() {
            return Ok(None);
        }
        let (_installation, url) = context.install(NAME, Guard::Down)?;
        let script = context.data.join(NAME).join("script.sql");
        std::fs::write(&script, SCRIPT)?;
        let tenant = place::number(&url, "SELECT id FROM tenants WHERE name = 'ONLINEBANK'")?;
        Ok(Some(Self { url, script, tenant }))
    }

    /// Transactions per second, each measured for so many seconds: with 32 clients and with 3 where the server would
    /// be, and from the load's core.
    ///
    /// # Errors
    /// When a transaction fails.
    pub(crate) fn rates(&self, seconds: u64) -> Result<Vec<(&'static str, f64)>> {
        [(BAR, 32, proc::MEASURED), (FEW, 3, proc::MEASURED), (APART, 32, proc::LOADING)]
            .into_iter()
            .map(|(name, clients, core)| Ok((name, self.rate(clients, core, seconds)?)))
            .collect()
    }

    fn rate(&self, clients: u32, core: u32, seconds: u64) -> Result<f64> {
        // A key never comes twice: each call begins where none has been.
        let now = crate::clock::wall().millis();
        let program = Path::new("pgbench");
        let mut command = if core == proc::MEASURED { pinned(program) } else { pinned_to(core, program) };
        command.args(["--no-vacuum", "--protocol=prepared", "--jobs=1"]);
        command.args([format!("--client={clients}"), format!("--time={}", seconds.max(1))]);
        for (name, value) in [("tenant", self.tenant.to_string()), ("now", now.to_string())] {
            command.arg(format!("--define={name}={value}"));
        }
        command.arg(format!("--define=turn={}", now.saturating_mul(1_000_000)));
        command.arg("--file").arg(&self.script).arg(&self.url);
        let printed = run(command)?;
        let line = printed.lines().find_map(|line| line.strip_prefix("tps = "));
        let rate = line.and_then(|line| line.split(' ').next()).and_then(|rate| rate.parse().ok());
        rate.ok_or_else(|| Failure::new(format!("pgbench printed something else than usual: {printed}")))
    }
}
