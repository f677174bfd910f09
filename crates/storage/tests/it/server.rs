//! What only a server can do: go away and come back.

use domain::Applied;
use domain::port::SessionLookup;

use crate::records::{CLIENT, audit, fresh, insert, locator, seed};
use crate::support::{Fixture, Raw, answer, hold_up, submit};

/// Waits until so many connections wait for what `raw` has locked.
fn wait_for_waiters(raw: &mut Raw, wanted: usize) {
    let sql = "SELECT CAST(count(DISTINCT pid) AS TEXT) AS found, pg_sleep(0.01) FROM pg_locks \
               WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))";
    let mut found = 0;
    for _ in 0..1000 {
        found = raw.texts(sql)[0].parse().expect("a number");
        if found >= wanted {
            return;
        }
    }
    panic!("{found} wait");
}

/// Two seconds of silence are told of; a third of the committers that hangs is no silence, whether or not anybody else
/// commits.
#[test]
fn one_connection_that_hangs_is_told_from_all_by_a_ping() {
    let Some(fixture) = Fixture::bare_postgres(|config| {
        config.statement_timeout = std::time::Duration::from_mins(1);
    }) else {
        return;
    };
    fixture.database.migrate().expect("migrations");
    let (_, store) = fixture.tenant("acme");
    seed(&store);
    let mut raw = fixture.raw();
    raw.run(
        "CREATE FUNCTION hang() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(8); RETURN NEW; END $$; \
         CREATE TRIGGER hang BEFORE INSERT ON refresh_families FOR EACH ROW EXECUTE FUNCTION hang()",
    )
    .expect("a trigger");
    let hangs = submit(&store, vec![crate::records::family(fresh(), fresh(), crate::records::later(60))]);
    for _ in 0..50 {
        fixture.database.ping().expect("two of three work");
        raw.run("SELECT pg_sleep(0.1)").expect("a pause");
    }
    assert!(hangs.try_recv().is_err(), "it still hangs");
    assert_eq!(answer(&submit(&store, vec![insert(fresh())])), Ok(Applied::Committed));
    assert_eq!(answer(&hangs), Ok(Applied::Committed));
}

#[test]
fn revisions_are_read_while_every_connection_of_the_pool_waits() {
    let Some(fixture) = Fixture::bare_postgres(|config| config.max_connections = 1) else { return };
    fixture.database.migrate().expect("migrations");
    let (tenant, store) = fixture.tenant("acme");
    seed(&store);
    let mut raw = fixture.raw();
    raw.run("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE").expect("the lock");
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| store.users(None, 1));
        wait_for_waiters(&mut raw, 1);
        let revisions = fixture.database.revision_reader().read();
        assert_eq!(revisions.expect("a connection of its own"), [(tenant.id, tenant.name.clone(), 2)]);
        raw.run("ROLLBACK").expect("the lock goes");
        assert_eq!(waits.join().expect("no panic").expect("users").len(), 1);
    });
}

#[test]
fn inserts_go_on_while_what_waits_for_a_row_has_all_other_committers() {
    let Some(fixture) = Fixture::bare_postgres(|config| {
        config.commit_timeout = std::time::Duration::from_secs(1);
    }) else {
        return;
    };
    fixture.database.migrate().expect("migrations");
    let (_, store) = fixture.tenant("acme");
    seed(&store);
    let families: Vec<_> = (0..16).map(|_| (fresh(), fresh())).collect();
    for (name, token) in &families {
        let made = vec![crate::records::family(*name, *token, crate::records::later(86_400))];
        assert_eq!(answer(&submit(&store, made)), Ok(Applied::Committed));
    }
    let mut raw = fixture.raw();
    raw.run("BEGIN; SELECT 1 FROM refresh_families FOR UPDATE").expect("the lock");
    let refreshes: Vec<_> = families
        .iter()
        .map(|(name, token)| submit(&store, vec![crate::records::rotate(*name, *token, fresh())]))
        .collect();
    wait_for_waiters(&mut raw, 2);
    for round in 0..40 {
        assert_eq!(
            answer(&submit(&store, vec![insert(fresh()), audit()])),
            Ok(Applied::Committed),
            "{round}"
        );
    }
    // None of the refreshes has been told yet, or all that was told is that it could not be.
    let told = refreshes.iter().filter_map(|told| told.try_recv().ok());
    assert!(told.into_iter().all(|told| told.is_err()));
    raw.run("ROLLBACK").expect("the lock goes");
}

/// Who deletes a client, which may take long, holds up those who give it tokens; not those who commit beside them.
#[test]
fn who_waits_in_vain_for_a_row_fails_alone() {
    let Some(fixture) = Fixture::bare_postgres(|_| {}) else { return };
    fixture.database.migrate().expect("migrations");
    let (_, store) = fixture.tenant("acme");
    seed(&store);
    let mut raw = fixture.raw();
    raw.run(&format!("BEGIN; DELETE FROM clients WHERE client_id = '{CLIENT}'")).expect("the lock");
    let held = hold_up(&fixture, &store);
    let told: Vec<_> = (0..12)
        .map(|number| submit(&store, vec![if number % 6 == 2 { insert(fresh()) } else { audit() }]))
        .collect();
    drop(held);
    for (number, told) in told.iter().enumerate() {
        assert_eq!(answer(told).is_ok(), number % 6 != 2, "{number}");
    }
    raw.run("ROLLBACK").expect("the lock goes");
    assert_eq!(fixture.raw().count("sessions"), 0, "what was refused was not done");
    assert_eq!(answer(&submit(&store, vec![insert(fresh())])), Ok(Applied::Committed));
}

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
    let mut revisions = fixture.database.revision_reader();
    for _ in 0..3 {
        assert_eq!(revisions.read().expect("another connection").len(), 1);
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
