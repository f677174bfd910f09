//! One request to a tenant's endpoint, read and named.

use std::{cell::RefCell, net::IpAddr, sync::Arc};

use actix_web::{HttpRequest, http::header, web::Bytes};
use domain::{
    Applied, Client, Env, Fault, Issuer, Layout, Origin, SourceAddr, Timestamp, WireProfile, WriteBatch,
    port::RememberedLookup as _,
};
use ipnet::IpNet;
use oidc_core::Params;
use storage::TenantStore;

use super::uses::Uses;
use crate::{app::App, facts::TenantFacts, flow::ROUNDS, lane, respond::Stop};

/// What the log and the metrics say of a request besides its outcome.
#[derive(Debug, Default)]
pub struct Told {
    /// The client concerned.
    pub client_id: Option<String>,
    /// Statements that read.
    pub reads: u32,
    /// Rows written.
    pub rows: u32,
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
    /// The values of all `Authorization` headers.
    pub authorization: Vec<Vec<u8>>,
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

    /// Runs a lookup and counts `statements`: here and now where the database is a file on this machine, for a look-up
    /// by key then takes less than the way to another thread and back; in the read lane otherwise.
    ///
    /// # Errors
    /// Those of the lane and of the lookup.
    pub async fn read<T: Send + 'static>(
        &self,
        statements: u32,
        lookup: impl FnOnce(&mut TenantStore) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        count(&mut self.told.borrow_mut().reads, statements);
        self.app.database.available()?;
        let mut store = self.store.clone();
        if self.app.database.is_local() {
            return lane::inline(|| lookup(&mut store))?;
        }
        self.app.reads.run(move || lookup(&mut store)).await?
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

    /// Notes activity. Where that cannot be written the answer is right all the same, and the next use tries again.
    pub async fn touch(&self, touch: domain::Write) {
        let Some(touch) = self.uses.add(touch) else { return };
        if !self.app.database.takes_writes() {
            // Whoever only asks should not wait for a disk that is full or a lock that is held.
            return;
        }
        count(&mut self.told.borrow_mut().rows, 1);
        let batch = WriteBatch { writes: vec![touch] };
        if let Err(fault) = self.app.commit(&self.store, batch).await {
            tracing::warn!(fault = %fault, "activity could not be written");
        }
    }

    /// The profile that holds for a client of this tenant.
    pub fn profile(&self, client: &Client) -> WireProfile {
        WireProfile::effective(self.facts.profile.name, client.profile)
    }
}

const fn count(total: &mut u32, more: u32) {
    *total = total.saturating_add(more);
}

/// Most hops of `X-Forwarded-For` that are looked at.
const MAX_HOPS: usize = 16;

/// The caller's address: see [`nearest`]. `None` where the socket has none.
pub fn source(http: &HttpRequest, trusted: &[IpNet]) -> Option<SourceAddr> {
    let forwarded: Vec<&str> = http
        .headers()
        .get_all(header::X_FORWARDED_FOR)
        .map(|value| value.to_str().unwrap_or_default())
        .collect();
    Some(nearest(http.peer_addr()?.ip(), &forwarded, trusted))
}

/// The socket's address, or where that is a trusted proxy's, the nearest address in the values of `X-Forwarded-For`
/// that is no trusted proxy's. What is malformed ends the walk: nothing to the left of it is believed.
pub fn nearest(peer: IpAddr, forwarded: &[&str], trusted: &[IpNet]) -> SourceAddr {
    let mut source = peer.to_canonical();
    let is_proxy = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
    let mut hops = forwarded.iter().rev().flat_map(|value| value.rsplit(',')).take(MAX_HOPS);
    while is_proxy(&source) {
        let Some(Ok(hop)) = hops.next().map(|hop| hop.trim().parse::<IpAddr>()) else { break };
        source = hop.to_canonical();
    }
    SourceAddr::new(source)
}

/// The values of all `Authorization` headers.
pub fn authorization(http: &HttpRequest) -> Vec<Vec<u8>> {
    http.headers().get_all(header::AUTHORIZATION).map(|value| value.as_bytes().to_vec()).collect()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn seen(peer: &str, forwarded: &[&str]) -> String {
        let mut request = TestRequest::default().peer_addr(format!("{peer}:1").parse().unwrap());
        for value in forwarded {
            request = request.append_header((header::X_FORWARDED_FOR, *value));
        }
        let trusted = ["10.0.0.0/24".parse().unwrap(), "10.1.0.1/32".parse().unwrap()];
        source(&request.to_http_request(), &trusted).unwrap().to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed_and_only_up_to_the_first_stranger() {
        assert_eq!(seen("192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(seen("10.0.0.5", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(seen("10.0.0.5", &["203.0.113.9, 198.51.100.7"]), "198.51.100.7");
        assert_eq!(seen("10.0.0.5", &["203.0.113.9, 198.51.100.7, 10.1.0.1"]), "198.51.100.7");
        assert_eq!(seen("10.0.0.5", &["203.0.113.9", "198.51.100.7"]), "198.51.100.7");
        assert_eq!(seen("10.0.0.5", &["::ffff:198.51.100.7"]), "198.51.100.7");
    }

    #[test]
    fn what_is_malformed_or_missing_leaves_the_proxy_itself() {
        assert_eq!(seen("10.0.0.5", &[]), "10.0.0.5");
        assert_eq!(seen("10.0.0.5", &["198.51.100.7, nonsense"]), "10.0.0.5");
        assert_eq!(seen("10.0.0.5", &["198.51.100.7:443"]), "10.0.0.5");
    }
}
