//! HTTP/2 on TLS listeners: what holds on HTTP/1.1 holds there.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    process::Command,
};

use countersign_server::config::AskFor;

use super::*;
use crate::support::{
    Ask as _, Demo, http as plain,
    http2::{Client, ONLY_HTTP2, form},
};

const DOCUMENT: &str = "/idp/t/authn/.well-known/openid-configuration";

fn secret(id: &str) -> String {
    format!("grant_type=client_credentials&client_id={id}")
}

fn get(host: &str, path: &str) -> http::Request<()> {
    http::Request::get(format!("https://{host}{path}")).body(()).unwrap()
}

#[test]
fn curl_gets_tokens_and_speaks_http_2_by_itself() {
    let demo = Demo::start();
    let pki = demo.data.path().join("pki");
    for (wanted, spoken) in [("--http2", "2"), ("--http1.1", "1.1")] {
        let output = Command::new("curl")
            .args([
                "--silent",
                "--show-error",
                wanted,
                "--write-out",
                "%{http_version} %{http_code}",
                "--output",
                "-",
            ])
            .arg("--cacert")
            .arg(pki.join("ca.pem"))
            .arg("--cert")
            .arg(pki.join("client1.pem"))
            .arg("--key")
            .arg(pki.join("client1.key"))
            .args(["--data", "grant_type=client_credentials&client_id=client1"])
            .arg(format!("{}/idp/ONLINEBANK/authn/token", demo.tls))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            said.contains("\"access_token\":\"cat_"),
            "{said} {}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(said.ends_with(&format!("{spoken} 200")), "{said}");
    }
}

#[test]
fn a_certificate_proves_a_client_on_every_stream_and_another_client_on_none() {
    let bank = Bank::start();
    let certificate = bank.client("client1");
    let caller = Caller { certificate: Some(&certificate), ..Caller::default() };
    let mut client = Client::connect(caller, bank.address);
    let requests =
        (0..20).map(|n| (form("localhost", TOKEN), secret(if n % 2 == 0 { "client1" } else { "client2" })));
    let answers = client.all(requests.collect());
    for (n, answer) in answers.into_iter().enumerate() {
        let answer = answer.unwrap();
        assert_eq!(answer.status, if n % 2 == 0 { 200 } else { 401 }, "{answer:?}");
        assert!(
            answer.headers.contains_key("date") && answer.headers.contains_key("x-correlation-id"),
            "{answer:?}"
        );
        assert_eq!(answer.headers["content-length"], answer.body.len().to_string());
    }
    let mut nobody = Client::connect(Caller::default(), bank.address);
    assert_eq!(nobody.ask(form("localhost", TOKEN), &secret("client1")).status, 401);
}

#[test]
fn many_streams_at_once_are_all_answered() {
    let bank = Bank::start_with(AskFor::Never, |_raw| {});
    let mut client = Client::connect(Caller::default(), bank.address);
    for _ in 0..3 {
        let answers = client.all((0..1000).map(|_| (get("localhost", DOCUMENT), String::new())).collect());
        let refused: Vec<_> = answers
            .iter()
            .filter(|answer| !answer.as_ref().is_ok_and(|answer| answer.status == 200))
            .collect();
        assert!(refused.is_empty(), "{} refused: {:?}", refused.len(), refused[0]);
    }
    let mut head = get("localhost", DOCUMENT);
    *head.method_mut() = http::Method::HEAD;
    let answer = client.ask(head, "");
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    assert_ne!(answer.headers["content-length"], "0");
}

#[test]
fn no_connection_serves_both_names() {
    let bank = Bank::start_with(AskFor::BySni, |_raw| {});
    let certificate = bank.client("client1");
    let on = |name: &'static str, host: &str| {
        let caller = Caller { name: Some(name), certificate: Some(&certificate), ..Caller::default() };
        Client::connect(caller, bank.address).ask(form(host, TOKEN), &secret("client1")).status
    };
    assert_eq!(on("mtls.id.example", "mtls.id.example"), 200);
    assert_eq!(on("mtls.id.example", "MTLS.id.example:443"), 200);
    assert_eq!(on("id.example", "id.example"), 401);
    assert_eq!(on("id.example", "mtls.id.example"), 421);
    assert_eq!(on("mtls.id.example", "id.example"), 421);
}

