//! One request to a tenant's endpoint, read and named.

use std::{
    cell::RefCell,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use actix_web::{HttpRequest, http::header, web::Bytes};
use domain::{
    Applied, Client, Env, Fault, Issuer, Layout, Origin, PeerCertificate, SourceAddr, Timestamp, Ttl,
    UnreadableCertificate, WireProfile, WriteBatch, port::RememberedLookup as _,
};
use oidc_core::Params;
use storage::TenantStore;

use super::{params, uses::Uses};
use crate::{app::App, facts::TenantFacts, flow::ROUNDS, lane, respond::Stop};

/// How long an answer that is known waits for its activity to be written: some commits, and no disk that hangs.
const TOUCH: Duration = Duration::from_millis(500);

/// For how long no activity is noted when one was waited for in vain.
const UNTOUCHED: Ttl = Ttl::from_secs(5);

/// What the log and the metrics say of a request besides its outcome.
#[derive(Debug, Default)]
pub struct Told {
    /// The client concerned.
    pub client_id: Option<String>,
    /// Who has proved to be what in it, where the audit log tells of refusals too.
    pub proven: Option<String>,
    /// Statements that read.
    pub reads: u32,
    /// Rows written.
    pub rows: u32,
    /// The `DPoP-Nonce` to answer with (RFC 9449 §8).
    pub dpop_nonce: Option<String>,
    /// Whether its proof (RFC 9449) is used up.
    pub proof_is_used_up: bool,
}

/// A request to an endpoint of a tenant.
pub struct Call {
    /// The server.
    pub app: Arc<App>,
    /// The tenant.
    pub facts: Arc<TenantFacts>,
    /// Its data.
    pub store: TenantStore,
    /// When the request arrived.
    pub now: Timestamp,
    /// Where it came from and what it is called.
    pub origin: Origin,
    /// The caller's address.
    pub source: SourceAddr,
    /// The certificate whose key the caller has proved to hold, if it showed one. Its chain has not been judged.
    pub shown: Option<Result<Arc<PeerCertificate>, UnreadableCertificate>>,
    /// Whether the request says that the certificate is to prove its client (seed 001).
    pub by_certificate: bool,
    /// The values of all `Authorization` headers.
    pub authorization: Vec<Vec<u8>>,
    /// What a DPoP proof must fit, where there is one.
    pub dpop: Option<Box<DpopHeaders>>,
    /// The `Accept` header.
    pub accept: Option<String>,
    /// The parameters.
    pub params: Params,
    /// The body, where an endpoint takes a document in it instead of parameters.
    pub document: Bytes,
    /// In which layout of paths it came: the issuer that it is answered by.
    pub layout: Layout,
    /// Which endpoint it asks, by its path's last part.
    pub endpoint: &'static str,
    /// What it uses up.
    pub uses: Uses,
    /// What is told of it.
    pub told: RefCell<Told>,
}

impl Call {
    /// The environment of its decisions.
    pub fn env(&self) -> Env<'_> {
        self.app.env(self.now)
    }

    /// The issuer that answers: each layout has its own, and no other is an audience of what is sent to it.
    pub fn issuer(&self) -> &Issuer {
        &self.facts.face_or_first(self.layout).issuer
    }

    /// Names the client for the log.
    pub fn client(&self, id: &str) {
        self.told.borrow_mut().client_id = Some(id.to_owned());
    }

    /// Says who has proved to be what, for the audit log.
    pub fn proven(&self, who: String) {
        self.told.borrow_mut().proven = Some(who);
    }

    /// Runs a lookup and counts `statements`: here and now where the database is a file on this machine, for a look-up
    /// by key then takes less than the way to another thread and back; in the read lane otherwise, and while one hangs.
    ///
    /// # Errors
    /// Those of the lane and of the lookup.
    pub async fn read<T: Send + 'static>(
        &self,
        statements: u32,
        lookup: impl FnOnce(&mut TenantStore) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let mut store = self.to_look_up(statements)?;
        if self.app.database.is_local() {
            if !self.app.reading.hangs() {
                let _under_way = self.app.reading.begin();
                return lane::inline(|| lookup(&mut store))?;
            }
            self.app.database.is_reading()?;
        }
        self.app.reads.run(move || lookup(&mut store)).await?
    }

    /// As [`Self::read`], for many statements: on the lane of reads even where the database is local.
    ///
    /// # Errors
    /// Those of the lane and of storage.
    pub async fn read_aside<T: Send + 'static>(
        &self,
        statements: u32,
        lookup: impl FnOnce(&mut TenantStore) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let mut store = self.to_look_up(statements)?;
        self.app.reads.run(move || lookup(&mut store)).await?
    }

    /// The tenant's rows for a lookup of so many `statements`, unless the database is away.
    fn to_look_up(&self, statements: u32) -> Result<TenantStore, Fault> {
        count(&mut self.told.borrow_mut().reads, statements);
        self.app.database.available()?;
        Ok(self.store.clone())
    }

    /// Commits a batch, together with what the request owes, and counts its rows.
    ///
    /// # Errors
    /// [`Stop::Refused`] when what is to be used once has been used, [`Stop::Fault`] for those of storage.
    pub async fn commit(&self, batch: WriteBatch) -> Result<Applied, Stop> {
        let batch = self.uses.with(batch);
        count(&mut self.told.borrow_mut().rows, u32::try_from(batch.writes.len()).unwrap_or(u32::MAX));
        let applied = self.app.commit(&self.store, batch).await?;
        match (applied, self.uses.suspects()) {
            (Applied::Committed, _) => self.uses.settle(),
            (Applied::Conflict, None) => {}
            (Applied::Conflict, Some((ids, replayed))) => {
                let used = move |store: &mut TenantStore| {
                    let mut known = ids.iter().map(|id| store.remembered(id.purpose, &id.key));
                    known.try_fold(false, |any, one| Ok(any || one?))
                };
                if self.read(1, used).await? {
                    self.uses.settle();
                    return Err(replayed.into());
                }
            }
        }
        Ok(applied)
    }

    /// Commits what is still owed, if anything: before the answer leaves, whatever it is.
    ///
    /// # Errors
    /// As [`Call::commit`]; [`Fault::Contended`].
    pub async fn settle(&self) -> Result<(), Stop> {
        if self.uses.are_settled() {
            return Ok(());
        }
        for _ in 0..ROUNDS {
            if self.commit(WriteBatch::new()).await? == Applied::Committed {
                return Ok(());
            }
        }
        Err(Fault::Contended(ROUNDS).into())
    }

    /// Notes activity. Where that cannot be written, or not soon, the answer is right all the same, and the next use tries
    /// again.
    pub async fn touch(&self, touch: domain::Write) {
        let Some(touch) = self.uses.add(touch) else { return };
        let steady = self.app.clock.steady();
        if !self.app.database.takes_writes() || steady.millis() < self.app.untouched.load(Ordering::Relaxed) {
            // Whoever only asks should not wait for a disk that is full or a lock that is held.
            return;
        }
        count(&mut self.told.borrow_mut().rows, 1);
        let batch = WriteBatch { writes: vec![touch] };
        match tokio::time::timeout(TOUCH, self.app.commit(&self.store, batch)).await {
            Ok(Ok(_applied)) => {}
            Ok(Err(fault)) => tracing::warn!(fault = %fault, "activity could not be written"),
            Err(_elapsed) => {
                // It is written all the same if the commit that hangs ends. Others do not wait for it as well.
                self.app.untouched.store(steady.plus(UNTOUCHED).millis(), Ordering::Relaxed);
                tracing::warn!("activity could not be written in time; for some seconds none is noted");
            }
        }
    }

    /// The certificate that the caller showed, if it reads.
    pub fn certificate(&self) -> Option<&Arc<PeerCertificate>> {
        self.shown.as_ref()?.as_ref().ok()
    }

    /// The profile that holds for a client of this tenant.
    pub fn profile(&self, client: &Client) -> WireProfile {
        WireProfile::effective(self.facts.profile.name, client.profile)
    }
}

