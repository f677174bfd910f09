//! Key sets that clients publish: fetched when needed, kept within bounds, fetched again at once when a client has
//! rotated, and never more often than a few times in a row.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use domain::{ClientId, TenantId, Timestamp};
use moka::sync::Cache;
use tokio::sync::{oneshot, watch};
use url::Url;

use super::{
    client::{FetchError, Fetcher},
    held::{HeldKeys, KeySet, LONGEST, MOST_KEYS_OF_ALL},
};
use crate::{
    bucket::{BucketKey, Buckets},
    config::OutboundSection,
};

/// Fetches for one client in a row, also when it rotates twice within seconds or names other places; and how many a minute
/// after that.
const BURST: u32 = 5;
const PER_MINUTE: u32 = 6;

/// Whose set, and what its tenant allows.
#[derive(Clone, Copy, Debug)]
pub struct KeysWanted<'a> {
    /// The tenant: what one has learned, another must fetch for itself.
    pub tenant: TenantId,
    /// The client, of which one set is held.
    pub client: &'a ClientId,
    /// Where it is published.
    pub uri: &'a str,
    /// Whether from private addresses, too.
    pub private: bool,
}

type Key = (TenantId, ClientId);

/// All sets. Instants are those of a steady clock.
#[derive(Debug)]
pub struct KeySets {
    memory: Arc<Memory>,
    buckets: Buckets,
    section: OutboundSection,
    engine: OnceLock<Option<Engine>>,
}

/// The sets, and who is fetching which.
#[derive(Debug)]
struct Memory {
    held: Cache<Key, Arc<HeldKeys>>,
    under_way: Mutex<HashMap<Key, UnderWay>>,
}

/// A fetch that has begun. It has ended when the sender is gone, however that was.
#[derive(Clone, Debug)]
struct UnderWay {
    uri: String,
    private: bool,
    ended: watch::Receiver<()>,
}

/// The thread that fetches. It ends with its owner.
#[derive(Debug)]
struct Engine {
    handle: tokio::runtime::Handle,
    fetcher: Arc<Fetcher>,
    _stop: oneshot::Sender<()>,
}

impl Engine {
    fn start(section: &OutboundSection) -> Result<Self, FetchError> {
        let fetcher = Arc::new(Fetcher::new(section)?);
        let failed = |_error| FetchError::Target("the thread for fetching does not start");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(2)
            .build()
            .map_err(failed)?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let run = move || {
            drop(runtime.block_on(stopped));
            runtime.shutdown_background();
        };
        std::thread::Builder::new().name("fetch".to_owned()).spawn(run).map_err(failed)?;
        Ok(Self { handle, fetcher, _stop: stop })
    }
}

impl KeySets {
    /// No sets yet; nothing is started before the first is wanted.
    pub fn new(section: &OutboundSection) -> Self {
        let weight = |_: &Key, held: &Arc<HeldKeys>| held.weight();
        let held = Cache::builder().max_capacity(MOST_KEYS_OF_ALL).weigher(weight);
        let held = held.time_to_idle(Duration::from_hours(24)).build();
        Self {
            memory: Arc::new(Memory { held, under_way: Mutex::default() }),
            buckets: Buckets::new(BURST, PER_MINUTE),
            section: section.clone(),
            engine: OnceLock::new(),
        }
    }

    /// The set: from memory while it is fresh, else fetched; while that is not possible, the last one for an hour
    /// more. `None` when there is none. One that has only just gone stale, or could not be fetched since, is used while a
    /// fetch goes on beside.
    pub async fn held(&self, wanted: &KeysWanted<'_>, now: Timestamp) -> Option<Arc<HeldKeys>> {
        let known = self.memory.known(wanted);
        if let Some(held) = known.filter(|held| held.is_for_now(now)) {
            if !held.is_fresh(now) {
                drop(self.begin(wanted, now));
            }
            return Some(held);
        }
        self.fetch(wanted, now).await;
        self.memory.known(wanted).filter(|held| held.is_good(now))
    }

