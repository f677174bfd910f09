//! The demo's certificates, by the lines that it prints.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use crate::support::{Ask as _, Demo, http};

/// Runs a printed line as a person would.
fn run(line: &str) -> String {
    let line = line.trim().replacen("curl", "curl --silent --show-error", 1);
    let output = Command::new("sh").args(["-c", &line]).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_printed_line_does_what_it_says() {
    let demo = Demo::start();
    let lines: Vec<&String> = demo.printed.iter().filter(|line| line.contains("--cert ")).collect();
    assert!(lines.len() >= 3, "{:?}", demo.printed);
    for line in lines {
        let said = run(line);
        if line.contains("# refused") {
            assert!(said.contains("\"invalid_client\"") && said.contains("certificate"), "{line}: {said}");
        } else {
            assert!(said.contains("\"access_token\":\"cat_"), "{line}: {said}");
        }
    }
}

#[test]
fn keys_are_their_owners_and_stay_what_they_are() {
    let mut demo = Demo::start();
    let pki = demo.data.path().join("pki");
    for name in ["server", "client1", "client1-self-signed", "stranger", "expired"] {
        let mode = fs::metadata(pki.join(format!("{name}.key"))).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    assert!(!pki.join("ca.key").exists(), "nobody can make another certificate");
    let before = fs::read(pki.join("ca.pem")).unwrap();
    let document = http().get(demo.bank(".well-known/openid-configuration")).json_ok();
    assert_eq!(
        document["mtls_endpoint_aliases"]["token_endpoint"],
        format!("{}/idp/ONLINEBANK/authn/token", demo.tls)
    );
    assert_eq!(
        document["mtls_endpoint_aliases"]["registration_endpoint"],
        format!("{}/idp/ONLINEBANK/authn/register", demo.tls)
    );
    let realm = format!("{}/auth/realms/SECURITYDOMAIN/.well-known/openid-configuration", demo.url);
    let realm = http().get(realm).json_ok();
    assert!(realm["mtls_endpoint_aliases"]["token_endpoint"].is_string(), "{realm}");
    assert_eq!(realm["mtls_endpoint_aliases"]["registration_endpoint"], serde_json::Value::Null);
    let methods = document["token_endpoint_auth_methods_supported"].as_array().unwrap();
    assert!(methods.contains(&"tls_client_auth".into()), "{methods:?}");
    assert_eq!(document["issuer"], format!("{}/idp/ONLINEBANK/authn", demo.url));
    // `acme` trusts nobody.
    let other = http().get(demo.acme(".well-known/openid-configuration")).json_ok();
    assert!(
        !other["token_endpoint_auth_methods_supported"]
            .as_array()
            .unwrap()
            .contains(&"tls_client_auth".into())
    );
    demo.terminate();
    let data = demo.kill();
    let again = Demo::start_in(data, &[]);
    assert_eq!(fs::read(again.data.path().join("pki/ca.pem")).unwrap(), before);
}
