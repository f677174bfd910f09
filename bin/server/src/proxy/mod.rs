//! Proxies in front: whom to believe, and what they say of the client's address and certificate
//! (docs/mtls-behind-a-proxy.md).

mod client_cert;
mod nginx;
mod xfcc;

use std::{net::IpAddr, sync::Arc};

use actix_web::{
    HttpRequest,
    http::header::{self, HeaderMap},
};
use domain::{OAuthErrorCode, PeerCertificate, Refusal, SourceAddr, Thumbprint, UnreadableCertificate};
use ipnet::IpNet;
use moka::sync::Cache;

use crate::{
    config::{CertificateHeader, ConfigError, ProxySection, ServerSection},
    connection,
};

/// Most hops of `X-Forwarded-For` that are looked at.
const MAX_HOPS: usize = 16;

/// Most bytes of a header that carries a certificate, its lines together.
const LONGEST: usize = 48 * 1024;

/// Certificates that stay read: reading one costs more than using it.
const KEPT: u64 = 2048;

/// A certificate that was shown.
type Shown = Result<Arc<PeerCertificate>, UnreadableCertificate>;

/// A certificate and what came with it, as DER.
type Told = (Vec<u8>, Vec<Vec<u8>>);

/// Reads one form of it.
type Reader = fn(&Lines<'_>) -> Result<Option<Told>, Unreadable>;

/// A header in which a certificate should be does not read. It says what is wrong with it, and repeats nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Unreadable(&'static str);

/// The proxies in front of this server.
#[derive(Debug)]
pub struct Proxies {
    networks: Vec<IpNet>,
    identities: Vec<Thumbprint>,
    form: CertificateHeader,
    name: String,
    read: Cache<Thumbprint, Arc<PeerCertificate>>,
}

impl Proxies {
    /// Those that are configured.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for a thumbprint that is none.
    pub fn from_sections(server: &ServerSection, section: &ProxySection) -> Result<Self, ConfigError> {
        Ok(Self {
            networks: server.trusted_proxies.clone(),
            identities: section.thumbprints()?,
            form: section.certificate_header,
            name: section.certificate_header_name.to_ascii_lowercase(),
            read: Cache::new(KEPT),
        })
    }

    /// The caller's address. `None` where the socket has none.
    pub fn source(&self, http: &HttpRequest) -> Option<SourceAddr> {
        let peer = http.peer_addr()?.ip();
        let forwarded: Vec<&str> = http
            .headers()
            .get_all(header::X_FORWARDED_FOR)
            .map(|value| value.to_str().unwrap_or_default())
            .collect();
        Some(nearest(peer, self.is_authenticated(http), &forwarded, &self.networks))
    }

    /// The certificate whose key the caller has proved to hold: to a proxy that says so, or on this very connection.
    /// What someone else says in a proxy's header is not looked at.
    ///
    /// # Errors
    /// 400 `invalid_request` when a proxy's header does not read. Nothing would be safe to assume then: a header that is
    /// there twice comes from a proxy that lets its clients' own pass.
    pub fn certificate(&self, http: &HttpRequest) -> Result<Option<Shown>, Refusal> {
        let own = connection::certificate(http);
        if self.networks.is_empty() && self.identities.is_empty() {
            return Ok(own);
        }
        let listed = || http.peer_addr().is_some_and(|peer| is_listed(&self.networks, peer.ip()));
        if !self.is_authenticated(http) && !listed() {
            return Ok(own);
        }
        let told = match self.form {
            // What is shown on a proxy's connection is the proxy's own, and everybody's who comes through it.
            CertificateHeader::None => return Ok(None),
            CertificateHeader::ClientCert => self.told(http, &client_cert::HEADERS, client_cert::read),
            CertificateHeader::Nginx => self.told(http, &[&self.name], nginx::read),
            CertificateHeader::Xfcc => self.told(http, &[xfcc::HEADER], xfcc::read),
        };
        let told = told.map(|told| told.map(Ok));
        told.map_err(|Unreadable(what)| {
            tracing::warn!(what, "a proxy's certificate header does not read");
            Refusal::new(
                OAuthErrorCode::InvalidRequest,
                "proxy_certificate_header",
                "The header in which the proxy hands certificates on does not read",
            )
        })
    }

    fn is_authenticated(&self, http: &HttpRequest) -> bool {
        !self.identities.is_empty()
            && connection::certificate(http)
                .and_then(Result::ok)
                .is_some_and(|certificate| self.identities.contains(&certificate.thumbprint))
    }

    /// Reads the header lines `names`, or remembers what they said.
    fn told(
        &self,
        http: &HttpRequest,
        names: &[&str],
        read: Reader,
    ) -> Result<Option<Arc<PeerCertificate>>, Unreadable> {
        let lines = Lines::of(http.headers(), names)?;
        if lines.is_empty() {
            return Ok(None);
        }
        let key = lines.digest();
        if let Some(known) = self.read.get(&key) {
            return Ok(Some(known));
        }
        let Some(certificate) = carried(&lines, read)?.map(Arc::new) else { return Ok(None) };
        self.read.insert(key, Arc::clone(&certificate));
        Ok(Some(certificate))
    }
}

/// The certificate that lines carry.
fn carried(lines: &Lines<'_>, read: Reader) -> Result<Option<PeerCertificate>, Unreadable> {
    let Some((leaf, chain)) = read(lines)? else { return Ok(None) };
    let certificate = jose::peer_certificate(&leaf, chain);
    certificate.map(Some).or(Err(Unreadable("what it carries is no certificate, or too large a one")))
}

/// Lines of the headers that carry a certificate, by the place of their name; empty ones, too. A proxy that adds its own
/// empty line to a client's would otherwise pass for one that replaces.
struct Lines<'a>(Vec<(usize, &'a str)>);

