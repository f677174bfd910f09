//! Certificates, and callers that show them.

use std::{
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use domain::{AltName, Timestamp, Ttl};
use jose::{
    OsEntropy,
    pki::{Issued, Purpose, Wanted},
};
use openssl::{
    pkey::PKey,
    ssl::{Ssl, SslContext, SslContextBuilder, SslMethod, SslStream, SslVersion},
    x509::X509,
};

use super::raw::{Answer, Talk};

/// The in-process server's clock begins here.
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

/// A certificate with ten years before and after [`NOW`], made for `purpose` under `issuer`.
pub(crate) fn issued(subject: &[(&str, &str)], purpose: Purpose, issuer: Option<&Issued>) -> Issued {
    let decade = Ttl::from_days(3650);
    dated(subject, purpose, issuer, (NOW.minus(decade), NOW.plus(decade)), &[])
}

/// The same with dates and alternative names.
pub(crate) fn dated(
    subject: &[(&str, &str)],
    purpose: Purpose,
    issuer: Option<&Issued>,
    dates: (Timestamp, Timestamp),
    alt_names: &[AltName],
) -> Issued {
    Issued::make(&Wanted { subject, alt_names, dates, purpose, ocsp_responder: None }, issuer, &OsEntropy)
        .unwrap()
}

/// A root.
pub(crate) fn authority(name: &str) -> Issued {
    issued(&[("O", "Bank"), ("CN", name)], Purpose::Authority(None), None)
}

/// How a caller connects.
#[derive(Clone, Copy, Default)]
pub(crate) struct Caller<'a> {
    /// The name that it asks for (SNI).
    pub(crate) name: Option<&'a str>,
    /// Its certificate.
    pub(crate) certificate: Option<&'a Issued>,
    /// What it sends with it.
    pub(crate) chain: &'a [&'a Issued],
    /// The newest protocol that it speaks.
    pub(crate) newest: Option<SslVersion>,
}

impl Caller<'_> {
    /// Connects, whatever certificate the server has.
    pub(crate) fn connect(&self, address: SocketAddr) -> Talk<SslStream<TcpStream>> {
        self.try_connect(address, |_context| {}).unwrap()
    }

    /// The same with a context that `change` has changed.
    pub(crate) fn try_connect(
        &self,
        address: SocketAddr,
        change: impl FnOnce(&mut SslContextBuilder),
    ) -> Result<Talk<SslStream<TcpStream>>, String> {
        let ssl = self.ssl(change);
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
        ssl.connect(stream).map(Talk::over).map_err(|error| error.to_string())
    }

    /// What it shakes hands with.
    pub(crate) fn ssl(&self, change: impl FnOnce(&mut SslContextBuilder)) -> Ssl {
        let mut context = SslContext::builder(SslMethod::tls_client()).unwrap();
        context.set_max_proto_version(self.newest).unwrap();
        if let Some(issued) = self.certificate {
            context.set_certificate(&x509(issued)).unwrap();
            let key = issued.key_pem().unwrap();
            context.set_private_key(&PKey::private_key_from_pem(key.expose().as_bytes()).unwrap()).unwrap();
            for link in self.chain {
                context.add_extra_chain_cert(x509(link)).unwrap();
            }
        }
        change(&mut context);
        let context = context.build();
        let mut ssl = Ssl::new(&context).unwrap();
        if let Some(name) = self.name {
            ssl.set_hostname(name).unwrap();
        }
        ssl
    }
}

pub(crate) fn x509(issued: &Issued) -> X509 {
    X509::from_der(&issued.certificate_der().unwrap()).unwrap()
}

/// Asks for a token with a form, to a host and a path with its query.
pub(crate) fn post(
    talk: &mut Talk<SslStream<TcpStream>>,
    (host, path): (&str, &str),
    headers: &str,
    form: &str,
) -> Answer {
    let length = form.len();
    talk.say(
        format!(
            "POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/x-www-form-urlencoded\r\n\
             content-length: {length}\r\n{headers}\r\n{form}"
        )
        .as_bytes(),
    );
    talk.answer(false).expect("an answer")
}
