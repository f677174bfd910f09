//! TLS listeners: what they speak, whom they ask, what they remember.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use openssl::ssl::{SslSessionCacheMode, SslVersion};

use super::*;
use crate::support::{tls::x509, wait_for};

const HEALTH: &str = "/idp/t/authn/.well-known/openid-configuration";

fn get(bank: &Bank, caller: Caller<'_>, host: &str) -> u16 {
    let mut talk = caller.connect(bank.address);
    talk.say(format!("GET {HEALTH} HTTP/1.1\r\nhost: {host}\r\n\r\n").as_bytes());
    talk.answer(false).unwrap().status
}

#[test]
fn only_modern_protocols_are_spoken() {
    let bank = Bank::start_with(AskFor::Never, |_raw| {});
    for newest in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        assert_eq!(get(&bank, Caller { newest: Some(newest), ..Caller::default() }, "localhost"), 200);
    }
    let old = Caller { newest: Some(SslVersion::TLS1_1), ..Caller::default() };
    let security = |context: &mut openssl::ssl::SslContextBuilder| context.set_security_level(0);
    assert!(old.try_connect(bank.address, security).is_err());
    let two = Caller { newest: Some(SslVersion::TLS1_2), ..Caller::default() };
    for weak in ["AES128-SHA", "AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES128-SHA256"] {
        let refused = two.try_connect(bank.address, |context| context.set_cipher_list(weak).unwrap());
        assert!(refused.is_err(), "{weak}");
    }
}

#[test]
fn an_asking_listener_remembers_no_session_and_another_does() {
    for (ask, remembers) in [(AskFor::Ask, false), (AskFor::BySni, false), (AskFor::Never, true)] {
        let bank = Bank::start_with(ask, |_raw| {});
        for newest in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
            let tickets = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&tickets);
            let caller = Caller { newest: Some(newest), ..Caller::default() };
            let mut talk = caller
                .try_connect(bank.address, move |context| {
                    context.set_session_cache_mode(SslSessionCacheMode::CLIENT);
                    context.set_new_session_callback(move |_ssl, session| {
                        // Under TLS 1.2 a session without an id and without a ticket cannot be gone on with.
                        let resumable =
                            session.protocol_version() == SslVersion::TLS1_3 || !session.id().is_empty();
                        counted.fetch_add(usize::from(resumable), Ordering::SeqCst);
                    });
                })
                .unwrap();
            talk.say(format!("GET {HEALTH} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes());
            assert_eq!(talk.answer(false).unwrap().status, 200);
            assert_eq!(tickets.load(Ordering::SeqCst) > 0, remembers, "{ask:?} {newest:?}");
        }
    }
}

#[test]
fn by_sni_only_the_name_for_certificates_is_asked_and_no_connection_serves_both_names() {
    let bank = Bank::start_with(AskFor::BySni, |_raw| {});
    let certificate = bank.client("client1");
    let on =
        |name: Option<&'static str>| Caller { name, certificate: Some(&certificate), ..Caller::default() };
    let form = "grant_type=client_credentials&client_id=client1";
    let said = |name: Option<&'static str>, host: &str| {
        post(&mut on(name).connect(bank.address), (host, TOKEN), "", form).status
    };
    assert_eq!(said(Some("mtls.id.example"), "mtls.id.example"), 200);
    assert_eq!(said(Some("MTLS.id.example"), "mtls.ID.example:443"), 200);
    // Nobody is asked there: the certificate stays at home.
    assert_eq!(said(Some("id.example"), "id.example"), 401);
    assert_eq!(said(None, "127.0.0.1"), 401);
    // RFC 9110 §7.4.
    assert_eq!(said(Some("id.example"), "mtls.id.example"), 421);
    assert_eq!(said(None, "mtls.id.example."), 421);
    assert_eq!(said(Some("mtls.id.example"), "id.example"), 421);
    let absolute = "https://mtls.id.example/idp/t/authn/token";
    let mut talk = on(Some("id.example")).connect(bank.address);
    assert_eq!(post(&mut talk, ("id.example", absolute), "", form).status, 421);
}

#[test]
fn a_new_certificate_is_taken_without_a_restart_and_a_bad_one_is_not() {
    let bank = Bank::start_with(AskFor::Never, |_raw| {});
    let shown = || {
        let talk = Caller::default().connect(bank.address);
        talk.stream().ssl().peer_certificate().unwrap().to_der().unwrap()
    };
    let (old, dir) = (shown(), bank.files.path());
    let next = server_certificate(&bank.ca);
    // A certificate without its key: the old pair stays, and is used for every connection meanwhile.
    std::fs::write(dir.join("server.pem"), next.certificate_pem().unwrap()).unwrap();
    let patience = Duration::from_secs(3);
    assert!(wait_for(patience, || (shown() != old).then_some(())).is_none(), "half a pair was taken");
    std::fs::write(dir.join("server.key"), next.key_pem().unwrap().expose()).unwrap();
    let new = x509(&next).to_der().unwrap();
    wait_for(Duration::from_secs(20), || (shown() == new).then_some(())).expect("the new pair is shown");
}

#[test]
fn a_handshake_that_does_not_go_on_is_ended() {
    let bank = Bank::start_with(AskFor::Ask, |raw| raw.server.request_timeout = 1);
    let mut silent = TcpStream::connect(bank.address).unwrap();
    let mut babbling = TcpStream::connect(bank.address).unwrap();
    babbling.write_all(&[22, 3, 1, 2, 0, 1, 0]).unwrap();
    let begun = Instant::now();
    for stream in [&mut silent, &mut babbling] {
        stream.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
        let mut rest = Vec::new();
        drop(stream.read_to_end(&mut rest));
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(get(&bank, Caller::default(), "localhost"), 200);
}

#[test]
fn what_is_pipelined_and_what_comes_late_is_answered_under_tls_too() {
    let bank = Bank::start();
    let mut talk = Caller::default().connect(bank.address);
    let one = format!("GET {HEALTH} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    talk.say(one.repeat(50).as_bytes());
    for _ in 0..50 {
        assert_eq!(talk.answer(false).unwrap().status, 200);
    }
    let body = "grant_type=client_credentials&client_id=client1";
    let head = format!("POST {TOKEN} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n", body.len());
    talk.say(head.as_bytes());
    talk.say(b"content-type: application/x-www-form-urlencoded\r\n\r\n");
    let (first, rest) = body.split_at(10);
    talk.say(first.as_bytes());
    talk.say(rest.as_bytes());
    assert_eq!(talk.answer(false).unwrap().status, 401);
}
