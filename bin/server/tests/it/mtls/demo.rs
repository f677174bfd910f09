//! The demo's certificates, by the lines that it prints.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use crate::support::{Ask as _, Demo, http};

/// Runs a printed line as a person would.
fn run(line: &str) -> String {
    let line = line.trim().replacen("curl", "curl --silent --show-error", 1);
    let output = Command::new("sh").args(["-c", &line]).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs every printed line with a certificate: it does what it says.
fn lines_work(demo: &Demo) {
    let lines: Vec<&String> = demo.printed.iter().filter(|line| line.contains("--cert ")).collect();
    assert_eq!(lines.len(), 6, "{:?}", demo.printed);
    for line in lines {
        let said = run(line);
        if line.contains("# refused") {
            assert!(said.contains("\"invalid_client\"") && said.contains("certificate"), "{line}: {said}");
        } else {
            assert!(said.contains("\"access_token\":\"cat_"), "{line}: {said}");
        }
    }
}

fn copied(from: &Path, to: &Path) {
    for file in fs::read_dir(from).unwrap().map(Result::unwrap) {
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

#[test]
fn every_printed_line_does_what_it_says() {
    lines_work(&Demo::start());
}

#[test]
fn lines_work_after_a_restart_and_certificates_that_are_made_anew_take_the_place_of_the_old() {
    let mut demo = Demo::start();
    let (pki, old) = (demo.data.path().join("pki"), tempfile::tempdir().unwrap());
    copied(&pki, old.path());
    let line = demo.printed.iter().find(|line| line.ends_with("# tls_client_auth")).unwrap();
    assert!(run(line).contains("access_token"));
    demo.terminate();
    let mut again = Demo::start_in(demo.kill(), &[]);
    lines_work(&again);
    // Another authority that somebody has come to trust meanwhile, and a client that is theirs.
    let config = again.data.path().join("countersign.toml");
    let countersign = |arguments: &[&str]| {
        let binary = env!("CARGO_BIN_EXE_countersign");
        let output = Command::new(binary)
            .args(arguments)
            .args(["--config", config.to_str().unwrap()])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let other = crate::support::tls::authority("Another CA").certificate_pem().unwrap();
    let exported = countersign(&["tenant", "export", "ONLINEBANK"]);
    let mut file: toml::Table = toml::from_str(&exported).unwrap();
    let truststore = &mut file["settings"]["mtls_truststore"];
    *truststore = format!("{}\n{other}", truststore.as_str().unwrap()).into();
    let path = again.data.path().join("mine.toml");
    fs::write(&path, toml::to_string(&file).unwrap()).unwrap();
    countersign(&["tenant", "apply", path.to_str().unwrap()]);
    again.terminate();
    fs::remove_dir_all(&pki).unwrap();
    let anew = Demo::start_in(again.kill(), &[]);
    lines_work(&anew);
    assert!(!pki.join("new").exists());
    let exported = countersign(&["tenant", "export", "ONLINEBANK"]);
    assert_eq!(exported.matches("BEGIN CERTIFICATE").count(), 2, "{exported}");
    let lines: Vec<&str> = other.lines().collect();
    assert!(exported.contains(lines[1]), "what is not the demo's stays");
    // What the removed ones were trusted for they are trusted for no more.
    let cert = |line: &String| {
        let line =
            line.replace(&format!("--cert {}", pki.display()), &format!("--cert {}", old.path().display()));
        line.replace(&format!("--key {}", pki.display()), &format!("--key {}", old.path().display()))
    };
    for line in anew.printed.iter().filter(|line| line.contains("--cert ")) {
        assert!(run(&cert(line)).contains("\"invalid_client\""), "{line}");
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
    assert_eq!(
        realm["mtls_endpoint_aliases"]["registration_endpoint"],
        format!("{}/auth/realms/SECURITYDOMAIN/clients-registrations/openid-connect", demo.tls)
    );
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