const fn count(total: &mut u32, more: u32) {
    *total = total.saturating_add(more);
}

/// Whether the query says `_tlsclientauth=1` (seed 001), under every profile.
pub fn by_certificate(http: &HttpRequest) -> bool {
    http.query_string().split('&').any(|pair| pair == params::BY_CERTIFICATE)
}

/// What came in `DPoP` headers, and what a proof in it must be for.
pub struct DpopHeaders {
    /// The values of all of them.
    pub values: Vec<Vec<u8>>,
    /// The request's method.
    pub method: String,
    /// Its path.
    path: String,
}

impl DpopHeaders {
    /// The URLs by which a client may have addressed the request, as the world knows this server: what `Host` says is
    /// the caller's own word.
    pub fn urls(&self, app: &App) -> Vec<String> {
        let bases = app.bases();
        // The listener that asks for certificates has a name of its own (RFC 8705 §5).
        let bases = [Some(bases.public), bases.mtls].into_iter().flatten();
        bases.map(|base| format!("{}{}", base.trim_end_matches('/'), self.path)).collect()
    }
}

/// What came in `DPoP` headers; `None` where there are none.
pub fn dpop(http: &HttpRequest) -> Option<Box<DpopHeaders>> {
    let values: Vec<_> = http.headers().get_all("dpop").map(|value| value.as_bytes().to_vec()).collect();
    let (method, path) = (http.method().as_str(), http.path());
    (!values.is_empty())
        .then(|| Box::new(DpopHeaders { values, method: method.to_owned(), path: path.to_owned() }))
}

/// The values of all `Authorization` headers.
pub fn authorization(http: &HttpRequest) -> Vec<Vec<u8>> {
    http.headers().get_all(header::AUTHORIZATION).map(|value| value.as_bytes().to_vec()).collect()
}
