//! Independent clients that show certificates: openid-client (npm) and Authlib (PyPI), against the real binary.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::json;

use crate::support::{Demo, installed, serve::countersign};

/// Two clients by certificate, whose tokens are bound to it; `TRUSTSTORE` and `JWKS` are the demo's own.
const TENANT: &str = "name = 'certs'\nprofile = 'openid'\n[settings]\nmtls_truststore = '''\nTRUSTSTORE'''\n\
    [[clients]]\nclient_id = 'trusted'\nauth_methods = ['tls_client_auth']\n\
    tls_client_auth_subject_dn = 'CN=client1,O=Countersign demo'\nREST\
    [[clients]]\nclient_id = 'own'\nauth_methods = ['self_signed_tls_client_auth']\njwks = '''JWKS'''\nREST\
    [[users]]\nuser_name = 'bob'\n[[users.authenticators]]\npolicy = 'AT_STDPWD'\n\
    password = 'correct-horse-battery-staple'\n";

/// What both may do.
const REST: &str = "grant_types = ['client_credentials', 'password']\nscopes = ['openid']\n\
    permissions = ['introspect']\nhid_user_authn_policy = 'AT_STDPWD'\n\
    tls_client_certificate_bound_access_tokens = true\n";

fn read(pki: &Path, name: &str) -> String {
    std::fs::read_to_string(pki.join(name)).unwrap()
}

/// A demo with the tenant, and the tenant's issuer.
fn start() -> (Demo, String) {
    let demo = Demo::start();
    let pki = demo.data.path().join("pki");
    let own = jose::pki::certificate_jwk(&read(&pki, "client1-self-signed.pem"), "own").unwrap();
    let text = TENANT
        .replace("REST", REST)
        .replace("JWKS", &json!({ "keys": [own] }).to_string())
        .replace("TRUSTSTORE", &read(&pki, "ca.pem"));
    std::fs::write(demo.data.path().join("certs.toml"), text).unwrap();
    countersign(demo.data.path(), &["tenant", "apply", "certs.toml", "--config", "countersign.toml"]);
    let issuer = format!("{}/idp/certs/authn", demo.url);
    (demo, issuer)
}

/// Runs a program with `told` on its input; it says `ok` six times.
fn run(program: &mut Command, told: &str) {
    let mut child =
        program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(told.as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    let (said, complained) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{said}\n{complained}");
    assert_eq!(said.lines().filter(|line| line.starts_with("ok ")).count(), 6, "{said}");
}

#[test]
fn openid_client_authenticates_by_certificate_and_uses_bound_tokens() {
    let Some(folder) = installed("COUNTERSIGN_OPENID_CLIENT_DIR", "COUNTERSIGN_REQUIRE_NODE") else { return };
    let (demo, issuer) = start();
    let pki = demo.data.path().join("pki");
    let pair = |name: &str| json!({ "cert": read(&pki, &format!("{name}.pem")), "key": read(&pki, &format!("{name}.key")) });
    let clients = json!({ "trusted": pair("client1"), "own": pair("client1-self-signed") });
    let told = json!({ "ca": read(&pki, "ca.pem"), "clients": clients }).to_string();
    run(Command::new("node").args(["certificates.mjs", &issuer]).current_dir(folder), &told);
}

#[test]
fn authlib_authenticates_by_certificate_and_uses_bound_tokens() {
    let Some(folder) = installed("COUNTERSIGN_AUTHLIB_DIR", "COUNTERSIGN_REQUIRE_AUTHLIB") else { return };
    let (demo, issuer) = start();
    let pki = demo.data.path().join("pki");
    run(Command::new("venv/bin/python").args(["certificates.py", &issuer]).arg(pki).current_dir(folder), "");
}
