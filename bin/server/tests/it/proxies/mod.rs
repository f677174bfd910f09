//! Behind nginx and HAProxy, with the files that docs/mtls-behind-a-proxy.md recommends, and with clients that forge.

mod front;
mod http2;

use std::{path::Path, process::Command};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use countersign_server::config::{AskFor, CertificateHeader, RawConfig, TlsSection};
use domain::AltName;
use jose::pki::{Issued, Purpose};

use crate::support::{
    Ask as _, http,
    in_process::Server,
    raw::Answer,
    tls::{Caller, NOW, authority, dated, issued, post},
};
use front::{Front, Program};

const TOKEN: &str = "/idp/t/authn/token";
const ASKED: &str = "/idp/t/authn/token?_tlsclientauth=1";
const MISSING: &str = "Client authentication failed: no client certificate was presented on this connection";

fn tenant(truststore: &str) -> String {
    format!(
        "name = \"t\"\nprofile = \"openid\"\n\n[settings]\nmtls_truststore = '''\n{truststore}'''\n\n\
         [[clients]]\nclient_id = \"client1\"\nauth_methods = [\"tls_client_auth\"]\n\
         grant_types = [\"client_credentials\"]\ntls_client_auth_subject_dn = \"CN=client1,O=Bank,C=NO\"\n\n\
         [[clients]]\nclient_id = \"by-secret\"\nauth_methods = [\"client_secret_basic\"]\n\
         client_secret = \"Correct-Horse-9-Battery\"\ngrant_types = [\"client_credentials\"]\n\n\
         [[clients]]\nclient_id = \"from-two\"\nauth_methods = [\"client_secret_basic\"]\n\
         client_secret = \"Correct-Horse-9-Battery\"\ngrant_types = [\"client_credentials\"]\n\
         hid_client_authentication_constraints = [\"127.0.0.2\"]\n"
    )
}

/// Countersign that believes proxies on this machine, and an authority for everyone.
struct Scene {
    server: Server,
    ca: Issued,
    files: tempfile::TempDir,
}

impl Scene {
    fn start(form: CertificateHeader) -> Self {
        Self::start_with(form, |raw, _ca, _dir| {
            raw.server.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
        })
    }

    fn start_with(form: CertificateHeader, change: impl FnOnce(&mut RawConfig, &Issued, &Path)) -> Self {
        let (ca, files) = (authority("Test CA"), tempfile::tempdir().unwrap());
        let server = Server::start_with(&[&tenant(&ca.certificate_pem().unwrap())], |raw| {
            raw.proxy.certificate_header = form;
            change(raw, &ca, files.path());
        });
        Self { server, ca, files }
    }

    fn client(&self, name: &str) -> Issued {
        issued(&[("C", "NO"), ("O", "Bank"), ("CN", name)], Purpose::Client, Some(&self.ca))
    }

    /// From where the request of that id came, says the audit log.
    fn source_of(&self, id: &str) -> Option<String> {
        let rows = self.server.store("t").audit(&storage::AuditFilter::default()).unwrap();
        rows.into_iter().find(|row| row.request_id == id).unwrap_or_else(|| panic!("no row of {id}")).source
    }

    fn front(&self, program: Program) -> Option<Front> {
        let backend = self.server.url.trim_start_matches("http://");
        Front::start(program, self.files.path(), backend, &self.ca, &server_certificate(&self.ca))
    }
}

fn server_certificate(ca: &Issued) -> Issued {
    let names = [AltName::Dns("localhost".to_owned()), AltName::Ip([127, 0, 0, 1].into())];
    let year = domain::Ttl::from_days(365);
    dated(&[("CN", "localhost")], Purpose::Server, Some(ca), (NOW.minus(year), NOW.plus(year)), &names)
}

