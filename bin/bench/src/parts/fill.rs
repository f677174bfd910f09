//! Many tokens in a database, through `storage` alone: real rows, faster than over HTTP, and of any age.

use std::collections::VecDeque;

use domain::{TenantName, Timestamp, Ttl, Write, WriteBatch};
use storage::{Database, DatabaseConfig};

use super::commits::commit;
use super::records::{LIFETIME, Records};
use crate::clock;
use crate::failure::{Failure, Result};

/// Batches under way at a time: as many as one commit takes.
const WAITERS: u64 = 256;
/// Batches that each waiter submits in turn; they are made beforehand.
const EACH: u64 = 16;

/// Which rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Rows {
    /// The tokens, which are sessions.
    Sessions,
    /// Their audit rows.
    Audit,
}

/// How many rows, of which kind and age.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The URL of an installation's database with the tenant ONLINEBANK.
    #[arg(long)]
    database: String,
    /// Which rows.
    #[arg(long, value_enum)]
    rows: Rows,
    /// How many.
    #[arg(long)]
    tokens: u64,
    /// When the last of the tokens expires: in how many milliseconds from now, or how many ago if negative.
    #[arg(long, allow_hyphen_values = true)]
    expire_in_ms: i64,
    /// For how many tokens of each millisecond there are rows.
    #[arg(long, default_value_t = 10)]
    per_milli: i64,
}

/// Writes them.
///
/// # Errors
/// When the database refuses.
pub(crate) fn run(args: &Args) -> Result<()> {
    let database = Database::open(&DatabaseConfig::new(&args.database))?;
    let name = TenantName::parse("ONLINEBANK").ok_or_else(|| Failure::new("a name is malformed"))?;
    let tenant = database.system().tenant_named(&name)?;
    let tenant = tenant.ok_or_else(|| Failure::new("there is no tenant ONLINEBANK"))?;
    let tokens = i64::try_from(args.tokens)?;
    let spread = tokens.checked_div(args.per_milli).ok_or_else(|| Failure::new("at least one per ms"))?;
    let age = LIFETIME.millis().saturating_sub(args.expire_in_ms).saturating_add(spread);
    let start = Timestamp::from_millis(clock::wall().millis().saturating_sub(age));
    let records = Records::of(database.tenant(tenant.id), start, args.per_milli)?;
    let mut left = args.tokens;
    while left > 0 {
        let some = left.min(WAITERS * EACH);
        let mut queues: Vec<VecDeque<WriteBatch>> = vec![VecDeque::new(); usize::try_from(WAITERS)?];
        for (_, queue) in (0..some).zip((0..queues.len()).cycle()) {
            let write = match args.rows {
                Rows::Sessions => Write::InsertSession(Box::new(records.session(None, false)?)),
                Rows::Audit => records.audit()?,
            };
            if let Some(queue) = queues.get_mut(queue) {
                queue.push_back(WriteBatch { writes: vec![write] });
            }
        }
        commit(&records.store, queues)?;
        left = left.saturating_sub(some);
    }
    // Beside a server: without a shut-down, nobody waits for it.
    drop(database);
    Ok(())
}

/// Longer ago than the audit log reaches: fifteen months, milliseconds.
pub(crate) const LONG_AGO: i64 = Ttl::from_days(460).millis();
