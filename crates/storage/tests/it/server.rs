//! What only a server can do: go away and come back.

use domain::Applied;
use domain::port::SessionLookup;

use crate::records::{audit, fresh, insert, locator, seed};
use crate::support::{Fixture, Raw, answer, submit};

fn end_connections(fixture: &Fixture, schema: &str) {
    let base = crate::support::server_url().expect("PostgreSQL");
    let sql = format!(
        "SELECT CAST(pg_terminate_backend(pid, 5000) AS TEXT) AS found FROM pg_stat_activity \
         WHERE pid <> pg_backend_pid() AND application_name = '{schema}'"
    );
    let ended = Raw::open(&base).texts(&sql);
    assert!(
        !ended.is_empty() && ended.iter().all(|ended| ended == "true"),
        "{ended:?} {}",
        fixture.is_server
    );
}

#[test]
fn lost_connections_are_replaced_without_anyone_noticing() {
    let name = format!("lost_{}", std::process::id());
    let Some(fixture) =
        Fixture::bare_postgres(|config| config.url = format!("{}&application_name={name}", config.url))
    else {
        return;
    };
    fixture.database.migrate().expect("migrations");
    let (_, mut store) = fixture.tenant("acme");
    seed(&store);
    for _ in 0..3 {
        let n = fresh();
        assert_eq!(answer(&submit(&store, vec![insert(n), audit()])), Ok(Applied::Committed));
        end_connections(&fixture, &name);
        assert!(store.session(&locator(n)).expect("another connection").is_some());
        fixture.database.ping().expect("another connection");
    }
    end_connections(&fixture, &name);
    // Each committer may have had one that was lost.
    for _ in 0..6 {
        assert_eq!(answer(&submit(&store, vec![insert(fresh()), audit()])), Ok(Applied::Committed));
    }
}
