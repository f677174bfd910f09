//! What an administrator changed is obeyed within 2 s (DECISIONS 5.7), also by a node that cannot ask what that is.

use std::time::{Duration, Instant};

use super::{BOUND, Installation, cluster::Cluster};
use crate::support::{Ask as _, Said, acme_m2m, http, wait_for};

/// Within which a change is obeyed, and what a busy machine may add.
const OBEYED: Duration = Duration::from_secs(2 + 1);

/// As an administrator does it.
fn enable(enabled: bool) -> String {
    format!(
        "UPDATE clients SET doc = jsonb_set(doc::jsonb, '{{enabled}}', '{enabled}') WHERE client_id = 'acme-m2m'; \
         UPDATE tenants SET revision = revision + 1"
    )
}

impl Installation {
    fn machine(&self) -> Said {
        acme_m2m(http().post(self.node.acme("token"))).form(&[("grant_type", "client_credentials")]).said()
    }

    /// From `begun` on the node does not serve a client that is disabled: it answers `status`.
    #[track_caller]
    fn obeys(&self, begun: Instant, status: u16) {
        let refused = || {
            let asked = Instant::now();
            let said = self.machine();
            let late = said.status == 200 && asked.duration_since(begun) > OBEYED;
            (late || said.status == status).then_some(said)
        };
        let said = wait_for(OBEYED + BOUND, refused).expect("it still serves the client");
        assert_eq!(said.status, status, "{}", said.text);
    }
}

/// Commits go on while nobody can read the tenants: a node that cannot hear of a change does not go on as before.
#[test]
fn a_node_that_cannot_read_the_revisions_trusts_what_it_remembers_no_longer() {
    let Some(cluster) = Cluster::start() else { return };
    let installation = Installation::over(&cluster.url());
    assert_eq!(installation.machine().status, 200);
    // With the very change, so that no look falls between: who reads the tenants from now on waits.
    cluster.sql(&format!(
        "BEGIN; {}; ALTER TABLE tenants RENAME TO away; \
         CREATE VIEW tenants AS SELECT away.* FROM away, pg_sleep(60); COMMIT",
        enable(false)
    ));
    let begun = Instant::now();
    installation.obeys(begun, 503);
    assert_eq!(http().get(installation.node.acme("jwks")).said().status, 200, "from memory");
    installation.wait_for_log("it is not known what other nodes change");
    cluster.sql("BEGIN; DROP VIEW tenants; ALTER TABLE away RENAME TO tenants; COMMIT");
    let refused = || (installation.machine().error() == (401, "invalid_client".into())).then_some(());
    wait_for(BOUND + OBEYED, refused).expect("the client is disabled");
    installation.wait_for_log("it is known again what other nodes change");
    cluster.sql(&format!("BEGIN; {}; COMMIT", enable(true)));
    let served = || (installation.machine().status == 200).then_some(());
    wait_for(OBEYED, served).expect("the client is enabled");
}