impl<'a> Lines<'a> {
    fn of(headers: &'a HeaderMap, names: &[&str]) -> Result<Self, Unreadable> {
        let (mut lines, mut length) = (Vec::new(), 0_usize);
        for (place, name) in names.iter().enumerate() {
            for value in headers.get_all(*name) {
                length = length.saturating_add(value.len());
                if length > LONGEST {
                    return Err(Unreadable("it is too long"));
                }
                let text = value.to_str().or(Err(Unreadable("it is no visible ASCII")))?.trim();
                lines.push((place, text));
            }
        }
        Ok(Self(lines))
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The only line of a name; `None` when there is none, or that says nothing.
    fn only(&self, place: usize) -> Result<Option<&'a str>, Unreadable> {
        let mut lines = self.all(place);
        let first = lines.next();
        if lines.next().is_some() {
            return Err(Unreadable(
                "it is there more than once: the proxy must replace what its clients send",
            ));
        }
        Ok(first.filter(|text| !text.is_empty()))
    }

    fn all(&self, place: usize) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(of, _)| *of == place).map(|(_, text)| *text)
    }

    /// What they are remembered by. No line has a line feed.
    fn digest(&self) -> Thumbprint {
        let whole = |(place, text): &(usize, &str)| format!("{place}{text}\n");
        Thumbprint::of(self.0.iter().map(whole).collect::<String>().as_bytes())
    }
}

fn is_listed(networks: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|net| net.contains(&address))
}

/// The socket's address, or where that is a trusted proxy's, the nearest address in the values of `X-Forwarded-For`
/// that is no trusted proxy's. `authenticated`: the socket is a proxy's, whatever its address. What is malformed ends
/// the walk: nothing to the left of it is believed.
pub fn nearest(peer: IpAddr, authenticated: bool, forwarded: &[&str], trusted: &[IpNet]) -> SourceAddr {
    let mut source = peer.to_canonical();
    let mut believed = authenticated || is_listed(trusted, source);
    let mut hops = forwarded.iter().rev().flat_map(|value| value.rsplit(',')).take(MAX_HOPS);
    while believed {
        let Some(Ok(hop)) = hops.next().map(|hop| hop.trim().parse::<IpAddr>()) else { break };
        source = hop.to_canonical();
        believed = is_listed(trusted, source);
    }
    SourceAddr::new(source)
}

/// The certificate that headers carry in each of the forms, as from a trusted proxy: `Client-Cert`, nginx's in a header of
/// this name, Envoy's. For fuzzing.
pub fn read_anything(headers: &HeaderMap, name: &str) -> [Option<PeerCertificate>; 3] {
    let forms: [(&[&str], Reader); 3] =
        [(&client_cert::HEADERS, client_cert::read), (&[name], nginx::read), (&[xfcc::HEADER], xfcc::read)];
    forms.map(|(names, read)| carried(&Lines::of(headers, names).ok()?, read).ok().flatten())
}

#[cfg(test)]
mod tests;
