//! What a connection lies on: TCP, or TLS over it.

use std::net::SocketAddr;
use std::pin::Pin;

use openssl::ssl::SslConnector;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_openssl::SslStream;

use super::generator;
use crate::failure::{Failure, Result};

/// Where to connect, and how.
#[derive(Clone)]
pub(crate) struct Target {
    /// The address.
    pub(crate) address: SocketAddr,
    /// For a TLS listener.
    pub(crate) tls: Option<SslConnector>,
}

impl From<SocketAddr> for Target {
    fn from(address: SocketAddr) -> Self {
        Self { address, tls: None }
    }
}

/// An open stream.
pub(super) enum Stream {
    /// Without TLS.
    Plain(TcpStream),
    /// With it.
    Tls(Pin<Box<SslStream<TcpStream>>>),
}

impl Stream {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens, or the handshake fails.
    pub(super) async fn open(target: &Target) -> Result<Self> {
        let stream = TcpStream::connect(target.address).await?;
        stream.set_nodelay(true)?;
        let Some(tls) = &target.tls else { return Ok(Self::Plain(stream)) };
        let ssl = tls.configure()?.into_ssl(&target.address.ip().to_string())?;
        let mut stream = Box::pin(SslStream::new(ssl, stream)?);
        let shaken = stream.as_mut().connect().await;
        shaken.map_err(|error| Failure::new(error.to_string()))?;
        Ok(Self::Tls(stream))
    }

    /// Sends all of it.
    ///
    /// # Errors
    /// When the connection breaks.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(bytes).await?,
            Self::Tls(stream) => stream.write_all(bytes).await?,
        }
        generator::moved();
        Ok(())
    }

    /// Reads what is there, after what `buffer` holds.
    ///
    /// # Errors
    /// When the connection breaks or is closed.
    pub(super) async fn receive(&mut self, buffer: &mut Vec<u8>) -> Result<()> {
        let count = match self {
            Self::Plain(stream) => stream.read_buf(buffer).await?,
            Self::Tls(stream) => stream.read_buf(buffer).await?,
        };
        generator::moved();
        if count == 0 { Err(Failure::new("the server closed the connection")) } else { Ok(()) }
    }
}
