//! What a TLS listener speaks (RFC 9325), and whom it asks for a certificate.

use std::{fs, path::Path};

use openssl::{
    error::ErrorStack,
    pkey::PKey,
    ssl::{
        AlpnError, NameType, SslAcceptor, SslAcceptorBuilder, SslMethod, SslOptions, SslRef,
        SslSessionCacheMode, SslVerifyMode, SslVersion, select_next_proto,
    },
    x509::{X509, X509StoreContextRef},
};

use crate::config::{AskFor, TlsSection};

/// TLS 1.2 with forward secrecy and authenticated encryption only (RFC 9325 §4.2), which suits HTTP/2 as well
/// (RFC 9113 §9.2.2).
const CIPHERS: &str = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:\
                       ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

/// What is spoken inside, the best first, as ALPN writes it (RFC 7301 §3.1).
const PROTOCOLS: &[u8] = b"\x02h2\x08http/1.1";

/// The same where HTTP/2 is not wanted.
const ONLY_HTTP1: &[u8] = b"\x08http/1.1";

/// How many certificates beyond the peer's own the library looks at in a handshake. Nothing that it finds there counts, as the
/// tenant's truststore judges later: so it checks the signatures of a chain that anybody may make up no further than it
/// must, which is the peer's own at most. What the peer has sent is there afterwards all the same.
const DEPTH: u32 = 0;

/// Longest file that is read, bytes.
const LONGEST: u64 = 1024 * 1024;

/// Why a listener's certificate and key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// A file cannot be read.
    #[error("{0}: {1}")]
    Read(String, std::io::Error),
    /// A file does not hold what it should.
    #[error("{0}: {1}")]
    Content(String, &'static str),
    /// The library refused.
    #[error("the TLS library refused: {0}")]
    Library(#[from] ErrorStack),
}

/// The two files, as read.
#[derive(PartialEq, Eq)]
pub(super) struct Pair {
    certificate: Vec<u8>,
    private_key: zeroize::Zeroizing<Vec<u8>>,
}

impl Pair {
    /// Reads both.
    ///
    /// # Errors
    /// [`ContextError::Read`], also for a file of more than 1 MiB.
    pub(super) fn read(section: &TlsSection) -> Result<Self, ContextError> {
        Ok(Self {
            certificate: contents(&section.certificate)?,
            private_key: contents(&section.private_key)?.into(),
        })
    }
}

fn contents(file: &Path) -> Result<Vec<u8>, ContextError> {
    let failed = |error| ContextError::Read(file.display().to_string(), error);
    if fs::metadata(file).map_err(failed)?.len() > LONGEST {
        return Err(failed(std::io::ErrorKind::FileTooLarge.into()));
    }
    fs::read(file).map_err(failed)
}

/// The acceptor of a listener.
///
/// # Errors
/// [`ContextError`], also when the key is not the certificate's.
pub(super) fn acceptor(section: &TlsSection, pair: &Pair) -> Result<SslAcceptor, ContextError> {
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
    builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    builder.set_cipher_list(CIPHERS)?;
    builder.set_options(SslOptions::NO_RENEGOTIATION | SslOptions::NO_COMPRESSION);
    own_certificate(&mut builder, section, pair)?;
    let protocols = if section.http2 { PROTOCOLS } else { ONLY_HTTP1 };
    builder.set_alpn_select_callback(move |_ssl, offered| {
        // Nobody goes on who speaks none of them (RFC 7301 §3.2): no_application_protocol.
        select_next_proto(protocols, offered).ok_or(AlpnError::ALERT_FATAL)
    });
    match section.client_certificates {
        AskFor::Never => {
            // Without a context of its own a resumption is a fatal error.
            builder.set_session_id_context(b"countersign")?;
        }
        AskFor::Ask => {
            builder.set_verify_callback(SslVerifyMode::PEER, accepts_any);
            builder.set_verify_depth(DEPTH);
            without_resumption(&mut builder)?;
        }
        AskFor::BySni => {
            let host = section.mtls_host.clone().unwrap_or_default();
            builder.set_servername_callback(move |ssl, _alert| {
                if ssl.servername(NameType::HOST_NAME).is_some_and(|name| name.eq_ignore_ascii_case(&host)) {
                    ask(ssl);
                }
                Ok(())
            });
            builder.set_verify_depth(DEPTH);
            without_resumption(&mut builder)?;
        }
    }
    Ok(builder.build())
}

fn own_certificate(
    builder: &mut SslAcceptorBuilder,
    section: &TlsSection,
    pair: &Pair,
) -> Result<(), ContextError> {
    let wrong = |file: &Path, problem| ContextError::Content(file.display().to_string(), problem);
    let mut chain = X509::stack_from_pem(&pair.certificate)
        .or(Err(wrong(&section.certificate, "holds no certificate in PEM")))?
        .into_iter();
    let own = chain.next().ok_or_else(|| wrong(&section.certificate, "holds no certificate in PEM"))?;
    let key = PKey::private_key_from_pem_callback(&pair.private_key, |_passphrase| Ok(0)).or(Err(wrong(
        &section.private_key,
        "holds no private key in PEM that opens without a passphrase",
    )))?;
    if !own.public_key()?.public_eq(&key) {
        return Err(wrong(&section.private_key, "is not the key of the certificate"));
    }
    builder.set_certificate(&own)?;
    for certificate in chain {
        builder.add_extra_chain_cert(certificate)?;
    }
    builder.set_private_key(&key)?;
    Ok(())
}

/// A resumed session shows a certificate that nobody has looked at since, and none of its chain: a truststore that
/// has changed must count at once.
fn without_resumption(builder: &mut SslAcceptorBuilder) -> Result<(), ErrorStack> {
    builder.set_options(SslOptions::NO_TICKET);
    builder.set_session_cache_mode(SslSessionCacheMode::OFF);
    builder.set_num_tickets(0)
}

fn ask(ssl: &mut SslRef) {
    ssl.set_verify_callback(SslVerifyMode::PEER, accepts_any);
}

/// Whoever shows a certificate gets in: whether it proves anything is for the tenant's truststore or the client's
/// registration to say, at our clock, and an HTTP answer tells it better than a broken handshake.
fn accepts_any(_good: bool, _chain: &mut X509StoreContextRef) -> bool {
    true
}
