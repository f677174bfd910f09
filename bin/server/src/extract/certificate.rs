//! The caller's certificate: the connection's own, or what a trusted proxy says of the connection that it ended.

use std::{net::IpAddr, sync::Arc};

use actix_web::{
    HttpRequest,
    http::header::{HeaderMap, HeaderName},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{OAuthErrorCode, PeerCertificate, Refusal, Thumbprint};
use moka::sync::Cache;

use crate::{
    app::App,
    config::{CertificateHeader, ServerSection},
    connection,
};

/// Longest header value that is read, bytes: a certificate of 16 KiB, escaped.
const LONGEST: usize = 56 * 1024;
/// Most certificates of a chain.
const MOST: usize = 8;

/// Certificates that proxies told of, by what they said.
pub struct Forwarded(Cache<Thumbprint, Arc<PeerCertificate>>);

impl Default for Forwarded {
    fn default() -> Self {
        Self(Cache::new(2_000))
    }
}

impl std::fmt::Debug for Forwarded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Forwarded({})", self.0.entry_count())
    }
}

/// A header of a trusted proxy that does not read, or comes twice: perhaps one is the caller's own.
const MALFORMED: Refusal = Refusal::new(
    OAuthErrorCode::InvalidRequest,
    "certificate_header_malformed",
    "The certificate in the request's header does not read, or there are several: the proxy must replace what callers \
     send",
);

/// The certificate whose key the caller has proved to hold. Headers count from a trusted proxy alone, and only those
/// that the configuration names; there they count instead of the proxy's own certificate.
///
/// # Errors
/// `invalid_request` when a trusted proxy's header does not read.
pub fn of(app: &App, http: &HttpRequest) -> Result<Option<Arc<PeerCertificate>>, Refusal> {
    let server = &app.config.raw.server;
    let Some(kind) = server.certificate_header.filter(|_| is_proxy(server, http)) else {
        return Ok(connection::certificate(http));
    };
    let Some(said) = said(kind, http.headers())? else { return Ok(None) };
    let key = Thumbprint::of(said.join("\n").as_bytes());
    if let Some(known) = app.forwarded.0.get(&key) {
        return Ok(Some(known));
    }
    let certificate = Arc::new(read(kind, &said).ok_or(MALFORMED)?);
    app.forwarded.0.insert(key, Arc::clone(&certificate));
    Ok(Some(certificate))
}

fn is_proxy(server: &ServerSection, http: &HttpRequest) -> bool {
    let peer = http.peer_addr().map(|address| address.ip().to_canonical());
    peer.is_some_and(|peer: IpAddr| server.trusted_proxies.iter().any(|net| net.contains(&peer)))
}

/// The values of a kind's header, the certificate's own first; `None` without one.
fn said(kind: CertificateHeader, headers: &HeaderMap) -> Result<Option<Vec<&str>>, Refusal> {
    let own = values(headers, HeaderName::from_static(kind.header()))?;
    let leaf = match own.as_slice() {
        [] => return Ok(None),
        [one] => *one,
        _ => return Err(MALFORMED),
    };
    // What a proxy writes whose caller has none.
    if matches!(leaf, "" | "::") {
        return Ok(None);
    }
    let mut said = vec![leaf];
    if kind == CertificateHeader::ClientCert {
        said.extend(values(headers, HeaderName::from_static("client-cert-chain"))?);
    }
    Ok(Some(said))
}

fn values(headers: &HeaderMap, name: HeaderName) -> Result<Vec<&str>, Refusal> {
    let text = |value: &'_ actix_web::http::header::HeaderValue| value.len() <= LONGEST;
    let mut found = Vec::new();
    for value in headers.get_all(name) {
        found.push(value.to_str().ok().filter(|_| text(value)).ok_or(MALFORMED)?.trim());
    }
    Ok(found)
}

/// Reads what a header says. `said` is the certificate, and for [`CertificateHeader::ClientCert`] lists of what came with it.
/// `None` when it does not read.
pub fn read(kind: CertificateHeader, said: &[&str]) -> Option<PeerCertificate> {
    let (leaf, rest) = said.split_first()?;
    let (leaf, chain) = match kind {
        CertificateHeader::ClientCert => {
            let lists = rest.iter().flat_map(|list| list.split(',')).take(MOST);
            (byte_sequence(leaf)?, lists.map(|item| byte_sequence(item.trim())).collect::<Option<_>>()?)
        }
        CertificateHeader::Nginx => (from_pem(&unescaped(leaf)?)?, Vec::new()),
        CertificateHeader::Envoy => (from_pem(&unescaped(member(leaf, "Cert")?)?)?, Vec::new()),
    };
    jose::peer_certificate(&leaf, chain).ok()
}