#[test]
fn a_host_that_contradicts_the_authority_is_refused() {
    let bank = Bank::start_with(AskFor::BySni, |_raw| {});
    let caller = Caller { name: Some("id.example"), ..Caller::default() };
    let mut client = Client::connect(caller, bank.address);
    let mut said = |host: &str| {
        let mut request = get("id.example", DOCUMENT);
        request.headers_mut().insert("host", host.parse().unwrap());
        client.ask(request, "").status
    };
    assert_eq!(said("id.example"), 200);
    assert_eq!(said("mtls.id.example"), 400);
}

#[test]
fn heads_and_bodies_have_their_bounds() {
    let bank = Bank::start_with(AskFor::Never, |_raw| {});
    let limit = RawConfig::default().server.body_limit;
    let mut client = Client::connect(Caller::default(), bank.address);
    let answer = client.ask(form("localhost", TOKEN), &"a".repeat(limit + 1));
    assert_eq!(answer.status, 413, "{answer:?}");
    let mut many = get("localhost", DOCUMENT);
    (0..97).for_each(|n| {
        drop(many.headers_mut().insert(
            http::HeaderName::from_bytes(format!("x-{n}").as_bytes()).unwrap(),
            http::HeaderValue::from_static("a"),
        ));
    });
    assert_eq!(client.ask(many, "").status, 431);
    let mut long = get("localhost", DOCUMENT);
    long.headers_mut().insert("x-long", "a".repeat(70_000).parse().unwrap());
    assert_eq!(client.ask(long, "").status, 431);
    assert_eq!(client.ask(get("localhost", DOCUMENT), "").status, 200, "the connection is as good as before");
}

#[test]
fn an_idle_connection_is_closed_in_order() {
    let bank = Bank::start_with(AskFor::Never, |raw| raw.server.keep_alive = 1);
    let mut client = Client::connect(Caller::default(), bank.address);
    assert_eq!(client.ask(get("localhost", DOCUMENT), "").status, 200);
    client.closed();
}

#[test]
fn where_it_is_not_wanted_or_there_is_no_tls_it_is_not_spoken() {
    let ca = authority("Test CA");
    let files = tempfile::tempdir().unwrap();
    let mut section = section(files.path(), AskFor::Never, &server_certificate(&ca));
    section.http2 = false;
    let server =
        Server::start_with(&[&tenant(&ca.certificate_pem().unwrap())], |raw| raw.tls = vec![section]);
    let offered = |context: &mut openssl::ssl::SslContextBuilder| {
        context.set_alpn_protos(b"\x02h2\x08http/1.1").unwrap();
    };
    let talk = Caller::default().try_connect(server.tls[0], offered).unwrap();
    assert_eq!(talk.stream().ssl().selected_alpn_protocol(), Some(&b"http/1.1"[..]));
    // RFC 7301 §3.2.
    let only =
        Caller::default().try_connect(server.tls[0], |context| context.set_alpn_protos(ONLY_HTTP2).unwrap());
    let told = only.map(|_talk| "connected").unwrap_err();
    assert!(told.contains("no application protocol"), "{told}");
    assert_eq!(
        Caller::default().connect(server.tls[0]).stream().ssl().selected_alpn_protocol(),
        None,
        "whoever offers none is served"
    );
    // RFC 9113 §3.3, prior knowledge.
    let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(15))).unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
    let mut said = Vec::new();
    drop(stream.read_to_end(&mut said));
    assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 4"), "{}", String::from_utf8_lossy(&said));
    assert_eq!(plain().get(format!("{}{DOCUMENT}", server.url)).said().status, 200);
}
