//! Documents of one kind: fetched when needed, kept within bounds, fetched again at once where they may have changed,
//! and never more often than a few times in a row.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use domain::{TenantId, Timestamp};
use moka::sync::Cache;
use tokio::sync::watch;
use url::Url;

use super::{
    client::{Fetcher, Question},
    document::Document,
    engine::Engine,
    held::Held,
};
use crate::bucket::{BucketKey, Buckets};

/// Fetches of one document in a row, also when it changes twice within seconds or is named at other places; and how many
/// a minute after that.
const BURST: u32 = 5;
const PER_MINUTE: u32 = 6;

/// Which document, and what its tenant allows.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The tenant: what one has learned, another must fetch for itself.
    pub tenant: TenantId,
    /// Whose it is, such as a client's, of which one is held.
    pub of: &'a str,
    /// Where it is published.
    pub uri: &'a str,
    /// What is asked there; empty where nothing is. The same for all that have the same `of`.
    pub question: &'a [u8],
    /// Whether from private addresses, too.
    pub private: bool,
}

type Key = (TenantId, Box<str>);

/// All documents of a kind. Instants are those of a steady clock.
pub struct Shelf<D> {
    memory: Arc<Memory<D>>,
    buckets: Buckets,
    engine: Arc<Engine>,
}

/// The documents, and who is fetching which.
struct Memory<D> {
    held: Cache<Key, Arc<Held<D>>>,
    under_way: Mutex<HashMap<Key, UnderWay>>,
}

/// A fetch that has begun. It has ended when the sender is gone, however that was.
#[derive(Clone, Debug)]
struct UnderWay {
    uri: String,
    private: bool,
    ended: watch::Receiver<()>,
}

/// A fetch that is waited for, or none.
#[derive(Debug)]
pub struct Prepared(Option<watch::Receiver<()>>);

/// Waits for the end of a fetch.
async fn end(mut ended: watch::Receiver<()>) {
    // Nothing is ever sent: the sender goes when the fetch has ended.
    while ended.changed().await.is_ok() {}
}

impl<D: Document> Shelf<D> {
    /// Nothing yet.
    pub(super) fn new(engine: &Arc<Engine>) -> Self {
        let weight = |_: &Key, held: &Arc<Held<D>>| held.document.weight();
        let held = Cache::builder().max_capacity(D::MOST).weigher(weight);
        let held = held.time_to_idle(Duration::from_hours(24)).build();
        Self {
            memory: Arc::new(Memory { held, under_way: Mutex::default() }),
            buckets: Buckets::new(BURST, PER_MINUTE),
            engine: Arc::clone(engine),
        }
    }

    /// The document: from memory while it is fresh, else fetched; while that is not possible, the last one for as long
    /// as its kind allows. `None` when there is none. One that has only just gone stale, or could not be fetched since,
    /// is used while a fetch goes on beside.
    pub async fn held(&self, wanted: &Wanted<'_>, now: Timestamp) -> Option<Arc<Held<D>>> {
        let prepared = self.prepare(wanted, now);
        self.prepared(wanted, prepared, now).await
    }

    /// The first half of [`Shelf::held`]: begins the fetch that is to be waited for, if one is. Of several that were
    /// prepared, each waits for the slowest alone.
    pub fn prepare(&self, wanted: &Wanted<'_>, now: Timestamp) -> Prepared {
        let known = self.memory.known(wanted).filter(|held| held.is_for_now(now));
        let begun = match &known {
            Some(held) if held.is_fresh(now) => None,
            _ => self.begin(wanted, now),
        };
        Prepared(begun.filter(|_| known.is_none()))
    }

    /// The second half.
    pub async fn prepared(
        &self,
        wanted: &Wanted<'_>,
        Prepared(begun): Prepared,
        now: Timestamp,
    ) -> Option<Arc<Held<D>>> {
        if let Some(ended) = begun {
            end(ended).await;
        }
        self.memory.known(wanted).filter(|held| held.is_good(now))
    }

    /// A newer one than `than`, because that lacks something: fetched at once, unless that was done too often of late.
    pub async fn newer(
        &self,
        wanted: &Wanted<'_>,
        than: &Arc<Held<D>>,
        now: Timestamp,
    ) -> Option<Arc<Held<D>>> {
        let is_newer = |held: &Arc<Held<D>>| !Arc::ptr_eq(held, than);
        if let Some(held) = self.memory.known(wanted).filter(is_newer) {
            return Some(held);
        }
        self.fetch(wanted, now).await;
        self.memory.known(wanted).filter(is_newer)
    }

