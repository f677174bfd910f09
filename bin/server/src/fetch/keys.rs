//! Key sets that clients publish: fetched when needed, kept within bounds, fetched again at once when a client has
//! rotated, and never more often than a few times in a row.

use std::{
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use domain::{TenantId, Timestamp, Ttl};
use jose::JoseVerifier;
use moka::sync::Cache;
use tokio::sync::{oneshot, watch};

use super::client::{FetchError, Fetcher};
use crate::{
    bucket::{BucketKey, Buckets},
    config::OutboundSection,
};

/// Longest set, bytes.
const LONGEST: usize = 128 * 1024;
/// Most sets that are held.
const MOST_SETS: u64 = 5000;
/// How long a set is fresh when its `Cache-Control` says nothing, and the bounds of what it may say. Not for long: what
/// a client takes out of its set must not be good for much longer.
const FRESH: i64 = 300;
const FRESH_LEAST: i64 = 30;
const FRESH_MOST: i64 = 3600;
/// How much longer it is used while it cannot be fetched.
const STALE: Ttl = Ttl::from_secs(3600);
/// Fetches of one URI in a row, for a client that rotates twice within seconds; and how many a minute after that.
const BURST: u32 = 5;
const PER_MINUTE: u32 = 6;

/// Which set, and what its tenant allows.
#[derive(Clone, Copy, Debug)]
pub struct KeysWanted<'a> {
    /// The tenant: what one has learned, another must fetch for itself.
    pub tenant: TenantId,
    /// Where it is published.
    pub uri: &'a str,
    /// Whether from private addresses, too.
    pub private: bool,
}

/// A set that was fetched.
#[derive(Debug)]
pub struct HeldKeys {
    /// Its usable keys.
    pub verifier: JoseVerifier,
    fresh_until: Timestamp,
}

/// All sets. Instants are those of a steady clock.
#[derive(Debug)]
pub struct KeySets {
    sets: Cache<(TenantId, String, bool), Arc<KeySet>>,
    buckets: Buckets,
    section: OutboundSection,
    engine: OnceLock<Option<Engine>>,
}

