//! Statements that hang, because someone else holds what they need.

use super::{BOUND, Installation, cluster::Cluster, load::Load};

#[test]
fn a_lock_that_is_held_for_long_holds_nobody_up_for_long() {
    let Some(cluster) = Cluster::start() else { return };
    let installation = Installation::over(&cluster.url());
    let url = installation.node.acme("").trim_end_matches('/').to_owned();
    let load = Load::start(std::slice::from_ref(&url), 4);
    cluster.wait_for("SELECT count(*) > 20 FROM sessions", "t");
    let mut holder = cluster.session("holder");
    // Whoever gets in a deadlock with it is not the holder.
    holder.send(
        "SET deadlock_timeout = '1min'; BEGIN; LOCK TABLE refresh_families, refresh_tokens, authenticators, \
         source_failures, clients, users, policies, tenants, signing_keys, sessions, audit_log \
         IN ACCESS EXCLUSIVE MODE",
    );
    installation.tells_of_the_outage();
    // Of reads, of commits, or of both: who is refused as a reader does not come as far as a commit.
    installation.wait_for_log("the database does not answer; requests are refused at once");
    installation.refuses_at_once();
    drop(holder);
    installation.recovers();
    let told = load.stop();
    assert!(told.refused > 0 && told.slowest < BOUND, "{} refused, {:?}", told.refused, told.slowest);
    told.is_true_at(&url);
}

#[test]
fn a_lock_on_one_table_leaves_alone_what_does_not_need_it() {
    let Some(cluster) = Cluster::start() else { return };
    let installation = Installation::over(&cluster.url());
    let url = installation.node.acme("").trim_end_matches('/').to_owned();
    let load = Load::start(std::slice::from_ref(&url), 2);
    cluster.wait_for("SELECT count(*) > 20 FROM sessions", "t");
    let mut holder = cluster.session("holder");
    holder.send("BEGIN; LOCK TABLE refresh_families IN ACCESS EXCLUSIVE MODE");
    // A refresh waits for it, longer than a request may; machines get their tokens all the same.
    cluster.wait_for("SELECT count(*) > 0 FROM pg_locks WHERE NOT granted", "t");
    // Sessions come and go, for the clients also revoke; the log only grows.
    let before: u32 = cluster.sql("SELECT count(*) FROM audit_log").parse().unwrap();
    cluster.wait_for(&format!("SELECT count(*) > {} FROM audit_log", before + 2), "t");
    drop(holder);
    installation.recovers();
    let told = load.stop();
    assert!(told.slowest < BOUND, "{:?}", told.slowest);
    told.is_true_at(&url);
}
