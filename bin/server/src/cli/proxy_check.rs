//! `countersign proxy-check`: whether forged certificates get through to a server, seen from outside.

use std::{
    io::{Read, Write},
    net::{TcpStream, ToSocketAddrs as _},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{Timestamp, Ttl};
use jose::{
    OsEntropy,
    pki::{Issued, Purpose, Wanted},
};
use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode};
use url::Url;

use super::CliError;
use crate::clock::{Clock as _, SystemClock};

/// For connecting, and for each part of an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest answer that is read, bytes.
const LONGEST: u64 = 64 * 1024;
/// What an answer says when the server has seen no certificate.
const UNSEEN: &str = "no client certificate was presented";

/// What the command line says.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A token endpoint as the world reaches it, such as `https://id.example/idp/bank/authn/token`.
    url: Url,
    /// Do not check the certificate of the server or proxy.
    #[arg(long)]
    insecure: bool,
}

/// Asks for a token without a certificate, then with each header forged, under usual and unusual spellings.
///
/// # Errors
/// [`CliError`] when a forged header was believed, or nothing can be told.
pub(super) fn run(args: Args) -> Result<Vec<String>, CliError> {
    let said = ask(&args, "")?;
    if !said.contains(UNSEEN) {
        let text = format!(
            "{} does not answer like a token endpoint that sees no certificate, so nothing can be told: {}",
            args.url,
            said.lines().next().unwrap_or("an empty answer")
        );
        return Err(CliError::Other(text));
    }
    let mut lines = vec!["without a certificate: none is seen".to_owned()];
    let mut believed = Vec::new();
    for (name, value) in forged(SystemClock::default().now())? {
        let said = ask(&args, &format!("{name}: {value}\r\n"))?;
        if said.contains(UNSEEN) {
            lines.push(format!("{name}, forged: ignored"));
        } else {
            believed.push(name);
        }
    }
    if believed.is_empty() {
        return Ok(lines);
    }
    Err(CliError::Other(format!(
        "forged headers get through: {}; the proxy must replace them (docs/mtls-behind-a-proxy.md)",
        believed.join(", ")
    )))
}

/// Header lines with a certificate that nobody holds the key of.
fn forged(now: Timestamp) -> Result<Vec<(&'static str, String)>, CliError> {
    let dates = (now.minus(Ttl::from_days(1)), now.plus(Ttl::from_days(1)));
    let wanted =
        Wanted { subject: &[("CN", "proxy-check")], alt_names: &[], dates, purpose: Purpose::Client };
    let issued = Issued::make(&wanted, None, &OsEntropy)?;
    let sequence = format!(":{}:", STANDARD.encode(issued.certificate_der()?));
    let byte = |byte: u8| {
        if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    let escaped: String = issued.certificate_pem()?.bytes().map(byte).collect();
    let element = format!("Hash=00;Cert=\"{escaped}\"");
    Ok(vec![
        ("Client-Cert", sequence.clone()),
        ("client_cert", sequence),
        ("X-SSL-Client-Cert", escaped.clone()),
        ("x_ssl_client_cert", escaped),
        ("X-Forwarded-Client-Cert", element),
    ])
}

/// The answer to a request for a token with `headers`.
fn ask(args: &Args, headers: &str) -> Result<String, CliError> {
    let failed = |error: &dyn std::fmt::Display| CliError::Other(format!("{}: {error}", args.url));
    let host = args.url.host_str().ok_or_else(|| failed(&"has no host"))?;
    let port = args.url.port_or_known_default().ok_or_else(|| failed(&"has no port"))?;
    let form = "grant_type=client_credentials&client_id=proxy-check";
    let request = format!(
        "POST {}?_tlsclientauth=1 HTTP/1.1\r\nhost: {}\r\n{headers}content-type: application/x-www-form-urlencoded\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{form}",
        args.url.path(),
        args.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")),
        form.len(),
    );
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let mut addresses = (bare, port).to_socket_addrs().map_err(|error| failed(&error))?;
    let address = addresses.next().ok_or_else(|| failed(&"has no address"))?;
    let stream = TcpStream::connect_timeout(&address, PATIENCE).map_err(|error| failed(&error))?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(|error| failed(&error))?;
    if args.url.scheme() != "https" {
        return exchange(stream, &request).map_err(|error| failed(&error));
    }
    let mut connector = SslConnector::builder(SslMethod::tls_client()).map_err(|error| failed(&error))?;
    if args.insecure {
        connector.set_verify(SslVerifyMode::NONE);
    }
    let connector = connector.build().configure().map_err(|error| failed(&error))?;
    let connector = connector.verify_hostname(!args.insecure);
    let stream = connector.connect(bare, stream).map_err(|error| failed(&error))?;
    exchange(stream, &request).map_err(|error| failed(&error))
}

fn exchange(mut stream: impl Read + Write, request: &str) -> std::io::Result<String> {
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    // Some end a connection without saying so first.
    drop(stream.take(LONGEST).read_to_end(&mut answer));
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