    /// Joins the fetch that is under way, or begins one if that may be. Returns when it has ended.
    async fn fetch(&self, wanted: &Wanted<'_>, now: Timestamp) {
        if let Some(ended) = self.begin(wanted, now) {
            end(ended).await;
        }
    }

    fn begin(&self, wanted: &Wanted<'_>, now: Timestamp) -> Option<watch::Receiver<()>> {
        let key = wanted.key();
        let mut under_way = self.memory.under_way();
        if let Some(one) = under_way.get(&key).filter(|one| one.is_for(wanted)) {
            return Some(one.ended.clone());
        }
        // By whose it is, not by URI: whoever changes its URI all the time is fetched from no more often.
        self.buckets.take(BucketKey::new(wanted.tenant, &[D::PLACE, wanted.of]), now).ok()?;
        let (sender, ended) = watch::channel(());
        let one = UnderWay { uri: wanted.uri.to_owned(), private: wanted.private, ended: ended.clone() };
        under_way.insert(key.clone(), one.clone());
        drop(under_way);
        let (memory, question) = (Arc::clone(&self.memory), wanted.question.to_vec());
        let work = |fetcher: Arc<Fetcher>| async move {
            let fetched = fetch(&fetcher, key.0, (&one, question)).await;
            memory.end(&key, &one, fetched, now);
            drop(sender);
        };
        self.engine.run(work).then_some(ended)
    }
}

impl Wanted<'_> {
    fn key(&self) -> Key {
        (self.tenant, self.of.into())
    }
}

impl UnderWay {
    fn is_for(&self, wanted: &Wanted<'_>) -> bool {
        self.uri == wanted.uri && self.private == wanted.private && self.ended.has_changed().is_ok()
    }
}

impl<D: Document> Memory<D> {
    fn under_way(&self) -> MutexGuard<'_, HashMap<Key, UnderWay>> {
        // Whoever panicked held nothing half done.
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The document that is held. One from a place that was left is let go of.
    fn known(&self, wanted: &Wanted<'_>) -> Option<Arc<Held<D>>> {
        let key = wanted.key();
        let held = self.held.get(&key)?;
        if held.is_from(wanted.uri, wanted.private) {
            return Some(held);
        }
        self.held.invalidate(&key);
        None
    }

    /// Keeps what a fetch has found, unless it is wanted from elsewhere meanwhile.
    fn end(&self, key: &Key, one: &UnderWay, fetched: Result<(D, String), String>, now: Timestamp) {
        let mut under_way = self.under_way();
        if !under_way.get(key).is_some_and(|last| last.ended.same_channel(&one.ended)) {
            return;
        }
        match fetched {
            Ok((document, cache_control)) => {
                let from = (one.uri.clone(), one.private);
                self.held.insert(key.clone(), Arc::new(Held::new(from, document, &cache_control, now)));
            }
            Err(problem) => {
                let uri = without_query(&one.uri);
                tracing::warn!(place = D::PLACE, uri, problem, "nothing could be fetched");
                if let Some(held) = self.held.get(key) {
                    held.could_not_be_fetched_again(now);
                }
            }
        }
        under_way.remove(key);
    }
}

impl<D> std::fmt::Debug for Shelf<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shelf").field("engine", &self.engine).finish_non_exhaustive()
    }
}

/// A URI for the log: a query may carry credentials (DECISIONS 2).
fn without_query(uri: &str) -> String {
    let Ok(mut url) = Url::parse(uri) else { return String::new() };
    url.set_query(None);
    url.into()
}

/// The document, and `Cache-Control`.
async fn fetch<D: Document>(
    fetcher: &Fetcher,
    tenant: TenantId,
    (from, asked): (&UnderWay, Vec<u8>),
) -> Result<(D, String), String> {
    let question = Question::new::<D>((&from.uri, from.private), asked);
    let fetched = fetcher.bytes(tenant, question).await;
    let fetched = fetched.map_err(|error| error.to_string())?;
    // One takes milliseconds to read, in which others are fetched.
    #[expect(clippy::disallowed_methods, reason = "on the two threads that this runtime has for it")]
    let read = tokio::task::spawn_blocking(move || D::read(&fetched.bytes));
    let document = read.await.map_err(|error| error.to_string())??;
    Ok((document, fetched.cache_control))
}

#[cfg(test)]
mod tests;