/// The header lines of someone who has `certificate` and not its key, in every form there is.
fn forged(certificate: &Issued) -> Vec<String> {
    let item = format!(":{}:", STANDARD.encode(certificate.certificate_der().unwrap()));
    let pem = certificate.certificate_pem().unwrap();
    let escaped: String = url::form_urlencoded::byte_serialize(pem.as_bytes()).collect();
    let escaped = escaped.replace('+', "%20");
    vec![
        format!("Client-Cert: {item}\r\n"),
        format!("client-cert: {item}\r\nCLIENT-CERT: {item}\r\n"),
        format!("Client_Cert: {item}\r\n"),
        format!("Client-Cert: {item}\r\nClient-Cert-Chain: {item}\r\n"),
        format!("X-SSL-Client-Cert: {escaped}\r\n"),
        format!("X_SSL_Client_Cert: {escaped}\r\n"),
        format!("X-Forwarded-Client-Cert: Cert=\"{escaped}\"\r\n"),
        format!("X-SSL-Client-Cert: {escaped}\r\nConnection: X-SSL-Client-Cert\r\n"),
        format!("Client-Cert: {item}\r\nX-Forwarded-For: 127.0.0.1\r\n"),
    ]
}

fn ask(front: &Front, certificate: Option<&Issued>, headers: &str) -> Answer {
    let mut talk = Caller { certificate, ..Caller::default() }.connect(front.address);
    let form = "grant_type=client_credentials&client_id=client1";
    post(&mut talk, ("localhost", ASKED), headers, form)
}

#[track_caller]
fn token(answer: &Answer) {
    assert_eq!(answer.status, 200, "{:?}", answer.json());
}

#[track_caller]
fn missing(answer: &Answer) {
    assert_eq!((answer.status, answer.json()["error_description"].as_str()), (401, Some(MISSING)));
}

/// What both recipes promise.
fn recipe(program: Program, form: CertificateHeader) {
    let scene = Scene::start(form);
    let Some(front) = scene.front(program) else { return };
    let (client1, client2) = (scene.client("client1"), scene.client("client2"));
    token(&ask(&front, Some(&client1), ""));
    missing(&ask(&front, None, ""));
    assert_eq!(ask(&front, Some(&client2), "").status, 401, "it is another client's");
    let stranger = authority("Test CA");
    let alike = issued(&[("C", "NO"), ("O", "Bank"), ("CN", "client1")], Purpose::Client, Some(&stranger));
    assert_eq!(ask(&front, Some(&alike), "").status, 401, "the same name under another authority");
    for headers in forged(&client1) {
        missing(&ask(&front, None, &headers));
        assert_eq!(ask(&front, Some(&client2), &headers).status, 401, "{headers}");
    }
    for headers in forged(&client2) {
        token(&ask(&front, Some(&client1), &headers));
    }
    addresses(&scene, &front);
    let lines = proxy_check(&scene, &front, &client1);
    assert!(lines.ends_with("no forged header was believed\n"), "{lines}");
}

/// The caller's address is its own, in the audit log and for clients that may call from some only, whatever it says of
/// itself.
fn addresses(scene: &Scene, front: &Front) {
    let url = format!("https://{}{TOKEN}", front.address);
    let ask = |from: [u8; 4], id: &str, forwarded: &str, client: &str| {
        let caller = reqwest::blocking::Client::builder()
            .no_proxy()
            .local_address(std::net::IpAddr::from(from))
            .tls_danger_accept_invalid_certs(true)
            .build()
            .unwrap();
        let request = caller.post(&url).basic_auth(client, Some("Correct-Horse-9-Battery"));
        let request = request.header("X-Correlation-ID", id).header("X-Forwarded-For", forwarded);
        request.form(&[("grant_type", "client_credentials")]).said().status
    };
    for (number, forged) in ["192.0.2.99", "127.0.0.1", "192.0.2.99, 127.0.0.1", ""].iter().enumerate() {
        let id = format!("address-{number}");
        assert_eq!(ask([127, 0, 0, 2], &id, forged, "by-secret"), 200);
        assert_eq!(scene.source_of(&id).as_deref(), Some("127.0.0.2"), "{forged:?}");
    }
    assert_eq!(ask([127, 0, 0, 2], "a", "192.0.2.99", "from-two"), 200);
    assert_eq!(ask([127, 0, 0, 3], "b", "127.0.0.2", "from-two"), 401, "it said so itself");
}

