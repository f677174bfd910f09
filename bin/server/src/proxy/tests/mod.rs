use std::fmt::Write as _;

use actix_web::{
    http::header::{HeaderName, HeaderValue},
    test::TestRequest,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use proptest::prelude::*;

use super::*;

const ONE: &str = include_str!("one.pem");
const TWO: &str = include_str!("two.pem");

fn proxies(section: &str) -> Proxies {
    let text =
        format!("[server]\ntrusted_proxies = [\"10.0.0.0/24\", \"10.1.0.1/32\"]\n[proxy]\n{section}\n");
    let raw = crate::config::RawConfig::from_text(&text).unwrap();
    Proxies::from_sections(&raw.server, &raw.proxy).unwrap()
}

fn der(pem: &str) -> Vec<u8> {
    jose::certificates_from_pem(pem, 1).unwrap().remove(0)
}

/// As nginx's `ngx_escape_uri` writes it.
fn escaped(pem: &str) -> String {
    pem.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").unwrap();
        }
        text
    })
}

fn item(pem: &str) -> String {
    format!(":{}:", STANDARD.encode(der(pem)))
}

/// The thumbprint and the length of the chain, the answer to a broken header, or nothing.
fn seen(
    section: &str,
    peer: &str,
    headers: &[(&str, &str)],
) -> Result<Option<(Thumbprint, usize)>, &'static str> {
    let mut request = TestRequest::default().peer_addr(format!("{peer}:1").parse().unwrap());
    for (name, value) in headers {
        request = request.append_header((*name, *value));
    }
    let proxies = proxies(section);
    let request = request.to_http_request();
    let first = proxies.certificate(&request);
    // What is remembered is the same.
    assert_eq!(first.as_ref().ok(), proxies.certificate(&request).as_ref().ok());
    first
        .map_err(|refusal| refusal.reason)
        .map(|found| found.map(Result::unwrap).map(|found| (found.thumbprint, found.chain.len())))
}

const PROXY: &str = "10.0.0.5";
const RFC9440: &str = "certificate_header = \"client-cert\"";
const NGINX: &str = "certificate_header = \"nginx\"";
const XFCC: &str = "certificate_header = \"xfcc\"";
const BROKEN: &str = "proxy_certificate_header";

#[test]
fn each_form_gives_the_certificate_that_a_trusted_proxy_names() {
    let one = Thumbprint::of(&der(ONE));
    let (plain, chain) = (item(ONE), format!("{0}, {0}", item(TWO)));
    assert_eq!(seen(RFC9440, PROXY, &[("Client-Cert", &plain)]), Ok(Some((one, 0))));
    assert_eq!(
        seen(
            RFC9440,
            PROXY,
            &[("client-cert", &plain), ("Client-Cert-Chain", &chain), ("Client-Cert-Chain", &plain)]
        ),
        Ok(Some((one, 3)))
    );
    assert_eq!(seen(NGINX, PROXY, &[("X-SSL-Client-Cert", &escaped(ONE))]), Ok(Some((one, 0))));
    let named = format!("{NGINX}\ncertificate_header_name = \"ssl-client-cert\"");
    assert_eq!(seen(&named, PROXY, &[("Ssl-Client-Cert", &escaped(ONE))]), Ok(Some((one, 0))));
    let hash = "By=spiffe://mesh/a;Hash=00ff;Subject=\"O=Bank, CN=\\\"client1\\\";x\";URI=";
    let xfcc = format!("{hash};Cert=\"{}\";Chain=\"{}{}\"", escaped(ONE), escaped(ONE), escaped(TWO));
    assert_eq!(seen(XFCC, PROXY, &[("x-forwarded-client-cert", &xfcc)]), Ok(Some((one, 1))));
}

#[test]
fn a_stranger_s_header_and_a_form_that_is_not_switched_on_are_ignored() {
    let all = [
        ("Client-Cert", item(ONE)),
        ("X-SSL-Client-Cert", escaped(ONE)),
        ("X-Forwarded-Client-Cert", format!("Cert=\"{}\"", escaped(ONE))),
    ];
    for (name, value) in &all {
        for section in [RFC9440, NGINX, XFCC, ""] {
            assert_eq!(seen(section, "192.0.2.1", &[(name, value)]), Ok(None), "{section} {name}");
        }
    }
    assert_eq!(seen(RFC9440, PROXY, &[(all[1].0, &all[1].1), (all[2].0, &all[2].1)]), Ok(None));
    assert_eq!(seen(NGINX, PROXY, &[(all[0].0, &all[0].1), (all[2].0, &all[2].1)]), Ok(None));
    assert_eq!(seen(XFCC, PROXY, &[(all[0].0, &all[0].1), (all[1].0, &all[1].1)]), Ok(None));
    assert_eq!(seen("", PROXY, &[(all[0].0, &all[0].1)]), Ok(None));
}

#[test]
fn a_header_that_is_there_twice_is_refused_whatever_it_says() {
    let (one, two) = (item(ONE), item(TWO));
    assert_eq!(seen(RFC9440, PROXY, &[("Client-Cert", &one), ("Client-Cert", &two)]), Err(BROKEN));
    assert_eq!(seen(RFC9440, PROXY, &[("Client-Cert", &one), ("Client-Cert", &one)]), Err(BROKEN));
    assert_eq!(seen(RFC9440, PROXY, &[("Client-Cert", &format!("{one}, {two}"))]), Err(BROKEN));
    let (one, two) = (escaped(ONE), escaped(TWO));
    assert_eq!(seen(NGINX, PROXY, &[("X-SSL-Client-Cert", &one), ("X-SSL-Client-Cert", &two)]), Err(BROKEN));
    assert_eq!(seen(NGINX, PROXY, &[("X-SSL-Client-Cert", &format!("{one}{two}"))]), Err(BROKEN));
    let (one, two) = (format!("Cert=\"{one}\""), format!("Cert=\"{two}\""));
    assert_eq!(seen(XFCC, PROXY, &[("X-Forwarded-Client-Cert", &format!("{two},{one}"))]), Err(BROKEN));
    assert_eq!(seen(XFCC, PROXY, &[("X-Forwarded-Client-Cert", &format!("{two};{one}"))]), Err(BROKEN));
}

