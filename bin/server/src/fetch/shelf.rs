//! Documents of one kind: fetched when needed, kept within bounds, fetched again at once where they may have changed,
//! and never more often than a few times in a row.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use domain::{TenantId, Timestamp, Ttl};
use moka::{notification::RemovalCause, policy::EvictionPolicy, sync::Cache};
use tokio::sync::watch;
use url::Url;

use super::{
    client::{FetchError, Fetched, Fetcher, Question},
    document::Document,
    engine::Engine,
    held::{Held, Kept, Read},
    target,
};
use crate::bucket::{BucketKey, Buckets};

/// Fetches of one document in a row, also when it changes twice within seconds or is named at other places; and how many
/// a minute after that.
const BURST: u32 = 5;
const PER_MINUTE: u32 = 6;

/// For how long nothing signed is fetched from a place that has just failed: whoever needs it has none, and does not wait.
const PAUSE: Ttl = Ttl::from_secs(15);

/// Places that are remembered as failing.
const MOST_PLACES: u64 = 10_000;

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
    /// By whose it is.
    buckets: Buckets,
    /// By where it is.
    hosts: Buckets,
    engine: Arc<Engine>,
}

/// The documents, and who is fetching which.
struct Memory<D> {
    kept: Cache<Key, Arc<Kept<D>>>,
    /// What each tenant's documents weigh.
    shares: Arc<Mutex<HashMap<TenantId, u64>>>,
    /// When a place last failed, by its URI, and when a document was last refused there, by whose it is.
    failed: Cache<Key, Timestamp>,
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
        Self {
            memory: Arc::new(Memory::default()),
            buckets: Buckets::new(BURST, PER_MINUTE),
            hosts: Buckets::new(D::FROM_A_HOST.0, D::FROM_A_HOST.1),
            engine: Arc::clone(engine),
        }
    }

    /// The document: from memory while it is fresh, else fetched; while that is not possible, the last one for as long
    /// as its kind allows. `None` when there is none. One that has only just gone stale, or could not be fetched since,
    /// is used while a fetch goes on beside.
    pub async fn held(&self, wanted: &Wanted<'_>, now: Timestamp) -> Option<Arc<Held<D>>> {
        let prepared = self.prepare(wanted, |_document| true, now);
        self.prepared(wanted, prepared, now).await.map(|kept| Arc::clone(&kept.newest))
    }

    /// The first half of [`Shelf::held`]: begins the fetch that is to be waited for, if one is. Of several that were
    /// prepared, each waits for the slowest alone. A document that is not `usable` is as good as none.
    pub fn prepare(&self, wanted: &Wanted<'_>, usable: impl Fn(&D) -> bool, now: Timestamp) -> Prepared {
        let known = self.memory.known(wanted).map(|kept| Arc::clone(&kept.newest));
        let known = known.filter(|held| held.is_for_now(now) && usable(&held.document));
        let begun = match &known {
            Some(held) if held.is_fresh(now) => None,
            _ => self.begin(wanted, now),
        };
        Prepared(begun.filter(|_| known.is_none()))
    }

    /// The second half: what is held then, usable or not.
    pub async fn prepared(
        &self,
        wanted: &Wanted<'_>,
        Prepared(begun): Prepared,
        now: Timestamp,
    ) -> Option<Arc<Kept<D>>> {
        if let Some(ended) = begun {
            end(ended).await;
        }
        self.memory.known(wanted).filter(|kept| kept.newest.is_good(now))
    }

    /// A newer one than `than`, because that lacks something: fetched at once, unless that was done too often of late.
    pub async fn newer(
        &self,
        wanted: &Wanted<'_>,
        than: &Arc<Held<D>>,
        now: Timestamp,
    ) -> Option<Arc<Held<D>>> {
        let newest = || self.memory.known(wanted).map(|kept| Arc::clone(&kept.newest));
        let is_newer = |held: &Arc<Held<D>>| !Arc::ptr_eq(held, than);
        if let Some(held) = newest().filter(is_newer) {
            return Some(held);
        }
        self.fetch(wanted, now).await;
        newest().filter(is_newer)
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
        if self.memory.has_failed(wanted, now) {
            return None;
        }
        self.take(wanted, now).ok()?;
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
        self.engine.run(work, now).then_some(ended)
    }

    /// Takes one fetch out of what may be.
    fn take(&self, wanted: &Wanted<'_>, now: Timestamp) -> Result<(), i64> {
        // By whose it is, not by URI: whoever changes its URI all the time is fetched from no more often.
        let own = BucketKey::new(wanted.tenant, &[D::PLACE, wanted.of]);
        self.buckets.take(own.clone(), now)?;
        // And by host: whoever has many clients makes this server ask one host no more often.
        self.hosts.take(wanted.host(), now).inspect_err(|_wait| self.buckets.give_back(&own, now))
    }
}

