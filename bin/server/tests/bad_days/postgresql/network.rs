//! The network hangs: nothing is closed, and nothing comes through.

use super::{BOUND, Installation, cluster::Cluster, load::Load, proxy::Proxy};

#[test]
fn a_network_that_hangs_and_comes_back_is_waited_for_by_nobody_for_long() {
    hangs(Proxy::resume);
}

#[test]
fn a_network_that_hangs_and_then_forgets_its_connections_is_left_for_new_ones() {
    hangs(Proxy::cut);
}

fn hangs(end: fn(&Proxy)) {
    let Some(cluster) = Cluster::start() else { return };
    let proxy = Proxy::to(&cluster.socket());
    let installation =
        Installation::over(&format!("postgres://countersign@127.0.0.1:{}/countersign", proxy.port));
    let url = installation.node.acme("").trim_end_matches('/').to_owned();
    let load = Load::start(std::slice::from_ref(&url), 4);
    cluster.wait_for("SELECT count(*) > 40 FROM sessions", "t");
    proxy.stall();
    installation.tells_of_the_outage();
    installation.wait_for_log("the database does not answer");
    installation.refuses_at_once();
    end(&proxy);
    installation.recovers();
    installation.wait_for_log("the database answers again");
    let told = load.stop();
    assert!(told.refused > 0 && told.slowest < BOUND, "{} refused, {:?}", told.refused, told.slowest);
    told.is_true_at(&url);
}
