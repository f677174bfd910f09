use domain::{AdminWrite, Applied, Ttl};

use super::*;
use crate::tenant_file::tests::support::{Installation, tenant_name};

const BOTH: &str = "name = 't'\nprofile = 'openid'\n[settings]\nsigning_algs = ['ES256', 'EdDSA']";

const BASES: Bases<'static> = Bases { public: "https://id.example", mtls: None, sees_certificates: false };

fn facts(installation: &Installation) -> Arc<TenantFacts> {
    let (database, master) = (&installation.setup.database, &installation.setup.master);
    TenantFacts::load(database, master, &BASES, &tenant_name("t"), None).unwrap().unwrap()
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
fn a_key_vouches_while_it_is_published_for_what_was_signed_while_it_signed() {
    let installation = Installation::new();
    installation.apply(BOTH);
    let (store, now) = (installation.store("t"), installation.clock.now());
    let signed_at = |iat: Timestamp| {
        let mut claims = domain::Claims::new();
        claims.insert("iat".to_owned(), iat.as_numeric_date().into());
        facts(&installation).signer(SigningAlg::ES256, now).unwrap().sign("at+jwt", &claims).unwrap()
    };
    let (early, late) = (signed_at(now), signed_at(now.plus(Ttl::from_secs(3600))));
    let kid = store.keys().unwrap().into_iter().find(|key| key.alg == SigningAlg::ES256).unwrap().kid;
    let (verify_from, retired_at) = (now.plus(Ttl::from_secs(60)), now.plus(Ttl::from_secs(7200)));
    let superseded = vec![AdminWrite::SupersedeKey { kid, verify_from, retired_at }];
    assert_eq!(store.change(superseded, Vec::new()).unwrap(), Applied::Committed);
    let facts = facts(&installation);
    assert!(facts.verified(&early, retired_at.minus(Ttl::from_millis(1))).is_some());
    assert!(facts.verified(&early, retired_at).is_none(), "it is not published any more");
    assert!(facts.verified(&late, now).is_none(), "its successor signed by then");
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