impl Wanted<'_> {
    /// The host that it is published at, for its tenant.
    fn host(&self) -> BucketKey {
        BucketKey::new(self.tenant, &[&target::host(self.uri).unwrap_or_default()])
    }

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

    /// Whether what is signed was asked for at that place a moment ago, for whomever, and the place failed; or whether that
    /// very document was refused.
    fn has_failed(&self, wanted: &Wanted<'_>, now: Timestamp) -> bool {
        let failed = [wanted.uri, wanted.of].map(|what| self.failed.get(&(wanted.tenant, what.into())));
        failed.into_iter().flatten().any(|failed| !failed.plus(PAUSE).has_passed(now))
    }

    /// What is held of the document. What is from a place that was left is let go of.
    fn known(&self, wanted: &Wanted<'_>) -> Option<Arc<Kept<D>>> {
        let key = wanted.key();
        let kept = self.kept.get(&key)?;
        if kept.newest.is_from(wanted.uri, wanted.private) {
            return Some(kept);
        }
        self.kept.invalidate(&key);
        None
    }

    /// Keeps what a fetch has found, unless it is wanted from elsewhere meanwhile.
    fn end(&self, key: &Key, one: &UnderWay, fetched: Result<Read<D>, Failed>, now: Timestamp) {
        let mut under_way = self.under_way();
        if !under_way.get(key).is_some_and(|last| last.ended.same_channel(&one.ended)) {
            return;
        }
        let last = self.kept.get(key).filter(|kept| kept.newest.is_from(&one.uri, one.private));
        match fetched {
            Ok(read) => {
                let next = Held::new((one.uri.clone(), one.private), read, now);
                self.keep(key, Kept::then(last.as_deref(), next));
            }
            Err(Failed { problem, lacks }) => {
                let uri = without_credentials(&one.uri);
                tracing::warn!(place = D::PLACE, uri, problem, "nothing could be fetched");
                let failed = match lacks {
                    Lacks::Place => Some(one.uri.as_str().into()),
                    Lacks::Document => Some(key.1.clone()),
                    Lacks::Sense => None,
                };
                if let Some(what) = failed.filter(|_| D::SIGNED) {
                    self.failed.insert((key.0, what), now);
                }
                if let Some(kept) = last {
                    kept.newest.could_not_be_fetched_again(now);
                }
            }
        }
        under_way.remove(key);
    }

    /// Keeps it, within the tenant's share.
    fn keep(&self, key: &Key, kept: Kept<D>) {
        let weight = u64::from(kept.weight());
        if D::SHARE < D::MOST && self.share(key.0).saturating_add(weight) > D::SHARE {
            self.make_room(key.0, D::SHARE.saturating_mul(3) / 4);
        }
        let mut shares = self.shares();
        let own = shares.entry(key.0).or_default();
        *own = own.saturating_add(weight);
        // Whatever leaves the cache, also what this one replaces, is taken from the share when it does.
        drop(shares);
        self.kept.insert(key.clone(), Arc::new(kept));
    }

    /// Lets go of what a tenant has fetched longest ago, until no more than so much is left.
    fn make_room(&self, tenant: TenantId, left: u64) {
        tracing::warn!(
            place = D::PLACE,
            most = D::SHARE,
            "a tenant's oldest documents are let go of: they are too many"
        );
        let own = self.kept.iter().filter(|(key, _)| key.0 == tenant);
        let mut own: Vec<_> = own.map(|(key, kept)| (kept.newest.fetched_at(), key)).collect();
        own.sort_unstable();
        for (_fetched_at, key) in own {
            if self.share(tenant) <= left {
                break;
            }
            self.kept.invalidate(&*key);
        }
    }

    fn share(&self, tenant: TenantId) -> u64 {
        self.shares().get(&tenant).copied().unwrap_or_default()
    }

    fn shares(&self) -> MutexGuard<'_, HashMap<TenantId, u64>> {
        self.shares.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<D: Document> Default for Memory<D> {
    fn default() -> Self {
        let shares = Arc::new(Mutex::new(HashMap::<TenantId, u64>::new()));
        let left = Arc::clone(&shares);
        let leave = move |key: Arc<Key>, kept: Arc<Kept<D>>, cause: RemovalCause| {
            let mut shares = left.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(own) = shares.get_mut(&key.0) {
                *own = own.saturating_sub(u64::from(kept.weight()));
            }
            if cause == RemovalCause::Size {
                tracing::warn!(place = D::PLACE, "what was fetched is let go of: there is too much of it");
            }
        };
        let weight = |_: &Key, kept: &Arc<Kept<D>>| kept.weight();
        let kept = Cache::builder().max_capacity(D::MOST).weigher(weight).eviction_listener(leave);
        // What was just fetched is wanted, however seldom it was before.
        let kept = kept.eviction_policy(EvictionPolicy::lru());
        Self {
            kept: kept.time_to_idle(Duration::from_hours(24)).build(),
            shares,
            failed: Cache::new(MOST_PLACES),
            under_way: Mutex::default(),
        }
    }
}

