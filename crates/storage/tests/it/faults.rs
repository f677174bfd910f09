//! When the database cannot: a precise fault, never a false success, and it goes on afterwards.

use std::time::Duration;

use domain::port::SessionLookup;
use domain::{Applied, Fault};

use crate::records::{audit, fresh, insert, locator, seed};
use crate::support::{Fixture, answer, both, hold_up, submit};

both!(
    a_lock_held_too_long_is_a_fault_and_passes,
    a_failing_statement_fails_its_batch_alone,
    a_failed_commit_fails_every_batch_in_it,
    a_ping_fails_while_nothing_can_be_committed,
    what_waits_too_long_is_withdrawn_and_never_done,
);

fn impatient(config: &mut storage::DatabaseConfig) {
    config.statement_timeout = Duration::from_millis(200);
    config.commit_timeout = Duration::from_millis(200);
}

fn a_lock_held_too_long_is_a_fault_and_passes(fixture: &Fixture) {
    let fixture = fixture.like(impatient);
    let (_, store) = fixture.tenant("acme");
    seed(&store);
    let mut raw = fixture.raw();
    let (lock, words) = if fixture.is_server {
        ("BEGIN; LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE", "canceling statement due to")
    } else {
        ("BEGIN IMMEDIATE", "the commit queue is busy")
    };
    raw.run(lock).expect("the lock");
    let n = fresh();
    let fault = answer(&submit(&store, vec![insert(n)])).expect_err("the lock holds");
    assert!(fault.contains(words), "{fault}");
    raw.run("ROLLBACK").expect("the lock goes");
    assert!(store.clone().session(&locator(n)).expect("an answer").is_none());
    assert_eq!(answer(&submit(&store, vec![insert(n)])), Ok(Applied::Committed));
}

fn a_ping_fails_while_nothing_can_be_committed(fixture: &Fixture) {
    let fixture = fixture.like(impatient);
    let (_, store) = fixture.tenant("acme");
    seed(&store);
    let mut raw = fixture.raw();
    let lock = if fixture.is_server {
        "BEGIN; LOCK TABLE sessions, numbers IN SHARE MODE"
    } else {
        "BEGIN IMMEDIATE"
    };
    raw.run(lock).expect("the lock");
    fixture.database.ping().expect("it answers, and nobody has failed to write");
    answer(&submit(&store, vec![insert(fresh())])).expect_err("the lock holds");
    for _ in 0..2 {
        let fault = fixture.database.ping().expect_err("nothing can be committed");
        assert!(fixture.is_server || fault.to_string().contains("another process holds its lock"), "{fault}");
        assert!(!fixture.database.takes_writes());
    }
    raw.run("ROLLBACK").expect("the lock goes");
    fixture.database.ping().expect("it recovers by itself");
    let writes = fixture.database.counters().writes;
    fixture.database.ping().expect("it is well");
    assert_eq!(fixture.database.counters().writes, writes, "a ping of what is well writes nothing");
}

/// Makes any row of the audit log whose detail is `bad` fail, at once or at COMMIT.
fn break_the_log(fixture: &Fixture, at_commit: bool) {
    let sql = match (fixture.is_server, at_commit) {
        (true, at_commit) => {
            let kind = if at_commit {
                "CREATE CONSTRAINT TRIGGER broken AFTER INSERT ON audit_log DEFERRABLE INITIALLY DEFERRED"
            } else {
                "CREATE TRIGGER broken BEFORE INSERT ON audit_log"
            };
            format!(
                "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                 IF NEW.detail = 'bad' THEN RAISE EXCEPTION 'the disk is on fire'; END IF; RETURN NEW; END $$; \
                 {kind} FOR EACH ROW EXECUTE FUNCTION broken()"
            )
        }
        (false, false) => "CREATE TRIGGER broken BEFORE INSERT ON audit_log WHEN NEW.detail = 'bad' \
                           BEGIN SELECT RAISE(ABORT, 'the disk is on fire'); END"
            .to_owned(),
        (false, true) => {
            "CREATE TABLE lost (id INTEGER REFERENCES tenants (id) DEFERRABLE INITIALLY DEFERRED); \
                          CREATE TRIGGER broken BEFORE INSERT ON audit_log WHEN NEW.detail = 'bad' \
                          BEGIN INSERT INTO lost VALUES (-1); END"
                .to_owned()
        }
    };
    fixture.raw().run(&sql).expect("the trigger");
}

fn bad() -> domain::Write {
    match audit() {
        domain::Write::Audit(mut event) => {
            "bad".clone_into(&mut event.detail);
            domain::Write::Audit(event)
        }
        other => other,
    }
}

fn a_failing_statement_fails_its_batch_alone(fixture: &Fixture) {
    let (_, store) = fixture.tenant("acme");
    seed(&store);
    break_the_log(fixture, false);
    let held = hold_up(fixture, &store);
    let [a, b, c] = [fresh(), fresh(), fresh()];
    let told = [
        submit(&store, vec![insert(a), audit()]),
        submit(&store, vec![insert(b), bad()]),
        submit(&store, vec![insert(c), audit()]),
    ];
    drop(held);
    let [one, two, three] = told.map(|told| answer(&told));
    assert_eq!([one, three], [Ok(Applied::Committed), Ok(Applied::Committed)]);
    assert_eq!(two, Err("storage failed: insert on audit_log: the disk is on fire".to_owned()));
    let there = [a, b, c].map(|n| store.clone().session(&locator(n)).expect("an answer").is_some());
    assert_eq!(there, [true, false, true]);
}

