//! A proxy that speaks HTTP/2: many callers on one connection, each with the certificate that the proxy names.

use super::*;
use crate::support::http2::{Answer as Said, Client, form};

const MACHINE: &str = "grant_type=client_credentials&client_id=client1";

/// Who is believed.
enum Trust {
    Address,
    Certificate,
    Nobody,
}

/// A server that trusts so, and a connection of a proxy that shows its own certificate.
fn connected(trust: &Trust) -> (Scene, Client) {
    let proxy = issued(&[("CN", "proxy")], Purpose::Client, None);
    let thumbprint = domain::Thumbprint::of(&proxy.certificate_der().unwrap()).to_base64url();
    let scene = Scene::start_with(CertificateHeader::ClientCert, |raw, ca, files| {
        match trust {
            Trust::Address => raw.server.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()],
            Trust::Certificate => raw.proxy.certificates = vec![thumbprint],
            Trust::Nobody => raw.server.trusted_proxies = vec!["192.0.2.0/24".parse().unwrap()],
        }
        raw.tls = vec![section(files, &server_certificate(ca))];
    });
    let client =
        Client::connect(Caller { certificate: Some(&proxy), ..Caller::default() }, scene.server.tls[0]);
    (scene, client)
}

/// A request with these header lines.
fn with(lines: &str) -> (http::Request<()>, String) {
    let mut request = form("localhost", ASKED);
    for line in lines.lines() {
        let (name, value) = line.split_once(": ").unwrap();
        let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
        request.headers_mut().append(name, value.parse().unwrap());
    }
    (request, MACHINE.to_owned())
}

fn statuses(answers: Vec<Result<Said, h2::Error>>) -> Vec<u16> {
    answers.into_iter().map(|answer| answer.unwrap().status).collect()
}

#[test]
fn each_stream_has_the_certificate_and_the_address_that_a_proxy_names_for_it_and_no_others() {
    for trust in [Trust::Address, Trust::Certificate] {
        let (scene, mut client) = connected(&trust);
        let [of1, of2] = ["client1", "client2"].map(|name| forged(&scene.client(name)).remove(0));
        let twice = &forged(&scene.client("client1"))[1];
        let cases = [(of1.as_str(), 200), (&of2, 401), ("", 401), (twice, 400)];
        let all: Vec<_> = cases.iter().cycle().take(40).collect();
        let answers = client.all(all.iter().map(|(lines, _)| with(lines)).collect());
        let expected: Vec<u16> = all.iter().map(|(_, status)| *status).collect();
        assert_eq!(statuses(answers), expected);
        let forwarded =
            format!("{of1}X-Forwarded-For: 192.0.2.99, 192.0.2.7\r\nX-Correlation-ID: over-h2\r\n");
        assert_eq!(statuses(client.all(vec![with(&forwarded)])), [200]);
        assert_eq!(scene.source_of("over-h2").as_deref(), Some("192.0.2.7"));
    }
}

#[test]
fn whoever_is_no_proxy_is_believed_on_no_stream() {
    let (scene, mut client) = connected(&Trust::Nobody);
    let forms = forged(&scene.client("client1"));
    // Fields of a connection are malformed on HTTP/2 (RFC 9113 §8.2.2).
    let forms: Vec<_> = forms.iter().filter(|lines| !lines.contains("Connection: ")).collect();
    let answers = client.all(forms.iter().map(|lines| with(lines)).collect());
    for answer in answers {
        let answer = answer.unwrap();
        assert!(answer.status == 401 && !answer.body.contains("access_token"), "{answer:?}");
    }
}