/// Runs the command as an operator would.
fn proxy_check(scene: &Scene, front: &Front, client: &Issued) -> String {
    let write = |name: &str, text: &str| {
        let path = scene.files.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let ca = write("check-ca.pem", &scene.ca.certificate_pem().unwrap());
    let cert = write("check.pem", &client.certificate_pem().unwrap());
    let key = write("check.key", client.key_pem().unwrap().expose());
    let output = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .arg("proxy-check")
        .arg(format!("https://{}/idp/t/authn", front.address))
        .arg("--ca")
        .arg(ca)
        .args(["--client-id", "client1"])
        .arg("--cert")
        .arg(cert)
        .arg("--key")
        .arg(key)
        .output()
        .unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout))
}

#[test]
fn nginx_hands_on_the_callers_own_certificate_and_no_forged_one() {
    recipe(Program::Nginx, CertificateHeader::Nginx);
}

#[test]
fn haproxy_hands_on_the_callers_own_certificate_and_no_forged_one() {
    recipe(Program::Haproxy, CertificateHeader::ClientCert);
}

#[test]
fn proxy_check_finds_a_proxy_that_lets_headers_through() {
    // HAProxy's recipe takes out every header that it knows, but nginx's name may be another one.
    let scene = Scene::start_with(CertificateHeader::Nginx, |raw, _ca, _dir| {
        raw.server.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
        "X-Client-Cert".clone_into(&mut raw.proxy.certificate_header_name);
    });
    let Some(front) = scene.front(Program::Haproxy) else { return };
    let said = proxy_check(&scene, &front, &scene.client("client1"));
    assert!(said.contains("a forged x-client-cert is NOT ignored"), "{said}");
    assert!(!said.contains("no forged header was believed"), "{said}");
}