    /// A newer set than `than`, because that lacks a key: fetched at once, unless that was done too often of late.
    pub async fn newer(
        &self,
        wanted: &KeysWanted<'_>,
        than: &Arc<HeldKeys>,
        now: Timestamp,
    ) -> Option<Arc<HeldKeys>> {
        let is_newer = |held: &Arc<HeldKeys>| !Arc::ptr_eq(held, than);
        if let Some(held) = self.memory.known(wanted).filter(is_newer) {
            return Some(held);
        }
        self.fetch(wanted, now).await;
        self.memory.known(wanted).filter(is_newer)
    }

    /// Joins the fetch that is under way, or begins one if that may be. Returns when it has ended.
    async fn fetch(&self, wanted: &KeysWanted<'_>, now: Timestamp) {
        let Some(mut ended) = self.begin(wanted, now) else { return };
        // Nothing is ever sent: the sender goes when the fetch has ended.
        while ended.changed().await.is_ok() {}
    }

    fn begin(&self, wanted: &KeysWanted<'_>, now: Timestamp) -> Option<watch::Receiver<()>> {
        let key = wanted.key();
        let mut under_way = self.memory.under_way();
        if let Some(one) = under_way.get(&key).filter(|one| one.is_for(wanted)) {
            return Some(one.ended.clone());
        }
        // By client, not by URI: whoever changes its URI all the time is fetched from no more often.
        self.buckets.take(BucketKey::new(wanted.tenant, &["jwks_uri", wanted.client.as_str()]), now).ok()?;
        let engine = self.engine()?;
        let (sender, ended) = watch::channel(());
        let one = UnderWay { uri: wanted.uri.to_owned(), private: wanted.private, ended: ended.clone() };
        under_way.insert(key.clone(), one.clone());
        drop(under_way);
        let (memory, fetcher) = (Arc::clone(&self.memory), Arc::clone(&engine.fetcher));
        engine.handle.spawn(async move {
            let fetched = fetch(&fetcher, key.0, &one).await;
            memory.end(&key, &one, fetched, now);
            drop(sender);
        });
        Some(ended)
    }

    fn engine(&self) -> Option<&Engine> {
        let start = || {
            let told = |error| tracing::error!(%error, "nothing can be fetched");
            Engine::start(&self.section).map_err(told).ok()
        };
        self.engine.get_or_init(start).as_ref()
    }
}

impl KeysWanted<'_> {
    fn key(&self) -> Key {
        (self.tenant, self.client.clone())
    }
}

impl UnderWay {
    fn is_for(&self, wanted: &KeysWanted<'_>) -> bool {
        self.uri == wanted.uri && self.private == wanted.private && self.ended.has_changed().is_ok()
    }
}

impl Memory {
    fn under_way(&self) -> MutexGuard<'_, HashMap<Key, UnderWay>> {
        // Whoever panicked held nothing half done.
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The set that is held. One from a place that the client has left is let go of.
    fn known(&self, wanted: &KeysWanted<'_>) -> Option<Arc<HeldKeys>> {
        let key = wanted.key();
        let held = self.held.get(&key)?;
        if held.is_from(wanted.uri, wanted.private) {
            return Some(held);
        }
        self.held.invalidate(&key);
        None
    }

    /// Keeps what a fetch has found, unless the client has gone elsewhere meanwhile.
    fn end(&self, key: &Key, one: &UnderWay, fetched: Result<(KeySet, String), String>, now: Timestamp) {
        let mut under_way = self.under_way();
        if !under_way.get(key).is_some_and(|last| last.ended.same_channel(&one.ended)) {
            return;
        }
        match fetched {
            Ok((set, cache_control)) => {
                let from = (one.uri.clone(), one.private);
                self.held.insert(key.clone(), Arc::new(HeldKeys::new(from, set, &cache_control, now)));
            }
            Err(problem) => {
                let jwks_uri = without_query(&one.uri);
                tracing::warn!(jwks_uri, problem, "a client's keys could not be fetched");
                if let Some(held) = self.held.get(key) {
                    held.could_not_be_fetched_again(now);
                }
            }
        }
        under_way.remove(key);
    }
}

