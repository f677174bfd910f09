//! The fakes keep the promises of the ports that they stand for.

use domain::port::{
    ClientLookup, Entropy, KeyedDigest, PasswordHash, Sealer, SecretHasher, Signer, UserLookup,
};
use domain::{Fault, Secret, SigningAlg, Ttl, machine_secret};
use testkit::conformance::{CASES, TestStore, run};
use testkit::{
    FastDigest, ManualClock, MemoryStore, PlainHasher, SeededEntropy, TestSigner, XorSealer, a_client,
    a_policy, a_user, an_authenticator, client_id,
};

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

#[test]
fn clones_of_a_clock_show_the_same_time() {
    let clock = ManualClock::new();
    let (same, before) = (clock.clone(), clock.now());
    same.advance(Ttl::from_secs(5));
    assert_eq!(clock.now(), before.plus(Ttl::from_secs(5)));
    clock.set(before);
    assert_eq!(clock.env(&SeededEntropy::default()).now, before);
}

#[test]
fn seeded_entropy_repeats_itself_only_from_the_start() {
    let draw = |entropy: &SeededEntropy| {
        let mut bytes = [0; 40];
        entropy.fill(&mut bytes).unwrap();
        bytes
    };
    let entropy = SeededEntropy::new(1);
    let first = draw(&entropy);
    assert_ne!(draw(&entropy), first);
    assert_eq!(draw(&SeededEntropy::new(1)), first);
    assert_ne!(draw(&SeededEntropy::new(2)), first);
}

#[test]
fn the_plain_hasher_tells_secrets_and_rounds_apart() {
    let (today, tomorrow) = (PlainHasher { round: 0 }, PlainHasher { round: 1 });
    let hash = today.hash(&secret("$tricky$")).unwrap();
    let verified = today.verify(&secret("$tricky$"), Some(&hash)).unwrap();
    assert!(verified.matches && !verified.outdated);
    let verified = tomorrow.verify(&secret("$tricky$"), Some(&hash)).unwrap();
    assert!(verified.matches && verified.outdated);
    assert!(!today.verify(&secret("other"), Some(&hash)).unwrap().matches);
    assert!(!today.verify(&secret("$tricky$"), None).unwrap().matches);
    let garbage = PasswordHash::from_phc("garbage".to_owned());
    assert!(matches!(today.verify(&secret("x"), Some(&garbage)), Err(Fault::Crypto(_))));
}

#[test]
fn the_xor_sealer_is_bound_to_key_label_and_data() {
    let long = [7_u8; 100];
    let sealed = XorSealer.seal(b"key", "label", b"aad", &long).unwrap();
    assert_eq!(XorSealer.open(b"key", "label", b"aad", &sealed).unwrap(), long);
    assert!(!sealed.windows(4).any(|window| window == [7; 4]));
    assert_eq!(XorSealer.open(b"yek", "label", b"aad", &sealed), None);
    assert_eq!(XorSealer.open(b"key", "lebal", b"aad", &sealed), None);
    assert_eq!(XorSealer.open(b"key", "labela", b"ad", &sealed), None);
    assert_eq!(XorSealer.open(b"key", "label", b"aad", &sealed[..20]), None);
}

#[test]
fn what_the_test_signer_signed_reads_back() {
    let claims = serde_json::from_str(r#"{"sub":"bob"}"#).unwrap();
    let compact = TestSigner::new(SigningAlg::ES256).sign("JWT", &claims).unwrap();
    assert_eq!(TestSigner::claims_of(&compact), Some(claims));
    let header = TestSigner::header_of(&compact).unwrap();
    assert_eq!(
        (&header["alg"], &header["kid"], &header["typ"]),
        (&"ES256".into(), &"test-ES256".into(), &"JWT".into())
    );
}

#[test]
fn built_records_are_found_in_the_memory_store() {
    let (clock, entropy, mut store) = (ManualClock::new(), SeededEntropy::default(), MemoryStore::new());
    let (client, secrets, secret) =
        a_client("m2m").scopes("a").generated_secret(&clock.env(&entropy), &FastDigest);
    let bob = a_user("bob").build();
    store.client_insert(client, secrets);
    store.policy_insert(a_policy("AT_STDPWD").build());
    store.authenticator_insert(
        an_authenticator(&bob, "AT_STDPWD", PasswordHash::from_phc(String::new())).build(),
    );
    store.user_insert(bob.clone());
    let found = store.client(&client_id("m2m")).unwrap().unwrap();
    assert!(machine_secret::recognise(secret.expose()));
    assert!(found.secrets.generated.unwrap().matches(&FastDigest.keyed(secret.expose().as_bytes())));
    assert_eq!(store.user_by_name("bob").unwrap(), Some(bob));
    assert_eq!((store.session_count(), store.family_count(), store.audit().len()), (0, 0, 0));
}

#[test]
fn every_case_runs_in_one_go_too() {
    let count = std::cell::Cell::new(0);
    run(&|| -> Box<dyn TestStore> {
        count.set(count.get() + 1);
        Box::new(MemoryStore::new())
    });
    assert_eq!(count.get(), CASES.len());
}
