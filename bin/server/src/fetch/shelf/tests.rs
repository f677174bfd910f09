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

fn came<D>(document: D) -> Read<D> {
    Read { document, bytes: 0, fresh_for: Ttl::from_secs(300) }
}

/// As if a fetch for a client from `uri` had ended.
fn fetched(sets: &Shelf<KeySet>, client: &str, uri: &str) {
    let (_sender, ended) = watch::channel(());
    let one = UnderWay { uri: uri.to_owned(), private: false, ended };
    sets.memory.under_way().insert(key(client), one.clone());
    sets.memory.end(&key(client), &one, Ok(came(a_set())), NOW);
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
    sets.memory.end(&key("c"), &late, Ok(came(a_set())), NOW);
    assert!(known(&sets, "c", "https://new.example/jwks"));
}

/// Something signed, of a tenant: four to a share.
struct Heavy;

impl Document for Heavy {
    const PLACE: &'static str = "heavy";
    const ACCEPT: &'static str = "";
    const LONGEST: usize = 1;
    const MOST: u64 = 160;
    const SHARE: u64 = 40;
    const FROM_A_HOST: (u32, u32) = (3, 60);
    const STALE: Ttl = Ttl::from_days(1);
    const SIGNED: bool = true;

    fn read(_bytes: &[u8]) -> Result<Self, String> {
        Ok(Self)
    }

    fn weight(&self, _bytes: usize) -> u32 {
        10
    }
}

#[expect(clippy::disallowed_methods, reason = "a test names a tenant")]
fn of(tenant: i64, number: usize) -> Key {
    (TenantId::assume(tenant), number.to_string().into())
}

fn fetch_heavy(shelf: &Shelf<Heavy>, key: &Key, at: Timestamp) {
    let (_sender, ended) = watch::channel(());
    let one = UnderWay { uri: "https://a.example/".to_owned(), private: false, ended };
    shelf.memory.under_way().insert(key.clone(), one.clone());
    shelf.memory.end(key, &one, Ok(came(Heavy)), at);
}

#[test]
fn a_tenant_that_fetches_too_much_lets_go_of_its_own_oldest() {
    let shelf = Shelf::<Heavy>::new(&Arc::new(Engine::new(&OutboundSection::default())));
    fetch_heavy(&shelf, &of(2, 0), NOW);
    for number in 0..100 {
        fetch_heavy(&shelf, &of(1, number), NOW.plus(Ttl::from_secs(i64::try_from(number).unwrap())));
        assert!(shelf.memory.kept.get(&of(1, number)).is_some(), "{number}: what was just fetched is there");
        assert!(shelf.memory.share(of(1, 0).0) <= Heavy::SHARE, "{number}");
    }
    assert!(shelf.memory.kept.get(&of(2, 0)).is_some(), "another tenant's is nobody else's affair");
    shelf.memory.kept.run_pending_tasks();
    assert_eq!(shelf.memory.share(of(2, 0).0), 10);
    // Fetched again it takes its own place, and the place of what was believed before once that is so.
    for _ in 0..10 {
        fetch_heavy(&shelf, &of(2, 0), NOW);
    }
    assert_eq!(shelf.memory.share(of(2, 0).0), 10);
    shelf.memory.kept.get(&of(2, 0)).unwrap().newest.counts();
    for _ in 0..10 {
        fetch_heavy(&shelf, &of(2, 0), NOW);
    }
    let kept = shelf.memory.kept.get(&of(2, 0)).unwrap();
    assert!(kept.before.is_some());
    assert_eq!(shelf.memory.share(of(2, 0).0), 20);
}

#[test]
fn a_place_that_has_failed_is_left_alone_for_a_while_by_all_who_want_something_there() {
    let shelf = Shelf::<Heavy>::new(&Arc::new(Engine::new(&OutboundSection::default())));
    let (key, other) = (of(1, 1), of(1, 2));
    let (_sender, ended) = watch::channel(());
    let uri = "https://user:word@a.example/?secret";
    let one = UnderWay { uri: uri.to_owned(), private: false, ended };
    shelf.memory.under_way().insert(key.clone(), one.clone());
    let failed = |lacks| Err(Failed { problem: String::new(), lacks });
    let wanted = |uri| Wanted { tenant: other.0, of: &other.1, uri, question: &[], private: false };
    // One document that is refused, or does not read, says nothing of the others.
    for lacks in [Lacks::Document, Lacks::Sense] {
        shelf.memory.end(&key, &one, failed(lacks), NOW);
        assert!(!shelf.memory.has_failed(&wanted(uri), NOW), "{lacks:?}");
        let own = Wanted { of: &key.1, ..wanted(uri) };
        assert_eq!(shelf.memory.has_failed(&own, NOW), lacks == Lacks::Document, "{lacks:?}");
        shelf.memory.failed.invalidate_all();
        shelf.memory.under_way().insert(key.clone(), one.clone());
    }
    shelf.memory.end(&key, &one, failed(Lacks::Place), NOW);
    assert!(shelf.memory.has_failed(&wanted(uri), NOW.plus(Ttl::from_secs(14))));
    assert!(!shelf.memory.has_failed(&wanted(uri), NOW.plus(PAUSE)));
    assert!(!shelf.memory.has_failed(&wanted("https://b.example/"), NOW));
    assert_eq!(without_credentials(uri), "https://a.example/");
}

#[test]
fn a_host_is_asked_no_more_often_however_many_clients_name_places_there() {
    let shelf = Shelf::<Heavy>::new(&Arc::new(Engine::new(&OutboundSection::default())));
    let take = |tenant, number: usize, host: &str, at| {
        let key = of(tenant, number);
        let uri = format!("https://{host}/{number}");
        shelf.take(&Wanted { tenant: key.0, of: &key.1, uri: &uri, question: &[], private: false }, at)
    };
    for number in 0..3 {
        assert_eq!(take(1, number, "a.example", NOW), Ok(()), "{number}");
    }
    // Whoever is refused by the host has not used up what is its own.
    for number in 3..30 {
        assert!(take(1, number, "A.example.:8443", NOW).is_err(), "{number}");
        assert!(take(1, 3, "a.example", NOW).is_err(), "{number}");
    }
    assert_eq!(take(1, 3, "b.example", NOW), Ok(()), "another host");
    assert_eq!(take(2, 0, "a.example", NOW), Ok(()), "another tenant's clients");
    let later = NOW.plus(Ttl::from_secs(1));
    assert_eq!(take(1, 3, "a.example", later), Ok(()));
    assert!(take(1, 4, "a.example", later).is_err());
}
