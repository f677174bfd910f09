//! A node that is told to stop while its database hangs.

use std::time::Duration;

use super::{Installation, cluster::Cluster, load::Load, proxy::Proxy};
use crate::support::{acme_m2m, http, wait_for};

/// Two seconds, the few that each part may take besides, and what a busy machine may add.
const BOUND: Duration = Duration::from_secs(2 + 4 + 4);

#[test]
fn a_node_that_is_told_to_stop_while_the_network_hangs_stops_and_says_what_it_left_behind() {
    let Some(cluster) = Cluster::start() else { return };
    let proxy = Proxy::to(&cluster.socket());
    let url = format!("postgres://countersign@127.0.0.1:{}/countersign", proxy.port);
    let mut installation = Installation::over_with(&url, &[("COUNTERSIGN__SERVER__SHUTDOWN_TIMEOUT", "2")]);
    let base = installation.node.acme("").trim_end_matches('/').to_owned();
    let load = Load::start(std::slice::from_ref(&base), 6);
    cluster.wait_for("SELECT count(*) > 60 FROM sessions", "t");
    load.stop();
    proxy.stall();
    // Commits and look-ups that never come to an end, over connections that are open.
    let ask = http();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let token = acme_m2m(ask.post(installation.node.acme("token")));
            let token = token.form(&[("grant_type", "client_credentials")]);
            let introspect = acme_m2m(ask.post(installation.node.acme("introspect")));
            let introspect = introspect.form(&[("token", &installation.token)]);
            for request in [token, introspect] {
                scope.spawn(|| drop(request.send()));
            }
        }
        installation.tells_of_the_outage();
        let pid = installation.node.pid().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let ended = wait_for(BOUND, || installation.node.ended());
        assert_eq!(ended.expect("an end").code(), Some(5), "{}", installation.node.stderr());
    });
    installation.wait_for_log("are left behind");
}