impl<D> std::fmt::Debug for Shelf<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shelf").field("engine", &self.engine).finish_non_exhaustive()
    }
}

/// A URI for the log: a query may carry credentials (DECISIONS 2), and a certificate may name anything.
fn without_credentials(uri: &str) -> String {
    let Ok(mut url) = Url::parse(uri) else { return String::new() };
    url.set_query(None);
    // Where a URI cannot have them there are none.
    let _none = (url.set_username(""), url.set_password(None));
    url.into()
}

/// Why there is no document.
#[derive(Debug)]
struct Failed {
    problem: String,
    lacks: Lacks,
}

/// What there is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lacks {
    /// Whoever answers there, whatever is asked: nobody else need wait for it.
    Place,
    /// The document: others may be had at the same place.
    Document,
    /// It came, and does not read.
    Sense,
}

/// The document.
async fn fetch<D: Document>(
    fetcher: &Fetcher,
    tenant: TenantId,
    (from, asked): (&UnderWay, Vec<u8>),
) -> Result<Read<D>, Failed> {
    let question = Question::new::<D>((&from.uri, from.private), asked);
    let failed = |error: FetchError| Failed {
        problem: error.to_string(),
        lacks: if error.is_of_place() { Lacks::Place } else { Lacks::Document },
    };
    let Fetched { bytes, fresh_for } = fetcher.bytes(tenant, question).await.map_err(failed)?;
    let length = bytes.len();
    // One takes milliseconds to read, in which others are fetched.
    #[expect(clippy::disallowed_methods, reason = "on the two threads that this runtime has for it")]
    let read = tokio::task::spawn_blocking(move || D::read(&bytes));
    let read = read.await.unwrap_or_else(|error| Err(error.to_string()));
    let document = read.map_err(|problem| Failed { problem, lacks: Lacks::Sense })?;
    Ok(Read { document, bytes: length, fresh_for })
}

#[cfg(test)]
mod tests;
