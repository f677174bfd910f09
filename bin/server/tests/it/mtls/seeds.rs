//! The samples of seeds 000 and 001 that show a certificate.

use std::process::Command;

use serde_json::Value;

use crate::support::Demo;

/// Asks the demo's TLS listener as the seeds do, with one of its certificates.
fn curl(demo: &Demo, certificate: &str, path: &str, form: &str) -> (u16, Value) {
    let file = |name: &str| demo.data.path().join("pki").join(name);
    let output = Command::new("curl")
        .args([
            "--silent",
            "--show-error",
            "--noproxy",
            "*",
            "-w",
            "\n%{http_code}",
            "-X",
            "POST",
            "--cacert",
        ])
        .arg(file("ca.pem"))
        .arg("--cert")
        .arg(file(&format!("{certificate}.pem")))
        .arg("--key")
        .arg(file(&format!("{certificate}.key")))
        .args(["-H", "Content-Type: application/x-www-form-urlencoded", "-d", form])
        .arg(format!("{}{path}", demo.tls))
        .output()
        .unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    let (body, status) = said.rsplit_once('\n').unwrap_or_else(|| panic!("{said}"));
    (status.parse().unwrap(), serde_json::from_str(body).unwrap_or_default())
}

const TOKEN: &str = "/idp/ONLINEBANK/authn/token";
const PKI: &str = "grant_type=urn:hid:oauth:grant-type:client-secret-pki&client_id=client1";

#[test]
fn seed_000_self_signed_tls_client_auth() {
    let demo = Demo::start();
    let form = "grant_type=client_credentials&client_id=client1&scope=openid";
    let (status, answer) = curl(&demo, "client1-self-signed", TOKEN, form);
    assert_eq!((status, &answer["token_type"]), (200, &"Bearer".into()), "{answer}");
}

#[test]
fn seed_000_client_secret_pki_needs_trust_and_registration() {
    let demo = Demo::start();
    let (status, answer) = curl(&demo, "client1", TOKEN, PKI);
    assert_eq!(status, 200, "{answer}");
    assert!(answer["access_token"].as_str().unwrap().starts_with("cat_"));
    // Registered, and under no authority: another method's certificate.
    let (status, answer) = curl(&demo, "client1-self-signed", TOKEN, PKI);
    assert_eq!((status, &answer["error"]), (400, &"unauthorized_client".into()), "{answer}");
    for name in ["stranger", "expired"] {
        let (status, answer) = curl(&demo, name, TOKEN, PKI);
        assert_eq!((status, &answer["error"]), (401, &"invalid_client".into()), "{name}: {answer}");
    }
    // The standards' profile has no such grant.
    let (status, answer) = curl(&demo, "client1", "/idp/acme/authn/token", PKI);
    assert_ne!(status, 200, "{answer}");
}

#[test]
fn seed_001_two_way_tls_on_request() {
    let demo = Demo::start();
    let path = format!("{TOKEN}?_tlsclientauth=1");
    let (status, answer) = curl(&demo, "client1", &path, "grant_type=client_credentials&client_id=client1");
    assert_eq!(status, 200, "{answer}");
}