#[test]
fn a_header_that_is_there_twice_is_refused_also_where_one_of_them_is_empty() {
    let forms = [
        (RFC9440, "Client-Cert", item(ONE)),
        (NGINX, "X-SSL-Client-Cert", escaped(ONE)),
        (XFCC, "X-Forwarded-Client-Cert", format!("Cert=\"{}\"", escaped(ONE))),
    ];
    for (section, name, forged) in &forms {
        // A proxy that adds says nothing where there is no certificate, and so do clients that try.
        for pair in [[forged.as_str(), ""], ["", forged], ["", ""], [" ", forged]] {
            let headers = pair.map(|value| (*name, value));
            assert_eq!(seen(section, PROXY, &headers), Err(BROKEN), "{name} {pair:?}");
        }
    }
    let chain =
        [("Client-Cert", item(ONE)), ("Client-Cert-Chain", String::new()), ("Client-Cert-Chain", item(TWO))];
    let chain = chain.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(seen(RFC9440, PROXY, &chain), Ok(Some((Thumbprint::of(&der(ONE)), 1))));
    assert_eq!(seen(RFC9440, PROXY, &[("Client-Cert", ""), ("Client-Cert-Chain", "")]), Ok(None));
}

#[test]
fn what_does_not_read_is_refused_and_what_is_empty_is_nothing() {
    assert_eq!(seen(NGINX, PROXY, &[("X-SSL-Client-Cert", "")]), Ok(None));
    assert_eq!(seen(RFC9440, PROXY, &[]), Ok(None));
    for value in
        ["::", ":AAAA:", "AAAA", ":MII", ":MII!:", &format!("{};a=1", item(ONE)), &"A".repeat(60_000)]
    {
        assert_eq!(seen(RFC9440, PROXY, &[("Client-Cert", value)]), Err(BROKEN), "{value}");
    }
    assert_eq!(seen(RFC9440, PROXY, &[("Client-Cert-Chain", &item(TWO))]), Err(BROKEN));
    for value in ["(null)", "-----BEGIN%20CERTIFICATE-----", "%FF", &escaped(&ONE.replace('M', "!"))] {
        assert_eq!(seen(NGINX, PROXY, &[("X-SSL-Client-Cert", value)]), Err(BROKEN), "{value}");
    }
    for value in ["Hash=00ff", "Cert", "Cert=\"", "Subject=\"x;Cert=y", ";"] {
        assert_eq!(seen(XFCC, PROXY, &[("X-Forwarded-Client-Cert", value)]), Err(BROKEN), "{value}");
    }
}

fn address(peer: &str, forwarded: &[&str]) -> String {
    let mut request = TestRequest::default().peer_addr(format!("{peer}:1").parse().unwrap());
    for value in forwarded {
        request = request.append_header((header::X_FORWARDED_FOR, *value));
    }
    proxies("").source(&request.to_http_request()).unwrap().to_string()
}

#[test]
fn only_a_trusted_proxy_is_believed_and_only_up_to_the_first_stranger() {
    assert_eq!(address("192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
    assert_eq!(address("10.0.0.5", &["198.51.100.7"]), "198.51.100.7");
    assert_eq!(address("10.0.0.5", &["203.0.113.9, 198.51.100.7"]), "198.51.100.7");
    assert_eq!(address("10.0.0.5", &["203.0.113.9, 198.51.100.7, 10.1.0.1"]), "198.51.100.7");
    assert_eq!(address("10.0.0.5", &["203.0.113.9", "198.51.100.7"]), "198.51.100.7");
    assert_eq!(address("10.0.0.5", &["::ffff:198.51.100.7"]), "198.51.100.7");
}

#[test]
fn what_is_malformed_or_missing_leaves_the_proxy_itself() {
    assert_eq!(address("10.0.0.5", &[]), "10.0.0.5");
    assert_eq!(address("10.0.0.5", &["198.51.100.7, nonsense"]), "10.0.0.5");
    assert_eq!(address("10.0.0.5", &["198.51.100.7:443"]), "10.0.0.5");
}

#[test]
fn an_authenticated_proxy_is_believed_from_any_address() {
    let peer = "192.0.2.1".parse().unwrap();
    assert_eq!(nearest(peer, true, &["198.51.100.7"], &[]).to_string(), "198.51.100.7");
    assert_eq!(nearest(peer, true, &["203.0.113.9, 198.51.100.7"], &[]).to_string(), "198.51.100.7");
    assert_eq!(nearest(peer, false, &["198.51.100.7"], &[]).to_string(), "192.0.2.1");
}

proptest! {
    #[test]
    fn nothing_that_a_proxy_says_breaks_the_readers(text in "[ -~]{0,300}", pairs in "(Cert|Chain|By|,|;|=|\"|\\\\|%[0-9A-F]{2}|:|[A-Za-z]){0,60}") {
        for value in [text, pairs] {
            let value = HeaderValue::from_str(&value).unwrap();
            let names = ["client-cert", "client-cert-chain", "ssl-client-cert", "x-forwarded-client-cert"];
            let mut headers = HeaderMap::new();
            for name in names {
                headers.append(HeaderName::from_static(name), value.clone());
            }
            let read = read_anything(&headers, "ssl-client-cert");
            prop_assert!(read.iter().all(Option::is_none));
        }
    }
}