fn a_failed_commit_fails_every_batch_in_it(fixture: &Fixture) {
    let (_, store) = fixture.tenant("acme");
    seed(&store);
    break_the_log(fixture, true);
    let held = hold_up(fixture, &store);
    let [a, b] = [fresh(), fresh()];
    let told = [submit(&store, vec![insert(a)]), submit(&store, vec![insert(b), bad()])];
    drop(held);
    for told in told {
        let fault = answer(&told).expect_err("the commit fails");
        assert!(fault.starts_with("storage failed: commit on transaction: "), "{fault}");
    }
    assert_eq!(fixture.raw().count("sessions"), 0);
    assert_eq!(answer(&submit(&store, vec![insert(a)])), Ok(Applied::Committed), "the committer goes on");
}

fn what_waits_too_long_is_withdrawn_and_never_done(fixture: &Fixture) {
    let fixture = fixture.like(|config| config.commit_timeout = Duration::from_millis(300));
    let (_, store) = fixture.tenant("acme");
    seed(&store);
    let held = hold_up(&fixture, &store);
    let [a, b] = [fresh(), fresh()];
    // The committer does not move: somebody else has to say so.
    let told = [submit(&store, vec![insert(a)]), submit(&store, vec![insert(b), audit()])];
    for told in told {
        assert_eq!(answer(&told), Err("the commit queue is busy".to_owned()));
    }
    assert_eq!(fixture.database.counters().queue_length, 0);
    drop(held);
    let c = fresh();
    assert_eq!(answer(&submit(&store, vec![insert(c)])), Ok(Applied::Committed));
    let there = [a, b, c].map(|n| store.clone().session(&locator(n)).expect("an answer").is_some());
    assert_eq!(there, [false, false, true]);
}

#[test]
fn a_batch_waits_for_a_lock_that_is_let_go_in_time() {
    let fixture = Fixture::sqlite();
    let (_, store) = fixture.tenant("acme");
    seed(&store);
    let mut raw = fixture.raw();
    raw.run("BEGIN IMMEDIATE").expect("the lock");
    let told: Vec<_> = (0..5).map(|_| submit(&store, vec![insert(fresh())])).collect();
    // The committer has asked for the lock and not had it several times.
    assert!(told[0].recv_timeout(Duration::from_millis(350)).is_err());
    assert!(fixture.database.takes_writes(), "a moment is nothing");
    raw.run("ROLLBACK").expect("the lock goes");
    assert!(told.iter().all(|told| answer(told) == Ok(Applied::Committed)));
}

#[test]
fn a_file_that_is_replaced_or_deleted_takes_no_more_writes_and_gets_them_when_it_is_back() {
    let fixture = Fixture::sqlite();
    let (_, store) = fixture.tenant("acme");
    seed(&store);
    let [file, away] = ["db", "away"].map(|name| fixture.file().with_file_name(name));
    for replace in [false, true] {
        let [before, lost, after] = [fresh(), fresh(), fresh()];
        assert_eq!(answer(&submit(&store, vec![insert(before)])), Ok(Applied::Committed));
        std::fs::rename(&file, &away).expect("it goes");
        if replace {
            std::fs::copy(&away, &file).expect("another one");
        }
        let wanted = if replace { "was replaced" } else { "was deleted or moved" };
        for _ in 0..2 {
            let fault = answer(&submit(&store, vec![insert(lost)])).expect_err("it would be lost");
            assert!(fault.contains(wanted), "{fault}");
        }
        let fault = fixture.database.ping().expect_err("it is not there").to_string();
        assert!(fault.contains(wanted) && !fixture.database.takes_writes(), "{fault}");
        assert!(store.clone().session(&locator(before)).expect("an answer").is_some());
        std::fs::rename(&away, &file).expect("it comes back");
        fixture.database.ping().expect("all is well");
        assert_eq!(answer(&submit(&store, vec![insert(after)])), Ok(Applied::Committed));
    }
}

#[test]
fn a_file_that_was_cut_to_nothing_beside_its_log_is_left_alone() {
    let fixture = Fixture::sqlite();
    let (_, store) = fixture.tenant("acme");
    seed(&store);
    let file = fixture.file();
    let [other, log] = ["other", "other-wal"].map(|name| file.with_file_name(name));
    std::fs::write(&other, "").expect("a file");
    std::fs::copy(file.with_file_name("db-wal"), &log).expect("its log");
    let mut config = fixture.config.clone();
    config.url = config.url.replace("/db", "/other");
    for open in [storage::Database::open, storage::Database::create] {
        let error = open(&config).expect_err("a refusal").to_string();
        assert!(error.contains("is empty") && error.contains("restore"), "{error}");
    }
    assert!(log.metadata().expect("the log").len() > 0);
}

#[test]
fn a_database_file_that_is_no_database_is_a_fault() {
    let fixture = Fixture::sqlite();
    let (tenant, _) = fixture.tenant("acme");
    let file = fixture.file();
    std::fs::write(file.with_file_name("other"), "This is not a database, and long enough to be sure of it.")
        .expect("a file");
    let mut config = fixture.config.clone();
    config.url = config.url.replace("/db", "/other");
    let error = storage::Database::open(&config).expect_err("a refusal").to_string();
    assert!(error.contains("file is not a database"), "{error}");
    assert!(fixture.database.tenant(tenant.id).keys().is_ok());
}

#[test]
fn without_a_schema_lookups_are_faults_that_name_the_table() {
    let fixture = Fixture::bare_sqlite(|_| ());
    let fault = fixture.database.system().tenants().expect_err("no table");
    assert!(matches!(fault, Fault::Storage { table: "tenants", operation: "select", .. }), "{fault}");
    assert!(fault.to_string().contains("no such table"), "{fault}");
}
