use std::sync::Arc;

use domain::{KeyStage, port::ClientLookup as _, port::UserLookup as _};
use jose::OpenSslSigner;

use super::support::{ACME, Installation, NOTHING, ONLINEBANK, tenant_name};
use crate::tenant_file::{ApplyError, export};

/// An export without the lines that sealing makes different each time.
fn comparable(text: &str) -> Vec<&str> {
    let line = |line: &&str| !line.starts_with("client_secret_digest");
    text.split("[[keys]]").next().unwrap().lines().filter(line).collect()
}

#[test]
fn apply_after_export_changes_nothing() {
    for (name, text) in [("ONLINEBANK", ONLINEBANK), ("acme", ACME)] {
        let installation = Installation::new();
        installation.apply(text);
        let exported = installation.export(name);
        assert_eq!(installation.lines(&exported), NOTHING);
        assert_eq!(installation.pruned(&exported), NOTHING);
        assert_eq!(comparable(&installation.export(name)), comparable(&exported));
    }
}

#[test]
fn an_export_recreates_the_tenant_in_an_empty_installation() {
    let old = Installation::new();
    old.apply(ONLINEBANK);
    let generated = "[[clients]]\nclient_id = 'made'\ngenerate_secret = true\n";
    old.apply(&format!(
        "name = 'ONLINEBANK'\nprofile = 'hid'\n[settings]\nid_token_validity = 120\n{generated}"
    ));
    let exported = old.export("ONLINEBANK");
    let new = Installation::under(Arc::clone(&old.setup.master));
    assert!(new.apply(&exported).created);
    assert_eq!(comparable(&new.export("ONLINEBANK")), comparable(&exported));
    let subject =
        |one: &Installation| one.store("ONLINEBANK").user_by_name("alice").unwrap().unwrap().subject_id;
    assert_eq!(subject(&old), subject(&new));
    let id = testkit::client_id("made");
    let digest =
        |one: &Installation| one.store("ONLINEBANK").client(&id).unwrap().unwrap().secrets.generated.unwrap();
    assert!(digest(&old).matches(&digest(&new)));
    // The same tenant number under the same master key: the keys open, and are the same.
    let kids = |one: &Installation| -> Vec<String> {
        one.store("ONLINEBANK").keys().unwrap().into_iter().map(|key| key.kid).collect()
    };
    assert_eq!(kids(&old), kids(&new));
}

#[test]
fn keys_that_do_not_open_are_made_anew() {
    let old = Installation::new();
    old.apply(ACME);
    let exported = old.export("acme");
    let new = Installation::new();
    new.clock.advance(domain::Ttl::from_secs(5));
    new.apply(&exported);
    let tenant = new.tenant("acme");
    let keys = new.store("acme").keys().unwrap();
    assert_eq!(keys.len(), tenant.settings.signing_algs.len());
    for key in &keys {
        assert_eq!(key.stage(new.clock.now()), KeyStage::Active);
        assert!(OpenSslSigner::open(key, tenant.id, &new.setup.master).is_ok());
    }
}

#[test]
fn an_export_shows_neither_secrets_nor_private_keys() {
    let installation = Installation::new();
    installation.apply(ONLINEBANK);
    let exported = installation.export("ONLINEBANK");
    for secret in
        ["password01", "MyClientID123456?", "54917067", "Employee-Pass-2026", "\"secret\"", "PRIVATE"]
    {
        assert!(!exported.contains(secret), "{secret}");
    }
    assert!(exported.contains("sealed_private") && exported.contains("$argon2id$"));
}

#[test]
fn a_digest_of_another_installation_is_refused() {
    let old = Installation::new();
    old.apply("name = 't'\nprofile = 'openid'\n[[clients]]\nclient_id = 'c'\ngenerate_secret = true");
    let exported = old.export("t");
    let problems = Installation::new().problems(&exported);
    assert!(
        matches!(problems.as_slice(), [one] if one.contains("client_secret_digest: does not open")),
        "{problems:?}"
    );
}

#[test]
fn there_is_no_export_of_what_does_not_exist() {
    let error = export(&Installation::new().setup, &tenant_name("nobody")).unwrap_err();
    assert!(matches!(error, ApplyError::NoSuchTenant(_)), "{error}");
}

#[test]
fn who_says_what_was_revoked_is_exported_as_it_was_given() {
    for settings in [
        "mtls_crl_uris = ['http://ca.example/1.crl', 'https://ca.example/2.crl']\nmtls_revocation = 'open'",
        "mtls_ocsp = 'certificate'",
        "mtls_ocsp = 'http://10.0.0.1/ocsp'\nmtls_fetch_private = true",
    ] {
        let installation = Installation::new();
        installation.apply(&format!("name = 'acme'\nprofile = 'openid'\n[settings]\n{settings}\n"));
        let exported = installation.export("acme");
        let read: toml::Table = exported.parse().unwrap();
        for (key, value) in settings.parse::<toml::Table>().unwrap() {
            assert_eq!(read["settings"][&key], value);
        }
        assert_eq!(installation.lines(&exported), NOTHING);
    }
}
