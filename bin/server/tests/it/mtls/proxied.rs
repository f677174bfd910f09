//! Certificates that a proxy tells of: from trusted ones, in the header that was named, and never otherwise.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use countersign_server::config::CertificateHeader;
use reqwest::blocking::RequestBuilder;

use super::*;
use crate::support::{Ask as _, Said, http, http_from, wait_for};

const FORM: [(&str, &str); 2] = [("grant_type", "client_credentials"), ("client_id", "client1")];

/// Trusts proxies at 127.0.0.1, and nobody at 127.0.0.2.
fn behind(kind: Option<CertificateHeader>) -> Bank {
    Bank::start_with(AskFor::Ask, |raw| {
        raw.server.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
        raw.server.certificate_header = kind;
    })
}

fn sequence(certificate: &Issued) -> String {
    format!(":{}:", STANDARD.encode(certificate.certificate_der().unwrap()))
}

fn escaped(certificate: &Issued) -> String {
    let pem = certificate.certificate_pem().unwrap();
    pem.replace('\n', "%0A").replace('+', "%2B").replace('/', "%2F").replace('=', "%3D").replace(' ', "%20")
}

fn all_headers(mut request: RequestBuilder, certificate: &Issued) -> RequestBuilder {
    let envoy = format!("Hash=00;Cert=\"{}\"", escaped(certificate));
    for (name, value) in [
        ("client-cert", sequence(certificate)),
        ("x-ssl-client-cert", escaped(certificate)),
        ("x-forwarded-client-cert", envoy),
    ] {
        request = request.header(name, value);
    }
    request
}

#[track_caller]
fn without_certificate(said: &Said) {
    assert_eq!(said.error(), (401, "invalid_client".to_owned()), "{}", said.text);
    let text = said.json()["error_description"].to_string();
    assert!(text.contains("no client certificate"), "{text}");
}

#[test]
fn each_header_counts_by_its_name_and_only_from_a_trusted_proxy() {
    for kind in [CertificateHeader::ClientCert, CertificateHeader::Nginx, CertificateHeader::Envoy] {
        let bank = behind(Some(kind));
        let client1 = bank.client("client1");
        let url = format!("{}?_tlsclientauth=1", bank.server.tenant("t", "token"));
        let trusted = all_headers(http().post(&url), &client1).form(&FORM).said();
        assert_eq!(trusted.status, 200, "{kind:?}: {}", trusted.text);
        // The attack: the same request, past the proxy.
        let forged = all_headers(http_from("127.0.0.2").post(&url), &client1);
        without_certificate(&forged.form(&FORM).said());
        // The other headers alone are a caller's own.
        let mut request = all_headers(http().post(&url), &client1).build().unwrap();
        request.headers_mut().remove(kind.header());
        let form = "grant_type=client_credentials&client_id=client1";
        *request.body_mut() = Some(form.into());
        let kind_of = "application/x-www-form-urlencoded".parse().unwrap();
        request.headers_mut().insert("content-type", kind_of);
        let others = http().execute(request).unwrap();
        assert_eq!(others.status().as_u16(), 401);
    }
}

#[test]
fn where_no_header_is_named_none_counts() {
    let bank = behind(None);
    let url = format!("{}?_tlsclientauth=1", bank.server.tenant("t", "token"));
    without_certificate(&all_headers(http().post(url), &bank.client("client1")).form(&FORM).said());
}

#[test]
fn a_header_that_comes_twice_or_does_not_read_is_refused() {
    let bank = behind(Some(CertificateHeader::ClientCert));
    let (client1, client2) = (bank.client("client1"), bank.client("client2"));
    let url = bank.server.tenant("t", "token");
    let twice =
        http().post(&url).header("client-cert", sequence(&client2)).header("client-cert", sequence(&client1));
    let said = twice.form(&FORM).said();
    assert_eq!(said.error(), (400, "invalid_request".to_owned()), "{}", said.text);
    for malformed in [":AAAA:", "x", ":!:", sequence(&client1).trim_start_matches(':')] {
        let said = http().post(&url).header("client-cert", malformed).form(&FORM).said();
        assert_eq!(said.status, 400, "{malformed}");
    }
    // A proxy whose caller has none.
    let none = http().post(format!("{url}?_tlsclientauth=1")).header("client-cert", "::").form(&FORM).said();
    without_certificate(&none);
}

#[test]
fn a_trusted_proxys_own_certificate_is_never_its_callers() {
    let bank = behind(Some(CertificateHeader::ClientCert));
    let certificate = bank.client("client1");
    // The test itself is at 127.0.0.1, as the proxy is.
    assert_eq!(bank.with(&certificate, "client1").status, 401);
}

