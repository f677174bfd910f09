//! PostgreSQL stops, starts again, and ends connections.

use std::time::{Duration, Instant};

use super::{BOUND, Installation, cluster::Cluster, load::Load};
use crate::support::wait_for;

#[test]
fn a_server_that_is_stopped_is_told_at_once_and_used_again_when_it_is_back() {
    stops("fast");
}

#[test]
fn a_server_that_crashes_loses_nothing_that_was_told() {
    stops("immediate");
}

fn stops(mode: &str) {
    let Some(cluster) = Cluster::start() else { return };
    let installation = Installation::over(&cluster.url());
    let url = installation.node.acme("").trim_end_matches('/').to_owned();
    let load = Load::start(std::slice::from_ref(&url), 4);
    let busy = "SELECT count(*) > 40 FROM sessions";
    cluster.wait_for(busy, "t");
    cluster.stop(mode);
    installation.tells_of_the_outage();
    installation.refuses_at_once();
    installation.wait_for_log("the database cannot be reached");
    cluster.start_again(&[]);
    installation.recovers();
    installation.wait_for_log("the database can be reached again");
    let told = load.stop();
    assert!(told.refused > 0 && told.slowest < BOUND, "{} refused, {:?}", told.refused, told.slowest);
    told.is_true_at(&url);
}

#[test]
fn connections_that_are_ended_one_by_one_cost_a_503_at_most() {
    let Some(cluster) = Cluster::start() else { return };
    let installation = Installation::over(&cluster.url());
    let url = installation.node.acme("").trim_end_matches('/').to_owned();
    let load = Load::start(std::slice::from_ref(&url), 4);
    cluster.wait_for("SELECT count(*) > 40 FROM sessions", "t");
    let mut ended = 0;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(3) {
        // The one that was used last: it may be in the middle of something.
        let one = cluster.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'countersign' \
             ORDER BY state_change DESC LIMIT 1",
        );
        ended += usize::from(one == "t");
    }
    assert!(ended > 10, "{ended} connections were ended");
    installation.recovers();
    let told = load.stop();
    println!("{ended} ended: {} good, {} refused, {:?}", told.good, told.refused, told.slowest);
    assert!(told.slowest < BOUND, "{:?}", told.slowest);
    assert!(told.good > told.refused, "{} good, {} refused", told.good, told.refused);
    told.is_true_at(&url);
}

#[test]
fn a_node_that_is_told_to_stop_while_its_database_is_away_stops() {
    let Some(cluster) = Cluster::start() else { return };
    let mut installation = Installation::over(&cluster.url());
    cluster.stop("immediate");
    installation.tells_of_the_outage();
    let pid = installation.node.pid().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let ended = wait_for(Duration::from_secs(15), || installation.node.ended());
    assert_eq!(ended.expect("an end").code(), Some(0));
}
