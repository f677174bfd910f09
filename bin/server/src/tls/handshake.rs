//! A TLS handshake, and what it says of the peer.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use actix_web::rt::net::TcpStream;
use domain::{PeerCertificate, UnreadableCertificate};
use openssl::ssl::{NameType, Ssl, SslRef};
use tokio::io::Interest;
use tokio_openssl::SslStream;

use super::Slot;
use crate::{config::AskFor, connection::Flight};

/// HTTP/2 over TLS, as ALPN calls it (RFC 9113 §3.1).
const HTTP2: &[u8] = b"h2";

/// Which names a connection may be used for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NameRule {
    /// All.
    #[default]
    Any,
    /// Only this one: certificates are asked for on it.
    Only(String),
    /// All but this one.
    Not(String),
}

impl NameRule {
    /// Whether a request for `host`, without its port, is at home here. Names know no case, and may end in a dot.
    pub fn allows(&self, host: &str) -> bool {
        let is = |name: &str| host.strip_suffix('.').unwrap_or(host).eq_ignore_ascii_case(name);
        match self {
            Self::Any => true,
            Self::Only(name) => is(name),
            Self::Not(name) => !is(name),
        }
    }
}

/// What a handshake says.
#[derive(Debug, Default)]
pub struct Handshake {
    /// The certificate whose key the peer has proved to hold, if it showed one.
    pub certificate: Option<Result<Arc<PeerCertificate>, UnreadableCertificate>>,
    /// Which names the connection may be used for.
    pub names: NameRule,
    /// Whether HTTP/2 is spoken (RFC 9113 §3.2).
    pub http2: bool,
}

/// Shakes hands, in at most `patience`, with a `turn` for each flight of the peer's.
///
/// # Errors
/// Those of the peer and of the network; `TimedOut`; those of a turn.
pub async fn accept(
    io: TcpStream,
    slot: &Slot,
    patience: Duration,
    turn: impl AsyncFn(Flight) -> io::Result<()>,
) -> io::Result<(SslStream<TcpStream>, Handshake)> {
    let shaken = tokio::time::timeout(patience, shake(io, slot, turn)).await;
    let stream = shaken.map_err(|_elapsed| io::Error::from(io::ErrorKind::TimedOut))??;
    let ssl = stream.ssl();
    let handshake = Handshake {
        certificate: certificate(ssl),
        names: names(ssl, slot),
        http2: ssl.selected_alpn_protocol() == Some(HTTP2),
    };
    Ok((stream, handshake))
}

async fn shake(
    io: TcpStream,
    slot: &Slot,
    turn: impl AsyncFn(Flight) -> io::Result<()>,
) -> io::Result<SslStream<TcpStream>> {
    // A peer that says nothing costs nothing, and one that has left again no signature.
    greeted(&io).await?;
    turn(Flight::First).await?;
    greeted(&io).await?;
    let mut stream = SslStream::new(Ssl::new(slot.acceptor().context())?, io)?;
    loop {
        let done = poll_fn(|context| Poll::Ready(Pin::new(&mut stream).poll_accept(context))).await;
        if let Poll::Ready(done) = done {
            done.map_err(io::Error::other)?;
            return Ok(stream);
        }
        may_go_on(stream.get_ref()).await?;
        // The server's Finished comes after its signature (RFC 8446 §4.4.4).
        let signed = stream.ssl().finished(&mut []) > 0;
        turn(if signed { Flight::Last } else { Flight::Next }).await?;
    }
}

/// Waits for a peer's greeting. Whoever has no more to say after it cannot come to the end of a handshake.
async fn greeted(io: &TcpStream) -> io::Result<()> {
    let says = io.peek(&mut [0]).await?;
    if says == 0 || io.ready(Interest::READABLE).await?.is_read_closed() {
        return Err(io::ErrorKind::ConnectionAborted.into());
    }
    Ok(())
}

/// Waits for what a handshake that stands still needs: room for what it was writing, or what the peer says next. The
/// runtime may take a socket for readable that is not; looking takes no turn.
async fn may_go_on(io: &TcpStream) -> io::Result<()> {
    let is_full = |context: &mut Context<'_>| Poll::Ready(io.poll_write_ready(context).is_pending());
    if poll_fn(is_full).await { io.writable().await } else { io.peek(&mut [0]).await.map(drop) }
}

fn names(ssl: &SslRef, slot: &Slot) -> NameRule {
    let section = slot.section();
    let Some(host) = section.mtls_host.clone().filter(|_| section.client_certificates == AskFor::BySni)
    else {
        return NameRule::Any;
    };
    let named = ssl.servername(NameType::HOST_NAME).is_some_and(|name| name.eq_ignore_ascii_case(&host));
    if named { NameRule::Only(host) } else { NameRule::Not(host) }
}

/// The peer's certificate. Whoever has one that does not read is told so, and what is wrong with it the log says.
fn certificate(ssl: &SslRef) -> Option<Result<Arc<PeerCertificate>, UnreadableCertificate>> {
    let leaf = ssl.peer_certificate()?.to_der();
    // On the server's side the library leaves the peer's own certificate out of the chain.
    let sent =
        ssl.peer_cert_chain().map(|chain| chain.iter().filter_map(|other| other.to_der().ok()).collect());
    let read = leaf.or(Err(UnreadableCertificate)).and_then(|leaf| {
        jose::peer_certificate(&leaf, sent.unwrap_or_default()).inspect_err(|error| {
            tracing::warn!(%error, bytes = leaf.len(), "a client's certificate is not looked at");
        })
    });
    Some(read.map(Arc::new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_of_one_name_is_not_used_for_the_other() {
        let mtls = NameRule::Only("mtls.id.example".to_owned());
        assert!(mtls.allows("mtls.id.example") && mtls.allows("MTLS.id.example."));
        assert!(!mtls.allows("id.example") && !mtls.allows("") && !mtls.allows("127.0.0.1"));
        let other = NameRule::Not("mtls.id.example".to_owned());
        assert!(!other.allows("mtls.id.example") && !other.allows("MTLS.id.example."));
        assert!(other.allows("id.example") && other.allows(""));
    }
}
