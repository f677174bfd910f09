//! One request to a tenant's endpoint, read and named.

use std::{cell::RefCell, sync::Arc};

use actix_web::{HttpRequest, http::header};
use domain::{Env, Fault, Origin, SourceAddr, Timestamp};
use oidc_core::Params;
use storage::TenantStore;

use crate::{app::App, facts::TenantFacts};

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
    /// What is told of it.
    pub told: RefCell<Told>,
}

impl Call {
    /// The environment of its decisions.
    pub fn env(&self) -> Env<'_> {
        self.app.env(self.now)
    }

    /// Names the client for the log.
    pub fn client(&self, id: &str) {
        self.told.borrow_mut().client_id = Some(id.to_owned());
    }

    /// Runs a lookup in the read lane and counts `statements`.
    ///
    /// # Errors
    /// Those of the lane and of the lookup.
    pub async fn read<T: Send + 'static>(
        &self,
        statements: u32,
        lookup: impl FnOnce(&mut TenantStore) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let reads = self.told.borrow().reads.saturating_add(statements);
        self.told.borrow_mut().reads = reads;
        let mut store = self.store.clone();
        self.app.reads.run(move || lookup(&mut store)).await?
    }

    /// Commits a batch and counts its rows.
    ///
    /// # Errors
    /// Those of storage.
    pub async fn commit(&self, batch: domain::WriteBatch) -> Result<domain::Applied, Fault> {
        let rows = u32::try_from(batch.writes.len()).unwrap_or(u32::MAX);
        let rows = self.told.borrow().rows.saturating_add(rows);
        self.told.borrow_mut().rows = rows;
        self.app.commit(&self.store, batch).await
    }
}

/// The caller's address as the socket has it. Proxies are not trusted.
pub fn source(http: &HttpRequest) -> Option<SourceAddr> {
    http.peer_addr().map(|address| SourceAddr::new(address.ip()))
}

/// The values of all `Authorization` headers.
pub fn authorization(http: &HttpRequest) -> Vec<Vec<u8>> {
    http.headers().get_all(header::AUTHORIZATION).map(|value| value.as_bytes().to_vec()).collect()
}
