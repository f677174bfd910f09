//! The database is damaged.

use std::{fs, path::Path};

use domain::{TokenKind, token_text};
use tempfile::TempDir;

use super::{DATABASE, SOON, assert_active, assert_refused, assert_unavailable, machine, serve_fails, sql};
use crate::support::{Ask as _, Demo, acme_m2m, http, serve::Node, wait_for};

/// The data of a server that has ended in peace, with so many tokens of machines.
fn stopped(tokens: usize) -> (TempDir, Vec<String>) {
    let mut demo = Demo::start();
    let tokens =
        (0..tokens).map(|_| demo.acme_machine()["access_token"].as_str().unwrap().to_owned()).collect();
    assert_eq!(demo.terminate(), Some(0));
    (demo.kill(), tokens)
}

fn read(data: &Path) -> Vec<u8> {
    fs::read(data.join(DATABASE)).unwrap()
}

#[test]
fn a_database_that_is_none_is_refused_and_left_alone() {
    let (data, _) = stopped(1);
    fs::write(data.path().join(DATABASE), "This is not a database. ".repeat(1000)).unwrap();
    let before = read(data.path());
    assert_refused(&serve_fails(data.path(), &[]), &["file is not a database", DATABASE, "restore"]);
    assert!(read(data.path()) == before);
}

#[test]
fn a_database_that_was_cut_short_is_refused_and_left_alone() {
    let (data, _) = stopped(1);
    let whole = read(data.path());
    for length in [whole.len() / 2, 4096 * 3 + 100, 4096, 600] {
        fs::write(data.path().join(DATABASE), &whole[..length]).unwrap();
        assert_refused(
            &serve_fails(data.path(), &[]),
            &["malformed", DATABASE, "integrity_check", "restore"],
        );
        assert!(read(data.path()) == whole[..length], "{length}");
    }
}

#[test]
fn an_empty_database_beside_its_log_is_refused_and_the_log_is_left_alone() {
    let demo = Demo::start();
    demo.acme_machine();
    let data = demo.kill();
    let log = data.path().join(format!("{DATABASE}-wal"));
    let before = fs::read(&log).unwrap();
    assert!(!before.is_empty());
    fs::write(data.path().join(DATABASE), "").unwrap();
    assert_refused(&serve_fails(data.path(), &[]), &["is empty", "restore the last backup"]);
    assert!(fs::read(&log).unwrap() == before);
}

#[test]
fn a_damaged_page_harms_only_those_whose_data_it_held() {
    const PAGE: usize = 4096;
    let (data, tokens) = stopped(300);
    let victim = &tokens[tokens.len() / 2];
    let locator = token_text::parse(TokenKind::Access, victim).unwrap().locator;
    let mut bytes = read(data.path());
    let mut damaged = 0;
    for page in bytes.chunks_mut(PAGE).skip(1) {
        // A leaf of the table, which names the client; the index and the pages above are others' as well.
        let holds = |bytes: &[u8]| page.windows(bytes.len()).any(|window| window == bytes);
        if page[0] == 10 && holds(locator.as_bytes()) && holds(b"acme-m2m") {
            page.fill(0x5a);
            damaged += 1;
        }
    }
    assert_eq!(damaged, 1);
    fs::write(data.path().join(DATABASE), &bytes).unwrap();
    let demo = Demo::start_in(data, &[]);
    for _ in 0..3 {
        let request = acme_m2m(http().post(demo.acme("introspect"))).form(&[("token", victim)]);
        assert_unavailable(&request.said());
    }
    assert_active(&demo, &tokens[0]);
    assert_active(&demo, tokens.last().unwrap());
    assert_eq!(machine(&demo, "unharmed").status, 200);
    let said = demo.stderr();
    assert!(
        ["malformed", DATABASE, "integrity_check", "restore"].iter().all(|word| said.contains(word)),
        "{said}"
    );
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn a_damaged_row_of_one_tenant_is_told_and_keeps_no_job_from_the_others() {
    let (data, _) = stopped(1);
    // The first tenant's keys do not read, another one's are to be made anew.
    let of = |name| format!("tenant_id = (SELECT id FROM tenants WHERE name = '{name}')");
    sql::run(
        &data.path().join(DATABASE),
        &format!(
            "UPDATE signing_keys SET alg = 'damaged' WHERE {}; DELETE FROM signing_keys WHERE {};",
            of("ONLINEBANK"),
            of("acme")
        ),
    );
    let variables = [
        ("COUNTERSIGN__SERVER__LISTEN", "127.0.0.1:0"),
        ("COUNTERSIGN__SERVER__PUBLIC_URL", "https://id.example"),
        ("COUNTERSIGN__MANAGEMENT__LISTEN", "127.0.0.1:0"),
        ("COUNTERSIGN__JOBS__KEY_INTERVAL", "1"),
    ];
    let node = Node::start_with(data.path(), "countersign.toml", &variables);
    let has_keys = || {
        let said = http().get(node.acme("jwks")).said();
        (said.status == 200 && !said.json()["keys"].as_array().unwrap().is_empty()).then_some(())
    };
    assert!(wait_for(SOON, has_keys).is_some(), "{}", node.stderr());
    let told = node.stderr();
    let line = told.lines().find(|line| line.contains("keys could not be looked after")).unwrap();
    assert!(line.contains("ONLINEBANK") && line.contains("signing_keys"), "{line}");
}
