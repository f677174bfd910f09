//! `countersign proxy-check`: tries from outside what someone would who forges a client certificate.

use std::{path::PathBuf, time::Duration};

use reqwest::{
    Certificate, Client, Identity, RequestBuilder, Url,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
};
use serde::Deserialize;

use super::CliError;
use crate::fetch::causes;

/// A certificate for which nobody has the key. To name it in a header is all that can be done with it.
const FORGED: &str = include_str!("proxy_check/forged.pem");

/// What the token endpoint says when a certificate is to prove the client and there is none.
const MISSING: &str = "no client certificate was presented";

/// Headers in which proxies hand on percent-encoded PEM.
const ESCAPED: [&str; 6] = [
    "x-ssl-client-cert",
    "ssl-client-cert",
    "x-client-cert",
    "x-ssl-cert",
    "x-forwarded-tls-client-cert",
    "x_ssl_client_cert",
];

/// What to try, and on whom.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The token endpoint as the world sees it, or the issuer.
    url: Url,
    /// File with the certificates (PEM) by which to know the proxy, besides the system's.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// One more header to forge: `proxy.certificate_header_name`, where that is not the default.
    #[arg(long, value_name = "NAME")]
    header: Option<HeaderName>,
    /// A client that may use `client_credentials` by its certificate: its own must go on to count beside a forged one.
    #[arg(long, value_name = "ID", requires = "cert", requires = "key")]
    client_id: Option<String>,
    /// File with that client's certificate, PEM.
    #[arg(long, value_name = "FILE", requires = "client_id")]
    cert: Option<PathBuf>,
    /// File with its private key, PKCS #8 in PEM.
    #[arg(long, value_name = "FILE", requires = "client_id")]
    key: Option<PathBuf>,
}

/// What of an answer must not change.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    status: u16,
    error: String,
    description: String,
}

/// Members of an OAuth error.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    error: String,
    error_description: String,
}

/// Runs it.
///
/// # Errors
/// [`CliError::Other`] when a forged header made a difference, or when the answers prove nothing.
pub(super) fn run(args: &Args) -> Result<Vec<String>, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CliError::Other(error.to_string()))?;
    runtime.block_on(check(args))
}

async fn check(args: &Args) -> Result<Vec<String>, CliError> {
    let url = token_url(&args.url);
    let stranger = client(args, None)?;
    let mut lines = compare(
        args,
        "without a certificate",
        |headers| request(&stranger, &url, "proxy-check", headers),
        |seen| seen.status == 401 && seen.error == "invalid_client" && seen.description.contains(MISSING),
    )
    .await?;
    if let Some(id) = &args.client_id {
        let known = client(args, identity(args)?)?;
        let with = compare(
            args,
            "with the client's own certificate",
            |headers| request(&known, &url, id, headers),
            |seen| seen.status == 200,
        );
        lines.extend(with.await?);
    }
    lines.push("no forged header was believed".to_owned());
    Ok(lines)
}

/// Asks plainly, which must be answered as `expected`, and then with each forgery, which must change nothing.
async fn compare(
    args: &Args,
    who: &str,
    ask: impl Fn(HeaderMap) -> RequestBuilder,
    expected: fn(&Seen) -> bool,
) -> Result<Vec<String>, CliError> {
    let plain = seen(ask(HeaderMap::new())).await?;
    if !expected(&plain) {
        return Err(CliError::Other(format!(
            "nothing is proven: {who} the answer was {} {} ({}), which is not what the token endpoint of Countersign says",
            plain.status, plain.error, plain.description
        )));
    }
    let mut lines = Vec::new();
    for (name, headers) in forgeries(args.header.as_ref()) {
        let forged = seen(ask(headers)).await?;
        if forged != plain {
            return Err(CliError::Other(format!(
                "a forged {name} is NOT ignored: {who} the answer was {} {} ({}) instead of {} {} ({}). The proxy must \
                 remove or replace that header, and only proxies may be listed in server.trusted_proxies",
                forged.status, forged.error, forged.description, plain.status, plain.error, plain.description
            )));
        }
        lines.push(format!("{who}: {name} is ignored"));
    }
    Ok(lines)
}

/// The token endpoint of an issuer in either layout of paths, or what is one already.
fn token_url(url: &Url) -> Url {
    let mut url = url.clone();
    let path = url.path().trim_end_matches('/');
    let below = if path.rsplit('/').skip(1).take(2).eq(["realms", "auth"]) {
        "/protocol/openid-connect/token"
    } else if path.ends_with("/token") {
        ""
    } else {
        "/token"
    };
    let path = format!("{path}{below}");
    url.set_path(&path);
    url.set_query(Some("_tlsclientauth=1"));
    url
}

