//! Another process holds the database's lock.

use std::time::{Duration, Instant};

use super::{
    DATABASE, assert_active, assert_unavailable, machine, sql, sql::Lock, wait_until_not_ready,
    wait_until_well,
};
use crate::support::{Ask as _, Demo, acme_legacy, http};

/// As it is by default; the other tests are more patient, since the machine may be busy.
const PATIENCE: (&str, &str) = ("COUNTERSIGN__DATABASE__COMMIT_TIMEOUT_MS", "1000");

#[test]
fn a_lock_held_by_another_process_is_503_soon_and_passes() {
    let demo = Demo::start_in(tempfile::tempdir().unwrap(), &[PATIENCE]);
    let database = demo.data.path().join(DATABASE);
    let user = demo.bob("openid offline_access");
    let token = demo.acme_machine()["access_token"].as_str().unwrap().to_owned();
    let lock = Lock::hold(&database);
    // Twice, for a queue that grows would show the second time.
    for round in 0..2 {
        std::thread::scope(|scope| {
            let ask = |number: u32| {
                let (demo, begun) = (&demo, Instant::now());
                (machine(demo, &format!("locked-{round}-{number}")), begun.elapsed())
            };
            let threads: Vec<_> = (0..12).map(|number| scope.spawn(move || ask(number))).collect();
            for thread in threads {
                let (said, took) = thread.join().unwrap();
                assert_unavailable(&said);
                assert!(took < Duration::from_secs(3), "{took:?}");
            }
        });
    }
    let form = [("grant_type", "refresh_token"), ("refresh_token", user["refresh_token"].as_str().unwrap())];
    assert_unavailable(&acme_legacy(http().post(demo.acme("token"))).form(&form).said());
    wait_until_not_ready(&demo, &["database is locked", "another process", DATABASE]);
    assert_active(&demo, &token);
    drop(lock);
    wait_until_well(&demo);
    // Nothing that was refused was done afterwards.
    let withdrawn: Vec<String> =
        (0..2).flat_map(|round| (0..12).map(move |number| format!("locked-{round}-{number}"))).collect();
    let problems = sql::problems(&database, &withdrawn);
    assert!(problems.starts_with("told, but not in the audit log: 24 "), "{problems}");
    assert_eq!(acme_legacy(http().post(demo.acme("token"))).form(&form).said().status, 200);
    assert!(demo.stderr().contains("another process holds its lock"));
}

#[test]
fn a_lock_held_for_a_moment_is_waited_for() {
    let demo = Demo::start();
    for _ in 0..5 {
        let lock = Lock::hold(&demo.data.path().join(DATABASE));
        std::thread::scope(|scope| {
            let asking = scope.spawn(|| machine(&demo, "a-moment"));
            drop(lock);
            assert_eq!(asking.join().unwrap().status, 200);
        });
    }
}