#[test]
fn proxy_check_says_when_it_proves_nothing() {
    let scene = Scene::start(CertificateHeader::None);
    let check = |url: &str| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_countersign")).args(["proxy-check", url]).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = check(&format!("{}/idp/nobody/authn", scene.server.url));
    assert_eq!(code, Some(1));
    assert!(said.contains("nothing is proven"), "{said}");
    let output = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(["proxy-check", &format!("{}/idp/t/authn/token", scene.server.url)])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What `form` is believed of a peer, over plain HTTP on this machine.
fn plain(scene: &Scene, headers: &str) -> (u16, String) {
    let mut request = http().post(format!("{}?_tlsclientauth=1", scene.server.tenant("t", "token")));
    for line in headers.lines() {
        let (name, value) = line.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    let form = [("grant_type", "client_credentials"), ("client_id", "client1")];
    let said = request.form(&form).said();
    (said.status, said.text)
}

#[test]
fn a_header_from_someone_who_is_no_proxy_is_ignored() {
    for form in [CertificateHeader::ClientCert, CertificateHeader::Nginx, CertificateHeader::Xfcc] {
        let scene = Scene::start_with(form, |raw, _ca, _dir| {
            raw.server.trusted_proxies = vec!["192.0.2.0/24".parse().unwrap()];
        });
        for headers in forged(&scene.client("client1")) {
            let headers = headers.replace("Connection: X-SSL-Client-Cert\r\n", "");
            let (status, text) = plain(&scene, &headers);
            assert!(status == 401 && text.contains("no client certificate"), "{form:?} {headers}: {text}");
        }
    }
}

#[test]
fn a_trusted_proxy_is_believed_in_its_own_form_only() {
    let forms = [
        (CertificateHeader::ClientCert, "Client-Cert: "),
        (CertificateHeader::Nginx, "X-SSL-Client-Cert: "),
        (CertificateHeader::Xfcc, "X-Forwarded-Client-Cert: "),
    ];
    for (form, own) in forms {
        let scene = Scene::start(form);
        for headers in forged(&scene.client("client1")) {
            if headers.lines().count() > 1 {
                continue;
            }
            let (status, text) = plain(&scene, &headers);
            let expected = if headers.starts_with(own) { 200 } else { 401 };
            assert_eq!(status, expected, "{form:?} {headers}: {text}");
        }
    }
}

#[test]
fn a_header_that_a_proxy_added_to_its_clients_own_is_refused() {
    let scene = Scene::start(CertificateHeader::ClientCert);
    let twice = &forged(&scene.client("client1"))[1];
    let (status, text) = plain(&scene, twice);
    assert_eq!(status, 400, "{text}");
    assert!(text.contains("invalid_request"), "{text}");
}

#[test]
fn a_proxy_that_authenticates_is_believed_and_its_own_certificate_is_no_clients() {
    let (proxy_ca, dir) = (authority("Proxies"), tempfile::tempdir().unwrap());
    let proxy = issued(&[("C", "NO"), ("O", "Bank"), ("CN", "client1")], Purpose::Client, Some(&proxy_ca));
    let thumbprint = domain::Thumbprint::of(&proxy.certificate_der().unwrap()).to_base64url();
    let scene = Scene::start_with(CertificateHeader::ClientCert, |raw, ca, files| {
        raw.proxy.certificates = vec![thumbprint];
        raw.tls = vec![section(files, &server_certificate(ca))];
    });
    drop(dir);
    let ask = |certificate: &Issued, headers: &str| {
        let mut talk =
            Caller { certificate: Some(certificate), ..Caller::default() }.connect(scene.server.tls[0]);
        post(&mut talk, ("localhost", ASKED), headers, "grant_type=client_credentials&client_id=client1")
    };
    let (client1, client2) = (scene.client("client1"), scene.client("client2"));
    let [of1, of2] = [&client1, &client2].map(|certificate| forged(certificate).remove(0));
    token(&ask(&proxy, &of1));
    assert_eq!(ask(&proxy, &of2).status, 401);
    // Whoever is no proxy speaks for itself only.
    token(&ask(&client1, &of2));
    assert_eq!(ask(&client2, &of1).status, 401);
    missing(&ask(&proxy, ""));
    // So it is with the caller's address: whoever is no proxy has its own.
    let forwarded =
        |id: &str| format!("x-forwarded-for: 192.0.2.99, 192.0.2.7\r\nx-correlation-id: {id}\r\n");
    token(&ask(&proxy, &format!("{of1}{}", forwarded("by-proxy"))));
    token(&ask(&client1, &forwarded("by-itself")));
    let sources = ["by-proxy", "by-itself"].map(|id| scene.source_of(id));
    assert_eq!(sources, [Some("192.0.2.7".to_owned()), Some("127.0.0.1".to_owned())]);
    // Without the header the proxy's own certificate, of a name that is registered, is nobody's.
    let mut talk = Caller { certificate: Some(&proxy), ..Caller::default() }.connect(scene.server.tls[0]);
    let answer = post(&mut talk, ("localhost", TOKEN), "", "grant_type=client_credentials&client_id=client1");
    assert_eq!(answer.status, 401);
}

#[test]
fn the_own_certificate_of_a_proxy_that_is_listed_by_address_is_no_clients_in_any_form() {
    for form in [
        CertificateHeader::None,
        CertificateHeader::ClientCert,
        CertificateHeader::Nginx,
        CertificateHeader::Xfcc,
    ] {
        let scene = Scene::start_with(form, |raw, ca, files| {
            raw.server.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
            raw.tls = vec![section(files, &server_certificate(ca))];
        });
        let proxy = scene.client("client1");
        let mut talk = Caller { certificate: Some(&proxy), ..Caller::default() }.connect(scene.server.tls[0]);
        let form = "grant_type=client_credentials&client_id=client1";
        assert_eq!(post(&mut talk, ("localhost", TOKEN), "", form).status, 401);
    }
}

fn section(dir: &Path, server: &Issued) -> TlsSection {
    let (certificate, private_key) = (dir.join("own.pem"), dir.join("own.key"));
    std::fs::write(&certificate, server.certificate_pem().unwrap()).unwrap();
    std::fs::write(&private_key, server.key_pem().unwrap().expose()).unwrap();
    TlsSection {
        listen: "127.0.0.1:0".to_owned(),
        certificate,
        private_key,
        client_certificates: AskFor::Ask,
        mtls_host: None,
        http2: true,
    }
}
