//! What PostgreSQL itself can do: `pgbench` inserts what Countersign inserts for a token of a machine.

use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::install::Guard;
use crate::serving::{pinned_to, run};
use crate::{place, proc};

const NAME: &str = "pgbench";

/// As many clients as requests are under way at a time.
pub(crate) const BAR: &str = "pgbench two rows, 32 clients";
/// As many clients as Countersign has committers.
pub(crate) const FEW: &str = "pgbench two rows, 3 clients";
/// With a core of its own for pgbench itself, which the server does not have.
const APART: &str = "pgbench two rows, 32 clients, client on the other core";

/// Batches in one transaction, as Countersign's committers put those that wait together; batches are counted.
pub(crate) const GROUPS: &str = "pgbench two rows, 15 times in a transaction, 3 clients";

/// How many: about as many as Countersign's groups have under full load.
const GROUP: u32 = 15;

/// A token and its audit row. Keys come in order, as ours do: when, who, and zeroes.
const BATCH: &str = "\
\\set turn :turn + 1
\\set until :turn + 3600000
INSERT INTO sessions (tenant_id, locator, digest, client_id, user_id, scopes, issued_at, expires_at, inactivity, \
touched_at, auth_time, family, facts) VALUES (:tenant, int8send(:turn::bigint) || int4send(:client_id::integer), \
'\\x5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a', 'spl-api', NULL, \
'accounts email offline_access openid payments profile', :now, :until, 300000, :now, :now, NULL, \
'{\"policy\":\"AT_SYSLOG\"}');
INSERT INTO audit_log (tenant_id, segment, id, at, kind, outcome, reason, client_id, user_name, source, request_id, \
detail) VALUES (:tenant, 209912, int8send(:turn::bigint) || int4send(:client_id::integer), :now, 'token', 'success', \
'', 'spl-api', NULL, '127.0.0.1', 'AAAAAAAAAAAAAAAAAAAAAA', 'client_credentials client_secret_basic');
";

/// A database with the schema, and the scripts.
pub(crate) struct Pgbench {
    url: String,
    folder: PathBuf,
    tenant: f64,
}

/// What pgbench does.
struct Work {
    clients: u32,
    /// Of pgbench itself.
    core: u32,
    /// Batches in one transaction.
    group: u32,
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
        let folder = context.data.join(NAME);
        for group in [1, GROUP] {
            std::fs::write(script(&folder, group), transaction(group))?;
        }
        let tenant = place::number(&url, "SELECT id FROM tenants WHERE name = 'ONLINEBANK'")?;
        Ok(Some(Self { url, folder, tenant }))
    }

    /// Batches per second, each measured for so many seconds: one in a transaction, with 32 clients and with 3 where the
    /// server would be, and from the load's core; and as many in a transaction as the server's groups have.
    ///
    /// # Errors
    /// When a transaction fails.
    pub(crate) fn rates(&self, seconds: u64) -> Result<Vec<(&'static str, f64)>> {
        [
            (BAR, Work { clients: 32, core: proc::MEASURED, group: 1 }),
            (FEW, Work { clients: 3, core: proc::MEASURED, group: 1 }),
            (APART, Work { clients: 32, core: proc::LOADING, group: 1 }),
            (GROUPS, Work { clients: 3, core: proc::MEASURED, group: GROUP }),
        ]
        .into_iter()
        .map(|(name, work)| Ok((name, self.rate(&work, seconds)?)))
        .collect()
    }

    fn rate(&self, work: &Work, seconds: u64) -> Result<f64> {
        // A key never comes twice: each call begins where none has been.
        let now = crate::clock::wall().millis();
        let program = Path::new("pgbench");
        let mut command = pinned_to(work.core, program);
        command.args(["--no-vacuum", "--protocol=prepared", "--jobs=1"]);
        command.args([format!("--client={}", work.clients), format!("--time={}", seconds.max(1))]);
        for (name, value) in [("tenant", self.tenant.to_string()), ("now", now.to_string())] {
            command.arg(format!("--define={name}={value}"));
        }
        command.arg(format!("--define=turn={}", now.saturating_mul(1_000_000)));
        command.arg("--file").arg(script(&self.folder, work.group)).arg(&self.url);
        let printed = run(command)?;
        let line = printed.lines().find_map(|line| line.strip_prefix("tps = "));
        let rate: Option<f64> =
            line.and_then(|line| line.split(' ').next()).and_then(|rate| rate.parse().ok());
        let rate = rate
            .ok_or_else(|| Failure::new(format!("pgbench printed something else than usual: {printed}")))?;
        Ok(rate * f64::from(work.group))
    }
}

fn script(folder: &Path, group: u32) -> PathBuf {
    folder.join(format!("script-{group}.sql"))
}

/// So many batches in one transaction.
fn transaction(group: u32) -> String {
    let batches: String = (0..group).map(|_| BATCH).collect();
    format!("BEGIN;\n{batches}COMMIT;\n")
}