/// A real proxy in front of the server; ended when dropped.
struct Proxy {
    child: Child,
    address: SocketAddr,
    _dir: tempfile::TempDir,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A port that was free a moment ago: these proxies cannot say which one they got.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Proxy {
    /// Starts `program` with the recipe of the documentation between two fences, its places filled in.
    fn start(program: &str, arguments: &[&str], fence: &str, bank: &Bank) -> Option<Self> {
        let found = ["/usr/sbin", "/usr/bin"]
            .map(|dir| PathBuf::from(dir).join(program))
            .into_iter()
            .find(|file| file.exists());
        let Some(binary) = found else {
            assert!(std::env::var_os("COUNTERSIGN_REQUIRE_PROXIES").is_none(), "{program} is not installed");
            println!("skipped: {program} is not installed");
            return None;
        };
        let docs = include_str!("../../../../../docs/mtls-behind-a-proxy.md");
        let recipe = docs.split(&format!("```{fence}\n")).nth(1).unwrap().split("```").next().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let server = server_certificate(&bank.ca);
        let (certificate, key) = (server.certificate_pem().unwrap(), server.key_pem().unwrap());
        let path = |name: &str| dir.path().join(name).display().to_string();
        std::fs::write(path("server.pem"), &certificate).unwrap();
        std::fs::write(path("server.key"), key.expose()).unwrap();
        std::fs::write(path("both.pem"), format!("{certificate}{}", key.expose())).unwrap();
        let upstream = bank.server.url.trim_start_matches("http://");
        for _ in 0..5 {
            let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
            let text = recipe
                .replace("/etc/proxy/", &format!("{}/", dir.path().display()))
                .replace("0.0.0.0:443", &address.to_string())
                .replace("127.0.0.1:8080", upstream);
            std::fs::write(path("proxy.conf"), text).unwrap();
            let mut child = Command::new(&binary)
                .args(arguments)
                .arg(path("proxy.conf"))
                .current_dir(dir.path())
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            let up = wait_for(std::time::Duration::from_secs(10), || {
                if child.try_wait().unwrap().is_some() {
                    return Some(false);
                }
                std::net::TcpStream::connect(address).is_ok().then_some(true)
            });
            if up == Some(true) {
                return Some(Self { child, address, _dir: dir });
            }
            drop(child.kill());
            drop(child.wait());
        }
        panic!("{program} does not start");
    }

    /// What the server behind it says.
    fn ask(&self, certificate: Option<&Issued>, forged: &str) -> Answer {
        let path = format!("{TOKEN}?_tlsclientauth=1");
        let mut talk = Caller { certificate, ..Caller::default() }.connect(self.address);
        post(&mut talk, ("localhost", &path), forged, "grant_type=client_credentials&client_id=client1")
    }
}

/// The recipe passes the certificate on, and nothing that a caller forges.
fn passes_on_and_forges_nothing(proxy: &Proxy, bank: &Bank) {
    let (client1, client2) = (bank.client("client1"), bank.client("client2"));
    assert_eq!(proxy.ask(Some(&client1), "").status, 200);
    assert_eq!(proxy.ask(Some(&client2), "").status, 401);
    // Under another authority: accepted by the proxy, judged by the server.
    let stranger = issued(&[("C", "NO"), ("O", "Bank"), ("CN", "client1")], Purpose::Client, None);
    assert_eq!(proxy.ask(Some(&stranger), "").status, 401);
    let forged = format!(
        "client-cert: {}\r\nx-ssl-client-cert: {}\r\nclient-cert-chain: {}\r\n",
        sequence(&client1),
        escaped(&client1),
        sequence(&bank.ca)
    );
    for certificate in [None, Some(&client2), Some(&stranger)] {
        let answer = proxy.ask(certificate, &forged);
        assert_eq!(answer.status, 401, "{:?}", answer.json());
    }
    // Another spelling that a careless proxy lets through as the same header.
    let under =
        format!("client_cert: {}\r\nx_ssl_client_cert: {}\r\n", sequence(&client1), escaped(&client1));
    assert_eq!(proxy.ask(None, &under).status, 401);
    let (code, said) = proxy_check(&format!("https://{}{TOKEN}", proxy.address));
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(said.matches(", forged: ignored").count(), 5, "{said}");
}

/// What `countersign proxy-check` says, and its exit code.
fn proxy_check(url: &str) -> (Option<i32>, String) {
    let command =
        Command::new(env!("CARGO_BIN_EXE_countersign")).args(["proxy-check", "--insecure", url]).output();
    let output = command.unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn proxy_check_tells_a_header_that_gets_through_and_what_is_no_token_endpoint() {
    // Called from a trusted address, the server stands for a proxy that passes on what its callers send.
    let bank = behind(Some(CertificateHeader::ClientCert));
    let (code, said) = proxy_check(&bank.server.tenant("t", "token"));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("get through: Client-Cert;"), "{said}");
    let (code, said) = proxy_check(&bank.server.tenant("t", "jwks"));
    assert_eq!(code, Some(1));
    assert!(said.contains("nothing can be told"), "{said}");
    let untouched = Bank::start();
    assert_eq!(proxy_check(&untouched.server.tenant("t", "token")).0, Some(0));
}

#[test]
fn the_recipe_for_nginx_passes_certificates_on_and_nothing_forged() {
    let bank = behind(Some(CertificateHeader::Nginx));
    let Some(proxy) = Proxy::start(
        "nginx",
        &["-p", ".", "-e", "stderr", "-g", "daemon off; master_process off; pid nginx.pid;", "-c"],
        "nginx",
        &bank,
    ) else {
        return;
    };
    passes_on_and_forges_nothing(&proxy, &bank);
}

#[test]
fn the_recipe_for_haproxy_passes_certificates_on_and_nothing_forged() {
    let bank = behind(Some(CertificateHeader::ClientCert));
    let Some(proxy) = Proxy::start("haproxy", &["-db", "-f"], "haproxy", &bank) else { return };
    passes_on_and_forges_nothing(&proxy, &bank);
}
