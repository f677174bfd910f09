//! `[server]`: the public listener.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// `[server]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerSection {
    /// Address and port of the public listener; port 0 picks a free one.
    pub listen: String,
    /// What the world calls this server: scheme, host and port, without a path. Issuers begin with it. Required by `serve`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// What the world calls the listener that asks for certificates, like `public_url`: discovery names it (RFC 8705 §5).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtls_url: Option<String>,
    /// Worker threads; 0: one per core.
    pub workers: usize,
    /// Most bytes of a request body.
    pub body_limit: usize,
    /// Seconds to receive a request's head, and as many for its body.
    pub request_timeout: u64,
    /// Milliseconds from a request's last byte on in which it is answered.
    pub answer_timeout_ms: u64,
    /// Seconds that an idle connection is kept.
    pub keep_alive: u64,
    /// Most connections, shared evenly by the workers.
    pub max_connections: usize,
    /// Most connections of one source, but for `trusted_proxies`; 0: a quarter of `max_connections`.
    pub max_connections_per_source: usize,
    /// Milliseconds that a request may wait for its turn before it is refused with 503.
    pub max_wait_ms: u64,
    /// Seconds that a step of the machine's clock has to stand before it is followed.
    pub clock_patience: i64,
    /// Seconds that requests in flight have to finish on SIGTERM.
    pub shutdown_timeout: u64,
    /// Networks (CIDR) of the proxies in front, whose `X-Forwarded-For` is believed; empty: nobody's is.
    pub trusted_proxies: Vec<ipnet::IpNet>,
}

impl Default for ServerSection {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            public_url: None,
            mtls_url: None,
            workers: 0,
            body_limit: 64 * 1024,
            request_timeout: 5,
            answer_timeout_ms: 3000,
            keep_alive: 15,
            max_connections: 12_000,
            max_connections_per_source: 0,
            max_wait_ms: 100,
            clock_patience: 300,
            shutdown_timeout: 30,
            trusted_proxies: Vec::new(),
        }
    }
}

impl ServerSection {
    /// Worker threads, counted.
    pub fn worker_threads(&self) -> usize {
        match self.workers {
            0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            workers => workers,
        }
    }

    /// Of `connections`, how many one source may hold. A quarter of few is too few: browsers open six at a time, and come
    /// from behind one address.
    pub fn share_of(&self, connections: usize) -> usize {
        match self.max_connections_per_source {
            0 => (connections / 4).max(64).min(connections),
            most => most,
        }
    }

    pub(super) fn check(&self) -> Result<Option<String>, ConfigError> {
        listen_address("server.listen", &self.listen)?;
        if !(1024..=1024 * 1024).contains(&self.body_limit) {
            return Err(ConfigError::value("server.body_limit", "must be between 1024 and 1048576 bytes"));
        }
        if self.answer_timeout_ms == 0 {
            return Err(ConfigError::value("server.answer_timeout_ms", "must be at least 1"));
        }
        if self.max_connections == 0 {
            return Err(ConfigError::value("server.max_connections", "must be at least 1"));
        }
        if !(10..=10_000).contains(&self.max_wait_ms) {
            return Err(ConfigError::value(
                "server.max_wait_ms",
                "must be between 10 and 10000 milliseconds",
            ));
        }
        if self.request_timeout == 0 {
            return Err(ConfigError::value("server.request_timeout", "must be at least 1"));
        }
        if !(0..=86_400).contains(&self.clock_patience) {
            return Err(ConfigError::value("server.clock_patience", "must be between 0 and 86400 seconds"));
        }
        if let Some(text) = &self.mtls_url
            && (!text.starts_with("https://") || base_url("server.mtls_url", text).is_err())
        {
            let problem = "must be https://, host and port only, such as https://mtls.id.example";
            return Err(ConfigError::value("server.mtls_url", problem));
        }
        self.public_url.as_deref().map(|text| base_url("server.public_url", text)).transpose()
    }
}

/// Checks a listen address.
pub(super) fn listen_address(key: &'static str, text: &str) -> Result<SocketAddr, ConfigError> {
    text.parse().map_err(|error| ConfigError::value(key, format!("{text:?} is not ADDRESS:PORT ({error})")))
}

fn base_url(key: &'static str, text: &str) -> Result<String, ConfigError> {
    let url = url::Url::parse(text).map_err(|error| ConfigError::value(key, format!("{text:?}: {error}")))?;
    let loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    if url.scheme() != "https" && !(url.scheme() == "http" && loopback) {
        return Err(ConfigError::value(key, "must begin with https:// (http:// only on loopback)"));
    }
    let bare =
        url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if !bare {
        return Err(ConfigError::value(
            key,
            "must be scheme, host and port only, such as https://id.example",
        ));
    }
    Ok(text.trim_end_matches('/').to_owned())
}
