//! One fetch, within bounds.

use std::{future::Future, io, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

use domain::{TenantId, Ttl};
use reqwest::{
    Certificate, Client, Response,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::Policy,
};
use url::Url;

use super::{document::Document, held::freshness, names, target, turns::Turns};
use crate::config::OutboundSection;

/// Why nothing was fetched: for the log.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("{0}")]
    Target(&'static str),
    #[error("it took too long")]
    TimedOut,
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    #[error("the answer has status {0}")]
    Status(u16),
    #[error("{}", told(.0))]
    Http(#[from] reqwest::Error),
}

impl FetchError {
    /// Whether nobody answers at that place in time: what else is asked there is as well as lost.
    pub(super) fn is_of_place(&self) -> bool {
        match self {
            Self::TimedOut => true,
            Self::Http(error) => error.is_connect() || error.is_timeout(),
            Self::Target(_) | Self::TooLong(_) | Self::Status(_) => false,
        }
    }
}

/// The error with what is behind it, without the URI.
fn told(error: &reqwest::Error) -> String {
    let causes = causes(error);
    if causes.is_empty() { "the request failed".to_owned() } else { causes.join(": ") }
}

/// What is behind an error, the nearest first.
pub fn causes(error: &dyn std::error::Error) -> Vec<String> {
    std::iter::successors(error.source(), |cause| cause.source()).map(ToString::to_string).collect()
}

/// What is to be fetched.
pub(super) struct Question<'a> {
    uri: &'a str,
    /// Also from private addresses.
    private: bool,
    /// Whether it may come without TLS.
    signed: bool,
    accept: &'static str,
    /// Bytes.
    longest: usize,
    asked: Option<(&'static str, Vec<u8>)>,
}

impl<'a> Question<'a> {
    /// For a document of a kind, with what is asked, if that is anything.
    pub(super) fn new<D: Document>((uri, private): (&'a str, bool), asked: Vec<u8>) -> Self {
        let asked = (!asked.is_empty()).then_some((D::QUESTION, asked));
        Self { uri, private, signed: D::SIGNED, accept: D::ACCEPT, longest: D::LONGEST, asked }
    }
}

/// What was fetched.
pub(super) struct Fetched {
    pub(super) bytes: Vec<u8>,
    /// For how long it is fresh, as its head says.
    pub(super) fresh_for: Ttl,
}

/// Fetches.
#[derive(Debug)]
pub(super) struct Fetcher {
    public: Client,
    private: Client,
    turns: Turns,
    turns_for_signed: Turns,
    patience: Duration,
}

impl Fetcher {
    /// A fetcher as configured. A file of authorities that does not read is told to the log; then the system's alone
    /// are trusted.
    pub(super) fn new(section: &OutboundSection) -> Result<Self, FetchError> {
        Self::with(section, &system(section))
    }

    fn with(section: &OutboundSection, names: &Names) -> Result<Self, FetchError> {
        let authorities = section.ca_file.as_ref().map(|path| {
            std::fs::read(path)
                .map_err(|error| error.to_string())
                .and_then(|pem| Certificate::from_pem_bundle(&pem).map_err(|error| error.to_string()))
                .unwrap_or_else(|problem| {
                    tracing::error!(path = %path.display(), problem, "outbound.ca_file does not read");
                    Vec::new()
                })
        });
        let authorities = authorities.unwrap_or_default();
        let patience = Duration::from_millis(section.timeout_ms);
        let client = |private| {
            let mut builder = Client::builder()
                .redirect(Policy::none())
                .no_proxy()
                .referer(false)
                // A name is asked for and judged at each fetch.
                .pool_max_idle_per_host(0)
                .timeout(patience)
                .dns_resolver(Arc::new(Resolver { private, names: Arc::clone(names) }));
            for authority in &authorities {
                builder = builder.add_root_certificate(authority.clone());
            }
            builder.build()
        };
        Ok(Self {
            public: client(false)?,
            private: client(true)?,
            turns: Turns::new(section.max_concurrent, Some(section.max_per_host)),
            // Whoever names a place that hangs for its keys does not keep others' revocations from being told. Tenants and
            // their authorities name those places, and few name the place of many.
            turns_for_signed: Turns::new(section.max_concurrent, None),
            patience,
        })
    }

    /// Fetches for a tenant, in all within the configured time, its turn included.
    pub(super) async fn bytes(
        &self,
        tenant: TenantId,
        question: Question<'_>,
    ) -> Result<Fetched, FetchError> {
        // Again, although it was checked when it was registered: settings change.
        let judge = if question.signed { target::check_signed } else { target::check };
        let url = judge(question.uri, question.private).map_err(FetchError::Target)?;
        let work = async {
            let turns = if question.signed { &self.turns_for_signed } else { &self.turns };
            let _turn = turns.of(tenant, target::name(&url)).await;
            self.get(url.clone(), question).await
        };
        tokio::time::timeout(self.patience, work).await.unwrap_or(Err(FetchError::TimedOut))
    }

    async fn get(&self, url: Url, question: Question<'_>) -> Result<Fetched, FetchError> {
        let Question { private, accept, longest, asked, .. } = question;
        let client = if private { &self.private } else { &self.public };
        let request = match asked {
            None => client.get(url),
            Some((media, body)) => client.post(url).header("content-type", media).body(body),
        };
        let mut response = request.header("accept", accept).send().await?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        let fresh_for = freshness(&lines(&response, "cache-control"), &lines(&response, "age"));
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if bytes.len().saturating_add(chunk.len()) > longest {
                return Err(FetchError::TooLong(longest));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Fetched { bytes, fresh_for })
    }
}

/// A header's lines as one (RFC 9110 §5.3).
fn lines(response: &Response, name: &str) -> String {
    let lines = response.headers().get_all(name).iter().filter_map(|value| value.to_str().ok());
    lines.collect::<Vec<_>>().join(", ")
}

/// Who says which addresses a name has.
type Names = Arc<dyn Fn(&str) -> Found + Send + Sync>;

/// What it says; the port is of no account.
type Found = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Whom the configuration names, or the machine's own name servers.
fn system(section: &OutboundSection) -> Names {
    let names = Arc::new(names::Names::new(section));
    Arc::new(move |name| {
        let (names, name) = (Arc::clone(&names), name.to_owned());
        Box::pin(async move {
            let found = names.addresses(&name).await.map_err(io::Error::other)?;
            Ok(found.into_iter().map(|address| SocketAddr::new(address, 0)).collect())
        })
    })
}

/// Gives only addresses that may be connected to. The connection is made to what was judged here: a name server that
/// gives another answer a moment later is not asked again.
struct Resolver {
    private: bool,
    names: Names,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (private, found) = (self.private, (self.names)(name.as_str()));
        Box::pin(async move {
            let found = found.await?.into_iter();
            let fit: Vec<SocketAddr> = found.filter(|socket| target::address(socket.ip(), private)).collect();
            if fit.is_empty() {
                return Err("the name leads to no address that may be fetched from".into());
            }
            Ok(Box::new(fit.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests;