/// A byte sequence of a structured field (RFC 8941 §3.3.5, RFC 9440 §2.1).
fn byte_sequence(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text.strip_prefix(':')?.strip_suffix(':')?).ok()
}

/// The value of one member of the single element of `X-Forwarded-Client-Cert`. Several elements are several proxies' words,
/// or a caller's.
fn member<'a>(text: &'a str, wanted: &str) -> Option<&'a str> {
    let mut found = None;
    let mut rest = text;
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = if let Some(quoted) = after.strip_prefix('"') {
            quoted.split_once('"').filter(|(value, _)| !value.contains('\\'))?
        } else {
            after.split_at_checked(after.find([';', ',']).unwrap_or(after.len()))?
        };
        if name.trim().eq_ignore_ascii_case(wanted) && found.replace(value).is_some() {
            return None;
        }
        rest = match after.strip_prefix(';') {
            Some(more) => more,
            None if after.is_empty() => "",
            None => return None,
        };
    }
    found
}

/// Undoes percent-encoding; `+` is itself, as in base64.
fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' {
            let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            digit(rest.next()?)? << 4 | digit(rest.next()?)?
        } else {
            byte
        });
    }
    String::from_utf8(bytes).ok()
}

/// The DER of exactly one certificate in PEM (RFC 7468 §5).
fn from_pem(text: &str) -> Option<Vec<u8>> {
    let body = text.trim().strip_prefix("-----BEGIN CERTIFICATE-----")?;
    let body = body.strip_suffix("-----END CERTIFICATE-----")?;
    let digits: String = body.chars().filter(|character| !character.is_ascii_whitespace()).collect();
    STANDARD.decode(digits).ok()
}

#[cfg(test)]
mod tests {
    use domain::{Timestamp, Ttl};
    use jose::{
        OsEntropy,
        pki::{Issued, Purpose, Wanted},
    };

    use super::*;

    fn issued() -> Issued {
        let now = Timestamp::from_secs(1_800_000_000);
        let dates = (now, now.plus(Ttl::from_days(1)));
        let wanted =
            Wanted { subject: &[("CN", "client1")], alt_names: &[], dates, purpose: Purpose::Client };
        Issued::make(&wanted, None, &OsEntropy).unwrap()
    }

    fn escaped(pem: &str) -> String {
        pem.bytes()
            .map(|byte| {
                if byte.is_ascii_alphanumeric() {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            })
            .collect()
    }

    #[test]
    fn what_proxies_write_reads() {
        let issued = issued();
        let (der, pem) = (issued.certificate_der().unwrap(), issued.certificate_pem().unwrap());
        let sequence = format!(":{}:", STANDARD.encode(&der));
        let escaped = escaped(&pem);
        let chain = format!("{sequence}, {sequence}");
        let seen = read(CertificateHeader::ClientCert, &[&sequence, &chain, &sequence]).unwrap();
        assert_eq!((seen.der, seen.chain.len()), (der.clone(), 3));
        assert_eq!(read(CertificateHeader::Nginx, &[&escaped]).unwrap().der, der);
        let envoy = format!("By=spiffe://a;Hash=00ff;Cert=\"{escaped}\";Subject=\"CN=x, O=y\";URI=");
        assert_eq!(read(CertificateHeader::Envoy, &[&envoy]).unwrap().der, der);
    }

    #[test]
    fn what_is_doubled_or_malformed_does_not_read() {
        let issued = issued();
        let (der, pem) = (issued.certificate_der().unwrap(), issued.certificate_pem().unwrap());
        let (sequence, escaped) = (STANDARD.encode(&der), escaped(&pem));
        for text in [sequence.as_str(), &format!(":{sequence}"), ":AAAA:", "::", ":!:"] {
            assert!(read(CertificateHeader::ClientCert, &[text]).is_none(), "{text}");
        }
        let twice = format!("{escaped}{escaped}");
        for text in [twice.as_str(), "%2", "%zz", "", &sequence] {
            assert!(read(CertificateHeader::Nginx, &[text]).is_none(), "{text}");
        }
        let (two, forged) =
            (format!("Cert=\"{escaped}\",Cert=\"{escaped}\""), format!("Cert={escaped};Cert={escaped}"));
        for text in [two.as_str(), &forged, "Hash=00", "Cert=\"", &format!("By=a,Cert={escaped}")] {
            assert!(read(CertificateHeader::Envoy, &[text]).is_none(), "{text}");
        }
    }
}
