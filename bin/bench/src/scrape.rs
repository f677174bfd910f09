//! What the server says of itself: statements and commits, from its metrics.

use crate::failure::{Failure, Result};
use crate::load;
use crate::load::connection::request;
use crate::serving::Server;

/// Cumulative numbers at one moment.
#[derive(Clone, Copy, Default)]
pub(crate) struct Numbers {
    reads: f64,
    rows: f64,
    batches: f64,
    commits: f64,
}

/// What a request took, on average.
#[derive(Clone, Copy, Default)]
pub(crate) struct PerRequest {
    /// Statements read.
    pub(crate) reads: f64,
    /// Statements that write a row.
    pub(crate) rows: f64,
    /// Batches committed.
    pub(crate) batches: f64,
    /// Batches in one commit; zero when nothing was committed.
    pub(crate) group: f64,
}

/// Reads the metrics; of the requests only those to `route`.
///
/// # Errors
/// When the management listener does not answer.
pub(crate) fn numbers(server: &Server, route: &str) -> Result<Numbers> {
    let body = load::once(server.management, &request("GET /metrics", None, None))?;
    let text = String::from_utf8_lossy(&body);
    let reads = format!("countersign_sql_statements_per_request_sum{{kind=\"read\",route=\"{route}\"}}");
    let storage = |what| value(&text, &format!("countersign_storage{{what=\"{what}\"}}"));
    Ok(Numbers {
        // A route that nobody has asked for yet is not listed.
        reads: value(&text, &reads).unwrap_or_default(),
        rows: storage("writes")?,
        batches: storage("batches")?,
        commits: storage("commits")?,
    })
}

/// Rows that expiry has removed since the server was started.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Expired {
    /// Sessions.
    pub(crate) sessions: f64,
    /// Audit rows.
    pub(crate) audit: f64,
}

/// Reads the metrics of expiry.
///
/// # Errors
/// When the management listener does not answer.
pub(crate) fn expired(server: &Server) -> Result<Expired> {
    let body = load::once(server.management, &request("GET /metrics", None, None))?;
    let text = String::from_utf8_lossy(&body);
    // A table of which nothing has expired yet may not be listed.
    let rows = |table| {
        value(&text, &format!("countersign_expired_rows_total{{table=\"{table}\"}}")).unwrap_or_default()
    };
    Ok(Expired { sessions: rows("sessions"), audit: rows("audit_log") })
}

fn value(text: &str, name: &str) -> Result<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    Ok(line.ok_or_else(|| Failure::new(format!("the metrics lack {name}")))?.trim().parse()?)
}

impl Numbers {
    /// What `requests` between `before` and now took.
    pub(crate) fn since(&self, before: &Self, requests: f64) -> PerRequest {
        let share = |now: f64, then: f64| (now - then) / requests.max(1.0);
        let commits = self.commits - before.commits;
        PerRequest {
            reads: share(self.reads, before.reads),
            rows: share(self.rows, before.rows),
            batches: share(self.batches, before.batches),
            group: if commits > 0.0 { (self.batches - before.batches) / commits } else { 0.0 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_value_by_its_whole_name() {
        let text = "a{x=\"1\"} 3\na{x=\"2\"} 4.5\n";
        assert!((value(text, "a{x=\"2\"}").unwrap() - 4.5).abs() < 1e-9);
        assert!(value(text, "b").is_err());
    }
}
