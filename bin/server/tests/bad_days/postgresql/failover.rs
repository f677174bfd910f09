//! Another server takes over (docs/bad-days.md has the recipe).

use std::time::Instant;

use super::{
    AT_ONCE, BOUND, Installation,
    cluster::{Cluster, sql_at},
    load::Load,
    proxy::Proxy,
};
use crate::support::{Ask as _, acme_m2m, http};

/// Of a node whose pool has one: that one, three committers, and who looks for changes.
const CONNECTIONS: usize = 5;

/// A standby that each commit waits for.
fn synchronous_standby(primary: &Cluster) -> Cluster {
    let standby = primary.standby();
    primary.sql("ALTER SYSTEM SET synchronous_standby_names = '*'");
    primary.sql("SELECT pg_reload_conf()");
    primary.wait_for("SELECT sync_state FROM pg_stat_replication", "sync");
    standby
}

/// Two servers, both in the URL. Each commit is on both before anyone is told.
#[test]
fn nothing_that_was_told_is_lost_when_the_standby_takes_over() {
    let Some(primary) = Cluster::start() else { return };
    let standby = synchronous_standby(&primary);
    primary.sql("ALTER SYSTEM SET synchronous_commit = 'remote_apply'");
    primary.sql("SELECT pg_reload_conf()");
    let (one, two) = (Proxy::to(&primary.socket()), Proxy::to(&standby.socket()));
    let url = format!(
        "postgresql://countersign@127.0.0.1:{},127.0.0.1:{}/countersign?target_session_attrs=read-write",
        one.port, two.port
    );
    // A pool that does not grow when there is more to read.
    let installation = Installation::over_with(&url, &[("COUNTERSIGN__DATABASE__MAX_CONNECTIONS", "1")]);
    let url = installation.node.acme("").trim_end_matches('/').to_owned();
    let load = Load::start(std::slice::from_ref(&url), 4);
    primary.wait_for("SELECT count(*) > 40 FROM sessions", "t");
    // Stricter than what the server would ask for by itself, and left so.
    let stricter = "SELECT count(*) > 0 FROM pg_stat_replication WHERE replay_lsn >= flush_lsn";
    primary.wait_for(stricter, "t");
    primary.stop("immediate");
    one.close();
    installation.tells_of_the_outage();
    installation.refuses_at_once();
    standby.promote();
    installation.recovers();
    // Everything that it opens is open there by now; committers connect when they first have something to do.
    let connected = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' \
                     AND pid <> pg_backend_pid()";
    standby.wait_for(connected, &CONNECTIONS.to_string());
    let told = load.stop();
    assert!(told.refused > 0 && told.slowest < BOUND, "{} refused, {:?}", told.refused, told.slowest);
    told.is_true_at(&url);
    // The old one comes back as it was, though nobody should let it. Whoever is connected stays with the new one, and it is
    // not written to; a connection that were opened now would find it, for it comes first in the URL.
    primary.start_again(&[]);
    primary.sql("ALTER SYSTEM RESET synchronous_standby_names");
    primary.sql("SELECT pg_reload_conf()");
    primary.wait_for("SHOW synchronous_standby_names", "");
    one.open_again();
    let old = format!("postgresql://countersign@127.0.0.1:{}/countersign", one.port);
    assert_eq!(sql_at(&old, "SHOW transaction_read_only"), "off", "it would take writes");
    let count = "SELECT count(*) FROM sessions";
    let (left, before) = (primary.sql(count), standby.sql(count));
    let load = Load::start(std::slice::from_ref(&url), 4);
    standby.wait_for(&format!("SELECT count(*) > {before} + 40 FROM sessions"), "t");
    installation.recovers();
    let told = load.stop();
    assert_eq!(told.refused, 0);
    told.is_true_at(&url);
    primary.wait_for(connected, "0");
    assert_eq!(primary.sql(count), left, "not written to");
}

/// A primary that turns into a standby under us closes nothing, but refuses to write.
#[test]
fn a_server_that_becomes_read_only_is_left_for_one_that_is_not() {
    let Some(primary) = Cluster::start() else { return };
    let standby = primary.standby();
    let installation = Installation::over(&format!(
        "postgresql:///countersign?host={},{}&user=countersign&target_session_attrs=read-write",
        primary.socket_dir(),
        standby.socket_dir()
    ));
    let url = installation.node.acme("").trim_end_matches('/').to_owned();
    let load = Load::start(std::slice::from_ref(&url), 2);
    primary.wait_for("SELECT count(*) > 20 FROM sessions", "t");
    // What has been written is there before it is promoted; after this nothing more is.
    primary.sql("ALTER SYSTEM SET default_transaction_read_only = on");
    primary.sql("SELECT pg_reload_conf()");
    installation.tells_of_the_outage();
    let written = primary.sql("SELECT pg_current_wal_lsn()");
    standby.wait_for(&format!("SELECT pg_last_wal_replay_lsn() >= '{written}'"), "t");
    standby.promote();
    installation.recovers();
    let told = load.stop();
    assert!(told.refused > 0 && told.slowest < BOUND, "{} refused, {:?}", told.refused, told.slowest);
    told.is_true_at(&url);
}

/// The primary lives and reads, but no commit returns: nobody is told of one.
#[test]
fn while_the_only_synchronous_standby_is_away_nothing_is_told_that_it_does_not_have() {
    let Some(primary) = Cluster::start() else { return };
    let standby = synchronous_standby(&primary);
    let installation = Installation::over(&primary.url());
    let url = installation.node.acme("").trim_end_matches('/').to_owned();
    let load = Load::start(std::slice::from_ref(&url), 4);
    primary.wait_for("SELECT count(*) > 40 FROM sessions", "t");
    standby.stop("immediate");
    let told = installation.wait_until_ready_is(503, BOUND);
    assert!(told.contains("not ready: the database") && told.contains("docs/bad-days.md"), "{told}");
    installation.wait_for_log("the database does not answer");
    let log = installation.node.stderr();
    let line = log.lines().find(|line| line.contains("the database does not answer")).unwrap();
    assert!(line.contains("commits"), "{line}");
    installation.writes_wait_and_reads_do_not();
    standby.start_again(&[]);
    // It is back when it follows again.
    primary.wait_for("SELECT sync_state FROM pg_stat_replication", "sync");
    installation.recovers();
    installation.wait_for_log("the database answers again");
    let told = load.stop();
    assert!(told.refused > 0 && told.slowest < BOUND, "{} refused, {:?}", told.refused, told.slowest);
    told.is_true_at(&url);
}

impl Installation {
    /// What writes is 503, nearly always at once; what reads is answered.
    #[track_caller]
    fn writes_wait_and_reads_do_not(&self) {
        let ask = http();
        let mut waited = 0;
        for _ in 0..10 {
            let begun = Instant::now();
            let said =
                acme_m2m(ask.post(self.node.acme("token"))).form(&[("grant_type", "client_credentials")]);
            let said = said.said();
            assert_eq!(said.error(), (503, "temporarily_unavailable".into()), "{}", said.text);
            assert_eq!(said.header("retry-after"), "1");
            assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
            waited += usize::from(begun.elapsed() >= AT_ONCE);
            let begun = Instant::now();
            let said =
                acme_m2m(ask.post(self.node.acme("introspect"))).form(&[("token", &self.token)]).said();
            assert_eq!(said.status, 200, "{}", said.text);
            assert_eq!(said.json()["active"], true);
            assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
        }
        assert!(waited <= 4, "{waited} of 10 waited");
    }
}
