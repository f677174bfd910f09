use domain::{AdminWrite, Applied, Ttl};

use super::*;
use crate::tenant_file::tests::support::{Installation, tenant_name};

const BOTH: &str = "name = 't'\nprofile = 'openid'\n[settings]\nsigning_algs = ['ES256', 'EdDSA']";

const BASES: Bases<'static> = Bases { public: "https://id.example", mtls: None, sees_certificates: false };

fn facts(installation: &Installation) -> TenantFacts {
    let (database, master) = (&installation.setup.database, &installation.setup.master);
    TenantFacts::load(database, master, &BASES, &tenant_name("t")).unwrap().unwrap()
}

fn listed(facts: &TenantFacts, now: Timestamp) -> serde_json::Value {
    let document: serde_json::Value =
        serde_json::from_str(facts.face_or_first(Layout::Idp).discovery(now)).unwrap();
    document["id_token_signing_alg_values_supported"].clone()
}

#[test]
fn a_key_that_does_not_open_is_published_and_fails_its_own_algorithm_only() {
    let installation = Installation::new();
    installation.apply(BOTH);
    let store = installation.store("t");
    let mut key = store.keys().unwrap().into_iter().find(|key| key.alg == SigningAlg::EdDSA).unwrap();
    key.sealed_private[20] ^= 1;
    let damaged = vec![AdminWrite::RemoveKey(key.kid.clone()), AdminWrite::InsertKey(Box::new(key.clone()))];
    assert_eq!(store.change(damaged, Vec::new()).unwrap(), Applied::Committed);
    let (facts, now) = (facts(&installation), installation.clock.now());
    assert!(facts.signer(SigningAlg::ES256, now).is_ok());
    assert!(matches!(facts.signer(SigningAlg::EdDSA, now), Err(Fault::Signing(_))));
    assert!(facts.jwks(now).contains(&key.kid));
    assert_eq!(listed(&facts, now), serde_json::json!(["ES256"]));
}

#[test]
fn a_new_algorithm_is_listed_when_its_key_signs_and_no_sooner() {
    let installation = Installation::new();
    installation.apply(&BOTH.replace(", 'EdDSA'", ""));
    installation.apply(BOTH);
    let (facts, now) = (facts(&installation), installation.clock.now());
    assert_eq!(listed(&facts, now), serde_json::json!(["ES256"]));
    assert!(facts.signer(SigningAlg::EdDSA, now).is_err());
    assert_eq!(facts.jwks(now).matches("kid").count(), 2, "it is published before");
    let later = now.plus(Ttl::from_secs(3660));
    assert_eq!(listed(&facts, later.minus(Ttl::from_millis(1))), serde_json::json!(["ES256"]));
    assert_eq!(listed(&facts, later), serde_json::json!(["ES256", "EdDSA"]));
    assert!(facts.signer(SigningAlg::EdDSA, later).is_ok());
}