/// One set and whoever is fetching it.
#[derive(Debug, Default)]
struct KeySet {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    held: Option<Arc<HeldKeys>>,
    /// Ends when the fetch under way does.
    under_way: Option<watch::Receiver<()>>,
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
            .max_blocking_threads(16)
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
        Self {
            sets: Cache::builder().max_capacity(MOST_SETS).time_to_idle(Duration::from_hours(24)).build(),
            buckets: Buckets::new(BURST, PER_MINUTE),
            section: section.clone(),
            engine: OnceLock::new(),
        }
    }

    /// The set: from memory while it is fresh, else fetched; while that is not possible, the last one for an hour
    /// more. `None` when there is none.
    pub async fn held(&self, wanted: &KeysWanted<'_>, now: Timestamp) -> Option<Arc<HeldKeys>> {
        let set = self.set(wanted);
        let held = set.now_held();
        if held.as_ref().is_some_and(|held| !held.fresh_until.has_passed(now)) {
            return held;
        }
        self.fetch(wanted, &set, now).await;
        set.now_held().filter(|held| !held.fresh_until.plus(STALE).has_passed(now))
    }

    /// A newer set than `than`, because that lacks a key: fetched at once, unless that was done too often of late.
    pub async fn newer(
        &self,
        wanted: &KeysWanted<'_>,
        than: &Arc<HeldKeys>,
        now: Timestamp,
    ) -> Option<Arc<HeldKeys>> {
        let set = self.set(wanted);
        let is_newer = |held: &Arc<HeldKeys>| !Arc::ptr_eq(held, than);
        if let Some(held) = set.now_held().filter(is_newer) {
            return Some(held);
        }
        self.fetch(wanted, &set, now).await;
        set.now_held().filter(is_newer)
    }

    fn set(&self, wanted: &KeysWanted<'_>) -> Arc<KeySet> {
        self.sets.get_with((wanted.tenant, wanted.uri.to_owned(), wanted.private), Arc::default)
    }

    /// Joins the fetch that is under way, or begins one if that may be. Returns when it has ended.
    async fn fetch(&self, wanted: &KeysWanted<'_>, set: &Arc<KeySet>, now: Timestamp) {
        let Some(mut ended) = self.begin(wanted, set, now) else { return };
        // Nothing is ever sent: the sender goes when the fetch has ended.
        while ended.changed().await.is_ok() {}
    }

    fn begin(
        &self,
        wanted: &KeysWanted<'_>,
        set: &Arc<KeySet>,
        now: Timestamp,
    ) -> Option<watch::Receiver<()>> {
        let mut state = set.locked();
        // One whose sender is gone has ended, however that was.
        if let Some(under_way) = state.under_way.as_ref().filter(|one| one.has_changed().is_ok()) {
            return Some(under_way.clone());
        }
        let key = BucketKey::new(wanted.tenant, &["jwks_uri", wanted.uri]);
        self.buckets.take(key, now).ok()?;
        let engine = self.engine()?;
        let (sender, receiver) = watch::channel(());
        state.under_way = Some(receiver.clone());
        let (set, uri, private) = (Arc::clone(set), wanted.uri.to_owned(), wanted.private);
        let fetcher = Arc::clone(&engine.fetcher);
        engine.handle.spawn(async move {
            let fetched = fetch(&fetcher, &uri, private, now).await;
            let fetched = fetched.map_err(|problem| {
                tracing::warn!(jwks_uri = uri, problem, "a client's keys could not be fetched");
            });
            let mut state = set.locked();
            state.under_way = None;
            if let Ok(held) = fetched {
                state.held = Some(Arc::new(held));
            }
            drop(state);
            drop(sender);
        });
        Some(receiver)
    }

    fn engine(&self) -> Option<&Engine> {
        let start = || {
            let told = |error| tracing::error!(%error, "nothing can be fetched");
            Engine::start(&self.section).map_err(told).ok()
        };
        self.engine.get_or_init(start).as_ref()
    }
}

impl KeySet {
    fn locked(&self) -> std::sync::MutexGuard<'_, State> {
        // Whoever panicked held nothing half done.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn now_held(&self) -> Option<Arc<HeldKeys>> {
        self.locked().held.clone()
    }
}

async fn fetch(fetcher: &Fetcher, uri: &str, private: bool, now: Timestamp) -> Result<HeldKeys, String> {
    let fetched = fetcher.text(uri, private, LONGEST).await.map_err(|error| error.to_string())?;
    let verifier = JoseVerifier::from_jwks(&fetched.text).map_err(|error| error.to_string())?;
    Ok(HeldKeys { verifier, fresh_until: now.plus(freshness(&fetched.cache_control)) })
}

/// How long a set is fresh by its `Cache-Control` (RFC 9111 §5.2.2).
fn freshness(cache_control: &str) -> Ttl {
    let mut seconds = FRESH;
    for directive in cache_control.split(',').map(|part| part.trim().to_ascii_lowercase()) {
        if directive == "no-store" || directive == "no-cache" {
            seconds = 0;
            break;
        }
        if let Some(value) = directive.strip_prefix("max-age=") {
            seconds = value.trim_matches('"').parse().unwrap_or(FRESH);
        }
    }
    Ttl::from_secs(seconds.clamp(FRESH_LEAST, FRESH_MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cache_control_counts_within_bounds() {
        for (header, seconds) in [
            ("", 300),
            ("public, max-age=600", 600),
            ("Max-Age=5", 30),
            ("max-age=99999999", 3600),
            ("max-age=99999999999999999999999", 300),
            ("max-age=-1", 30),
            ("no-cache, max-age=600", 30),
            ("max-age=600, no-store", 30),
            ("s-maxage=9", 300),
        ] {
            assert_eq!(freshness(header).secs(), seconds, "{header}");
        }
    }
}
