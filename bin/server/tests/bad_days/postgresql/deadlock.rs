//! A deadlock is a conflict like any other, whatever language the server tells of it in.

use std::{path::Path, process::Command};

use super::{Installation, cluster::Cluster};
use crate::support::{Ask as _, acme_legacy, http};

#[test]
fn a_deadlock_told_in_german_is_tried_again() {
    let Some(cluster) = Cluster::start() else { return };
    if !speaks_german(&cluster) {
        println!("skipped: this machine cannot make a German locale for PostgreSQL");
        return;
    }
    let installation = Installation::over(&cluster.url());
    let form = [
        ("grant_type", "password"),
        ("username", "bob"),
        ("password", "correct-horse-battery-staple"),
        ("scope", "openid offline_access"),
    ];
    let url = installation.node.acme("token");
    let token = acme_legacy(http().post(&url)).form(&form).json_ok();
    // We hold what its batch needs last, and want what it has locked first. Ours is not the one that looks for deadlocks.
    let mut other = cluster.session("other");
    other.send("SET deadlock_timeout = '1min'; BEGIN; LOCK TABLE sessions IN SHARE MODE");
    let held = "SELECT count(*) FROM pg_locks WHERE mode = 'ShareLock' AND granted AND relation = 'sessions'::regclass";
    cluster.wait_for(held, "1");
    let refresh = token["refresh_token"].as_str().unwrap().to_owned();
    let asked = std::thread::spawn(move || {
        let form = [("grant_type", "refresh_token"), ("refresh_token", &refresh)];
        acme_legacy(http().post(url)).form(&form).said()
    });
    cluster.wait_for("SELECT count(*) FROM pg_locks WHERE NOT granted", "1");
    other.send("UPDATE refresh_families SET ended = ended");
    other.send("COMMIT");
    let said = asked.join().unwrap();
    assert_eq!(said.status, 200, "{}", said.text);
    let log = std::fs::read(Path::new(cluster.dir()).join("data/server.log")).unwrap();
    let log = String::from_utf8_lossy(&log);
    assert!(
        log.contains("Verklemmung (Deadlock) entdeckt"),
        "there was one, and it was told in German: {log}"
    );
}

/// Makes the locale, which a small machine does not have, and restarts the server with it.
fn speaks_german(cluster: &Cluster) -> bool {
    let locales = Path::new(cluster.dir()).join("locales");
    std::fs::create_dir(&locales).unwrap();
    let made = Command::new("localedef")
        .args(["-i", "de_DE", "-f", "UTF-8", "--no-archive"])
        .arg(locales.join("de_DE.UTF-8"))
        .output();
    if !made.is_ok_and(|made| made.status.success()) {
        return false;
    }
    cluster.stop("fast");
    let variables = [("LOCPATH", locales.to_str().unwrap())];
    cluster.start_again(&variables);
    cluster.sql("ALTER SYSTEM SET lc_messages = 'de_DE.UTF-8'");
    cluster.sql("SELECT pg_reload_conf()");
    cluster.wait_for("SHOW lc_messages", "de_DE.UTF-8");
    let failed = Command::new("psql").args([&cluster.url(), "-Xqc", "SELECT 1/0"]).output().unwrap();
    String::from_utf8_lossy(&failed.stderr).contains("Division durch Null")
}
