//! Who is guessed at, and who is not: what a flood of passwords locks, and what it does not (DECISIONS 5.6).

use std::{path::Path, time::Duration};

use super::{
    crowd::{Crowd, form},
    support::{Ask as _, Demo, Said, http, serve::countersign, wait_for},
};

/// Guessers at a time.
const GUESSERS: usize = 8;

const BANK: &str = include_str!("../../../../fixtures/demo/ONLINEBANK.toml");

/// The demo, in which alice has a second authenticator.
fn start() -> Demo {
    let mut demo = Demo::start();
    assert_eq!(demo.terminate(), Some(0));
    let data = demo.kill();
    let first = "policy = \"AT_CUSTPW\"\npassword = \"secret\"\n";
    let second =
        format!("{first}[[users.authenticators]]\npolicy = \"AT_CUSTPWD\"\npassword = \"83920175\"\n");
    std::fs::write(data.path().join("bank.toml"), BANK.replace(first, &second)).unwrap();
    countersign(data.path(), &["tenant", "apply", "bank.toml", "--config", "countersign.toml"]);
    Demo::start_in(data, &[("COUNTERSIGN__SERVER__TRUSTED_PROXIES", "127.0.0.0/8")])
}

/// A log-in through the public client, from a place where nobody guesses.
fn log_in(demo: &Demo, user: &str, policy: &str, password: &str) -> Said {
    let form = [
        ("grant_type", "password"),
        ("client_id", "spl-app"),
        ("username", user),
        ("password", password),
        ("authType", policy),
    ];
    http().post(demo.bank("token")).header("x-forwarded-for", "192.0.2.9").form(&form).said()
}

/// Asks until it is served; it may be told to come again, and nothing else.
#[track_caller]
fn served(what: &str, ask: impl Fn() -> Said) {
    let served = wait_for(Duration::from_mins(1), || {
        let said = ask();
        assert!([200, 429, 503].contains(&said.status), "{what}: {} {}", said.status, said.text);
        (said.status == 200).then_some(())
    });
    assert!(served.is_some(), "{what}");
}

/// Wrong passwords of alice, each from a source of its own.
fn guesses_at_alice(demo: &Demo) -> Crowd {
    Crowd::start(&demo.url, GUESSERS, |number| {
        let [.., a, b, c] = number.to_be_bytes();
        let source = format!("x-forwarded-for: 10.{a}.{b}.{c}\r\n");
        let body = format!(
            "grant_type=password&client_id=spl-app&username=alice&authType=AT_CUSTPW&password=Guess-{number}"
        );
        form("/idp/ONLINEBANK/authn/token", &source, &body)
    })
}

#[test]
fn guesses_at_a_user_lock_that_authenticator_at_its_threshold_and_nothing_else() {
    let demo = start();
    assert_eq!(log_in(&demo, "alice", "AT_CUSTPW", "secret").status, 200);
    let flood = guesses_at_alice(&demo);
    refuses_the_right_password(&demo);
    // While the flood goes on.
    served("her other authenticator", || log_in(&demo, "alice", "AT_CUSTPWD", "83920175"));
    served("another user of the tenant", || log_in(&demo, "5619630280", "AT_CUSTPWD", "54917067"));
    served("another user under another policy", || {
        log_in(&demo, "employee1", "AT_EMPPWD", "Employee-Pass-2026")
    });
    let seen = flood.end();
    println!("the flood: {}", seen.told());
    assert_eq!(seen.count(200), 0);
    // It does not end with the flood.
    refuses_the_right_password(&demo);
    assert_eq!(wrong(demo.data.path()), 8, "exactly as many as the threshold were compared and counted");
}

/// Asks until her right password is refused because of the lock.
#[track_caller]
fn refuses_the_right_password(demo: &Demo) {
    let refused = wait_for(Duration::from_mins(1), || {
        let said = log_in(demo, "alice", "AT_CUSTPW", "secret");
        (said.status == 400).then(|| said.json()["hid_failure"]["reason"].as_i64())
    });
    assert_eq!(refused, Some(Some(1)), "no better than a wrong one");
}

/// How many wrong passwords of alice's first authenticator were counted.
fn wrong(data: &Path) -> u64 {
    let script = "import sqlite3, sys\nprint(sqlite3.connect(sys.argv[1]).execute(\"SELECT max(total_failed) FROM \
        authenticators\").fetchone()[0])";
    let output = std::process::Command::new("python3")
        .args(["-c", script])
        .arg(data.join("countersign.sqlite3"))
        .output()
        .expect("python3, which scripts/test installs");
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}