fn client(args: &Args, identity: Option<Identity>) -> Result<Client, CliError> {
    let mut builder = Client::builder().redirect(Policy::none()).timeout(Duration::from_secs(10)).no_proxy();
    if let Some(file) = &args.ca {
        let authorities = Certificate::from_pem_bundle(&bytes(file)?).map_err(told)?;
        builder = builder.tls_certs_merge(authorities);
    }
    if let Some(identity) = identity {
        builder = builder.identity(identity);
    }
    builder.build().map_err(told)
}

fn identity(args: &Args) -> Result<Option<Identity>, CliError> {
    let (Some(cert), Some(key)) = (&args.cert, &args.key) else { return Ok(None) };
    Identity::from_pkcs8_pem(&bytes(cert)?, &bytes(key)?).map(Some).map_err(told)
}

fn bytes(file: &PathBuf) -> Result<Vec<u8>, CliError> {
    std::fs::read(file).map_err(|error| CliError::Other(format!("{}: {error}", file.display())))
}

fn request(client: &Client, url: &Url, id: &str, headers: HeaderMap) -> RequestBuilder {
    let id: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
    client
        .post(url.clone())
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(format!("grant_type=client_credentials&client_id={id}"))
        .headers(headers)
}

async fn seen(request: RequestBuilder) -> Result<Seen, CliError> {
    let response = request.send().await.map_err(told)?;
    let status = response.status().as_u16();
    let text = response.text().await.map_err(told)?;
    let body: Body = serde_json::from_str(&text).unwrap_or_default();
    Ok(Seen { status, error: body.error, description: body.error_description })
}

fn told(error: reqwest::Error) -> CliError {
    let words: Vec<String> = std::iter::once(error.to_string()).chain(causes(&error)).collect();
    CliError::Other(words.join(": "))
}

/// Every way to claim the forged certificate, by a name for people.
fn forgeries(other: Option<&HeaderName>) -> Vec<(String, HeaderMap)> {
    let base64: String = FORGED.lines().filter(|line| !line.starts_with('-')).collect();
    let item = format!(":{base64}:");
    let escaped =
        percent_encoding::utf8_percent_encode(FORGED, percent_encoding::NON_ALPHANUMERIC).to_string();
    let mut all = vec![
        ("Client-Cert".to_owned(), vec![("client-cert", item.clone())]),
        ("client_cert".to_owned(), vec![("client_cert", item.clone())]),
        ("Client-Cert, twice".to_owned(), vec![("client-cert", item.clone()), ("client-cert", item.clone())]),
        (
            "Client-Cert with Client-Cert-Chain".to_owned(),
            vec![("client-cert", item.clone()), ("client-cert-chain", item)],
        ),
        (
            "X-Forwarded-Client-Cert".to_owned(),
            vec![("x-forwarded-client-cert", format!("Cert=\"{escaped}\""))],
        ),
    ];
    let names = ESCAPED.into_iter().chain(other.map(HeaderName::as_str));
    all.extend(names.map(|name| (name.to_owned(), vec![(name, escaped.clone())])));
    all.into_iter().map(|(name, lines)| (name, header_map(lines))).collect()
}

fn header_map(lines: Vec<(&str, String)>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(&value))
        {
            headers.append(name, value);
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_endpoint_follows_from_the_issuer() {
        let of = |text: &str| token_url(&text.parse().unwrap()).to_string();
        let whole = "https://id.example/idp/bank/authn/token?_tlsclientauth=1";
        assert_eq!(of("https://id.example/idp/bank/authn"), whole);
        assert_eq!(of("https://id.example/idp/bank/authn/"), whole);
        assert_eq!(of("https://id.example/idp/bank/authn/token?x=y"), whole);
    }

    #[test]
    fn and_in_the_layout_of_realms() {
        let of = |text: &str| token_url(&text.parse().unwrap()).to_string();
        let whole = "https://id.example/auth/realms/bank/protocol/openid-connect/token?_tlsclientauth=1";
        assert_eq!(of("https://id.example/auth/realms/bank"), whole);
        assert_eq!(of("https://id.example/auth/realms/bank/"), whole);
        assert_eq!(of("https://id.example/auth/realms/bank/protocol/openid-connect"), whole);
        assert_eq!(of("https://id.example/auth/realms/bank/protocol/openid-connect/token"), whole);
        let named = of("https://id.example/sso/auth/realms/token");
        assert!(named.ends_with("/sso/auth/realms/token/protocol/openid-connect/token?_tlsclientauth=1"));
    }

    #[test]
    fn no_forgery_is_lost_on_its_way_into_a_header() {
        let other = HeaderName::from_static("x-other");
        for (name, headers) in forgeries(Some(&other)) {
            assert_eq!(
                headers.len(),
                if name.contains("twice") || name.contains("with") { 2 } else { 1 },
                "{name}"
            );
        }
        assert_eq!(forgeries(Some(&other)).len(), forgeries(None).len() + 1);
    }
}
