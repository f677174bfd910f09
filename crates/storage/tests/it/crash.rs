//! What a client has been told survives the process.

use std::process::Command;

use domain::WriteBatch;
use domain::port::SessionLookup;
use storage::{Database, DatabaseConfig};

use crate::records::{audit, insert, locator, seed};
use crate::support::Fixture;

const URL: &str = "COUNTERSIGN_TEST_CRASH_URL";

/// Not a test by itself: the process that the test below starts, and that dies in the moment in which it is told.
#[test]
#[expect(clippy::disallowed_methods, reason = "the parent process says where the database is")]
fn dies_when_it_is_told() {
    let Ok(url) = std::env::var(URL) else { return };
    let database = Database::open(&DatabaseConfig::new(&url)).expect("a database");
    let tenant = database.system().tenants().expect("an answer").first().expect("a tenant").id;
    let writes = vec![insert(1), audit()];
    database.tenant(tenant).submit(WriteBatch { writes }, Box::new(|_| std::process::abort()));
    loop {
        std::thread::park();
    }
}

#[test]
fn what_was_told_survives_the_death_of_the_process() {
    let fixture = Fixture::sqlite();
    let (tenant, store) = fixture.tenant("acme");
    seed(&store);
    let ended = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "crash::dies_when_it_is_told"])
        .env(URL, &fixture.config.url)
        .output()
        .expect("it ran");
    assert!(!ended.status.success(), "it died");
    let mut after = fixture.node().tenant(tenant.id);
    assert!(after.session(&locator(1)).expect("an answer").is_some());
    assert_eq!(fixture.raw().count("audit_log"), 1);
}
