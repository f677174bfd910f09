//! What a client has been told survives the process.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;
use std::time::Duration;

use domain::port::SessionLookup;
use domain::{Applied, WriteBatch};
use storage::{Database, DatabaseConfig};

use crate::records::{audit, insert, locator, seed};
use crate::support::{Fixture, both};

both!(what_was_told_survives_the_death_of_the_process);

const URL: &str = "COUNTERSIGN_TEST_CRASH_URL";
const SIGABRT: i32 = 6;

/// Not a test by itself: the process that the test below starts, and that dies in the moment in which it is told.
#[test]
#[expect(clippy::disallowed_methods, reason = "the parent process says where the database is")]
fn dies_when_it_is_told() {
    let Ok(url) = std::env::var(URL) else { return };
    let mut config = DatabaseConfig::new(&url);
    // A busy machine's disk is slow.
    config.commit_timeout = Duration::from_mins(1);
    let database = Database::open(&config).expect("a database");
    let tenant = database.system().tenants().expect("an answer").first().expect("a tenant").id;
    let writes = vec![insert(1), audit()];
    let told = |outcome| match outcome {
        // No destructor runs, and nobody says goodbye to a server.
        Ok(Applied::Committed) => std::process::abort(),
        Ok(Applied::Conflict) | Err(_) => std::process::exit(2),
    };
    database.tenant(tenant).submit(WriteBatch { writes }, Box::new(told));
    loop {
        std::thread::park();
    }
}

fn what_was_told_survives_the_death_of_the_process(fixture: &Fixture) {
    let (tenant, store) = fixture.tenant("acme");
    seed(&store);
    let ended = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "crash::dies_when_it_is_told"])
        .env(URL, &fixture.config.url)
        .output()
        .expect("it ran");
    assert_eq!(ended.status.signal(), Some(SIGABRT), "{ended:?}");
    let mut after = fixture.node().tenant(tenant.id);
    assert!(after.session(&locator(1)).expect("an answer").is_some());
    assert_eq!(fixture.raw().count("audit_log"), 1);
}