/// A URI for the log: a query may carry credentials (DECISIONS 2).
fn without_query(uri: &str) -> String {
    let Ok(mut url) = Url::parse(uri) else { return String::new() };
    url.set_query(None);
    url.into()
}

/// The keys, and `Cache-Control`.
async fn fetch(fetcher: &Fetcher, tenant: TenantId, from: &UnderWay) -> Result<(KeySet, String), String> {
    let fetched = fetcher.text(tenant, (&from.uri, from.private), LONGEST).await;
    let fetched = fetched.map_err(|error| error.to_string())?;
    // A set takes milliseconds to read, in which others are fetched.
    #[expect(clippy::disallowed_methods, reason = "on the two threads that this runtime has for it")]
    let read = tokio::task::spawn_blocking(move || KeySet::read(&fetched.text));
    let set = read.await.map_err(|error| error.to_string())??;
    Ok((set, fetched.cache_control))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1000);

    #[expect(clippy::disallowed_methods, reason = "a test names a tenant")]
    fn key(client: &str) -> Key {
        (TenantId::assume(1), ClientId::parse(client).unwrap())
    }

    /// As many keys as may be held of one set.
    fn a_set() -> KeySet {
        let one = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        let set = format!("{{\"keys\":[{}]}}", vec![one; 100].join(","));
        KeySet::read(&set).unwrap()
    }

    /// As if a fetch for a client from `uri` had ended.
    fn fetched(sets: &KeySets, client: &str, uri: &str) {
        let (_sender, ended) = watch::channel(());
        let one = UnderWay { uri: uri.to_owned(), private: false, ended };
        sets.memory.under_way().insert(key(client), one.clone());
        sets.memory.end(&key(client), &one, Ok((a_set(), String::new())), NOW);
    }

    fn known(sets: &KeySets, client: &str, uri: &str) -> bool {
        let (tenant, client) = key(client);
        sets.memory.known(&KeysWanted { tenant, client: &client, uri, private: false }).is_some()
    }

    #[test]
    fn memory_is_bounded_in_keys() {
        let sets = KeySets::new(&OutboundSection::default());
        for number in 0..1000 {
            fetched(&sets, &format!("c{number}"), "https://client.example/jwks");
        }
        sets.memory.held.run_pending_tasks();
        let keys: usize = sets.memory.held.iter().map(|(_, held)| held.verifier.key_count()).sum();
        assert!((10_000..=20_000).contains(&keys), "{keys}");
        assert!(sets.memory.under_way().is_empty());
    }

    #[test]
    fn a_client_has_one_set_however_many_places_it_names() {
        let sets = KeySets::new(&OutboundSection::default());
        for number in 0..100 {
            fetched(&sets, "c", &format!("https://client.example/jwks?{number}"));
        }
        sets.memory.held.run_pending_tasks();
        assert_eq!(sets.memory.held.entry_count(), 1);
        assert!(known(&sets, "c", "https://client.example/jwks?99"));
        assert!(!known(&sets, "c", "https://client.example/jwks?98"));
        sets.memory.held.run_pending_tasks();
        assert_eq!(sets.memory.held.entry_count(), 0, "nobody asks there any more");
    }

    #[test]
    fn a_fetch_from_a_place_that_the_client_has_left_is_not_kept() {
        let sets = KeySets::new(&OutboundSection::default());
        let (_sender, ended) = watch::channel(());
        let late = UnderWay { uri: "https://old.example/jwks".to_owned(), private: false, ended };
        sets.memory.under_way().insert(key("c"), late.clone());
        fetched(&sets, "c", "https://new.example/jwks");
        sets.memory.end(&key("c"), &late, Ok((a_set(), String::new())), NOW);
        assert!(known(&sets, "c", "https://new.example/jwks"));
    }
}
