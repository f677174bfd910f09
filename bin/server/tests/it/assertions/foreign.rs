//! Independent clients: openid-client (npm) and Authlib (PyPI).

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use domain::Timestamp;
use serde_json::json;

use super::{Key, key_client, now, secret, set};
use crate::support::{in_process::Server, installed};

/// Runs a program against a tenant whose clients `robot` and `mac` it is told the keys of; what it printed.
fn run(program: &mut Command) -> String {
    let (rsa, ec, ed) = (Key::rsa(), Key::ec(), Key::ed());
    let made = secret();
    let keys = set(&[rsa.jwk(&json!({})), ec.jwk(&json!({})), ed.jwk(&json!({}))]);
    let file = format!(
        "name = 'acme'\nprofile = 'openid'\n{}[[clients]]\nclient_id = 'mac'\n\
         auth_methods = ['client_secret_jwt']\nclient_secret = '{made}'\n",
        key_client("robot", &keys)
    );
    let server = Server::start(&[&file]);
    // The clients' own clock is the machine's.
    server.clock.set(Timestamp::from_secs(i64::try_from(now()).unwrap()));
    let pem = |key: &Key| String::from_utf8(key.0.private_key_to_pem_pkcs8().unwrap()).unwrap();
    let keys = json!({ "RS256": pem(&rsa), "PS256": pem(&rsa), "ES256": pem(&ec), "EdDSA": pem(&ed) });
    let told = json!({ "secret": made, "keys": keys }).to_string();
    let issuer = server.tenant("acme", "");
    let mut child = program
        .arg(issuer.trim_end_matches('/'))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(told.as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    let (said, complained) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{said}\n{complained}");
    said.into_owned()
}

#[test]
fn openid_client_authenticates_by_jwt() {
    let Some(folder) = installed("COUNTERSIGN_OPENID_CLIENT_DIR", "COUNTERSIGN_REQUIRE_NODE") else { return };
    let said = run(Command::new("node").arg("assertions.mjs").current_dir(folder));
    assert_eq!(said.lines().filter(|line| line.starts_with("ok ")).count(), 4, "{said}");
}

#[test]
fn authlib_authenticates_by_jwt() {
    let Some(folder) = installed("COUNTERSIGN_AUTHLIB_DIR", "COUNTERSIGN_REQUIRE_AUTHLIB") else { return };
    let said = run(Command::new("venv/bin/python").arg("assertions.py").current_dir(folder));
    assert_eq!(said.lines().filter(|line| line.starts_with("ok ")).count(), 5, "{said}");
}

#[test]
fn the_line_that_the_demo_prints_gets_client1_a_token() {
    let demo = crate::support::Demo::start();
    let line = demo.printed.iter().find(|line| line.contains("private_key_jwt"));
    let line = line.unwrap_or_else(|| panic!("{:?}", demo.printed));
    if std::env::var_os("COUNTERSIGN_REQUIRE_NODE").is_none()
        && Command::new("node").arg("-v").output().is_err()
    {
        println!("skipped: there is no Node.js");
        return;
    }
    let out = Command::new("bash").args(["-c", line]).output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(said.contains("\"access_token\":\"cat_"), "{said}\n{}", String::from_utf8_lossy(&out.stderr));
}
