use super::*;
use crate::{config::OutboundSection, fetch::KeySet};

const NOW: Timestamp = Timestamp::from_secs(1000);

#[expect(clippy::disallowed_methods, reason = "a test names a tenant")]
fn key(client: &str) -> Key {
    (TenantId::assume(1), client.into())
}

fn sets() -> Shelf<KeySet> {
    Shelf::new(&Arc::new(Engine::new(&OutboundSection::default())))
}

/// As many keys as may be held of one set.
fn a_set() -> KeySet {
    let one = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let set = format!("{{\"keys\":[{}]}}", vec![one; 100].join(","));
    KeySet::read(set.as_bytes()).unwrap()
}

/// As if a fetch for a client from `uri` had ended.
fn fetched(sets: &Shelf<KeySet>, client: &str, uri: &str) {
    let (_sender, ended) = watch::channel(());
    let one = UnderWay { uri: uri.to_owned(), private: false, ended };
    sets.memory.under_way().insert(key(client), one.clone());
    sets.memory.end(&key(client), &one, Ok((a_set(), String::new())), NOW);
}

fn known(sets: &Shelf<KeySet>, of: &str, uri: &str) -> bool {
    let (tenant, _) = key(of);
    sets.memory.known(&Wanted { tenant, of, uri, question: &[], private: false }).is_some()
}

#[test]
fn memory_is_bounded_in_keys() {
    let sets = sets();
    for number in 0..1000 {
        fetched(&sets, &format!("c{number}"), "https://client.example/jwks");
    }
    sets.memory.kept.run_pending_tasks();
    let keys: usize =
        sets.memory.kept.iter().map(|(_, kept)| kept.newest.document.verifier.key_count()).sum();
    assert!((10_000..=20_000).contains(&keys), "{keys}");
    assert!(sets.memory.under_way().is_empty());
}

#[test]
fn a_client_has_one_set_however_many_places_it_names() {
    let sets = sets();
    for number in 0..100 {
        fetched(&sets, "c", &format!("https://client.example/jwks?{number}"));
    }
    sets.memory.kept.run_pending_tasks();
    assert_eq!(sets.memory.kept.entry_count(), 1);
    assert!(known(&sets, "c", "https://client.example/jwks?99"));
    assert!(!known(&sets, "c", "https://client.example/jwks?98"));
    sets.memory.kept.run_pending_tasks();
    assert_eq!(sets.memory.kept.entry_count(), 0, "nobody asks there any more");
}

#[test]
fn a_fetch_from_a_place_that_the_client_has_left_is_not_kept() {
    let sets = sets();
    let (_sender, ended) = watch::channel(());
    let late = UnderWay { uri: "https://old.example/jwks".to_owned(), private: false, ended };
    sets.memory.under_way().insert(key("c"), late.clone());
    fetched(&sets, "c", "https://new.example/jwks");
    sets.memory.end(&key("c"), &late, Ok((a_set(), String::new())), NOW);
    assert!(known(&sets, "c", "https://new.example/jwks"));
}
