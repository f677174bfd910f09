//! Names that others choose. A look-up here is a few packets and a timer, and ends when its time does. The system's own,
//! `getaddrinfo`, cannot be ended: each that hangs keeps a thread, and a few that hang stop all of them.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    os::unix::fs::MetadataExt as _,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig, ResolverOpts},
    net::{NetError, runtime::TokioRuntimeProvider},
    system_conf::read_system_conf,
};

use crate::config::OutboundSection;

/// What the resolver is made of. When one of them changes, it is made anew.
const FILES: [&str; 2] = ["/etc/resolv.conf", "/etc/hosts"];

/// Which file, and how it was when it was read: device, inode, length, seconds and nanoseconds of its last change.
type Seen = [Option<(u64, u64, u64, i64, i64)>; 2];

/// Finds the addresses of names.
pub(super) struct Names {
    servers: Vec<SocketAddr>,
    patience: Duration,
    most: usize,
    current: Mutex<Option<(Seen, TokioResolver)>>,
}

impl Names {
    /// As configured; the system's files are read at the first look-up.
    pub(super) fn new(section: &OutboundSection) -> Self {
        Self {
            servers: section.name_servers.clone(),
            patience: Duration::from_millis(section.timeout_ms),
            most: section.max_concurrent,
            current: Mutex::new(None),
        }
    }

    /// The addresses of a name, of both families. Takes at most two thirds of the time that a fetch has. Nothing is
    /// remembered: who may be asked is judged anew at each fetch.
    ///
    /// # Errors
    /// [`NetError`] when there is none, or no server that says.
    pub(super) async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, NetError> {
        let found = Box::pin(self.resolver()?.lookup_ip(name)).await?;
        Ok(found.iter().collect())
    }

    fn resolver(&self) -> Result<TokioResolver, NetError> {
        let now = FILES.map(seen);
        // Whoever panicked held nothing half done.
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((then, resolver)) = current.as_ref()
            && *then == now
        {
            return Ok(resolver.clone());
        }
        let resolver = self.make()?;
        *current = Some((now, resolver.clone()));
        Ok(resolver)
    }

    fn make(&self) -> Result<TokioResolver, NetError> {
        let (config, mut options) = if self.servers.is_empty() {
            of_the_system()
        } else {
            let servers = self.servers.iter().map(|server| name_server(*server)).collect();
            (ResolverConfig::from_name_servers(servers), ResolverOpts::default())
        };
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        // Two attempts, and a third of the time is left for the connection, also where one family has no answer.
        options.timeout = self.patience / 3;
        options.attempts = 1;
        options.cache_size = 0;
        // Nobody's look-up waits for another's.
        options.max_active_requests = self.most.saturating_mul(4).max(options.max_active_requests);
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        *builder.options_mut() = options;
        builder.build()
    }
}

impl std::fmt::Debug for Names {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Names").field("servers", &self.servers).finish_non_exhaustive()
    }
}

fn seen(path: &str) -> Option<(u64, u64, u64, i64, i64)> {
    let file = std::fs::metadata(path).ok()?;
    Some((file.dev(), file.ino(), file.len(), file.mtime(), file.mtime_nsec()))
}

/// What `resolv.conf` says; without one, the server on this host (resolv.conf(5)).
fn of_the_system() -> (ResolverConfig, ResolverOpts) {
    read_system_conf().unwrap_or_else(|error| {
        tracing::warn!(%error, "resolv.conf does not read: this host's own name server is asked");
        let own = NameServerConfig::udp_and_tcp(IpAddr::V4(Ipv4Addr::LOCALHOST));
        (ResolverConfig::from_name_servers(vec![own]), ResolverOpts::default())
    })
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.to_vec())
}
