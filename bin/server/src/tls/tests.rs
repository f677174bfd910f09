mod turns;

use std::{os::unix::net::UnixStream, sync::Arc};

use domain::{Timestamp, Ttl};
use jose::{
    OsEntropy,
    pki::{Issued, Purpose, Wanted},
};
use openssl::{
    pkey::PKey,
    ssl::{Ssl, SslContext, SslMethod, SslStream, SslVersion},
    x509::{X509, X509VerifyResult},
};

use super::Slot;
use crate::config::{AskFor, TlsSection};

fn issued(name: &str, purpose: Purpose, issuer: Option<&Issued>) -> Issued {
    let day = Ttl::from_days(1);
    let now = openssl_now();
    let wanted = Wanted {
        subject: &[("CN", name)],
        alt_names: &[],
        dates: (now.minus(day), now.plus(day)),
        purpose,
        ocsp_responder: None,
    };
    Issued::make(&wanted, issuer, &OsEntropy).unwrap()
}

/// The library judges dates by the machine's clock.
fn openssl_now() -> Timestamp {
    let epoch = openssl::asn1::Asn1Time::from_unix(0).unwrap();
    let since = epoch.diff(&openssl::asn1::Asn1Time::days_from_now(0).unwrap()).unwrap();
    Timestamp::from_secs(i64::from(since.days) * 86_400 + i64::from(since.secs))
}

/// A listener's files, and the listener.
struct Listener {
    files: tempfile::TempDir,
    slot: Slot,
}

impl Listener {
    fn new(ask: AskFor) -> Self {
        let files = tempfile::tempdir().unwrap();
        write(&files, &issued("localhost", Purpose::Server, None));
        let section = TlsSection {
            listen: "127.0.0.1:0".to_owned(),
            certificate: files.path().join("server.pem"),
            private_key: files.path().join("server.key"),
            client_certificates: ask,
            mtls_host: None,
            http2: true,
        };
        Self { slot: Slot::open(section).unwrap(), files }
    }
}

fn write(files: &tempfile::TempDir, server: &Issued) {
    std::fs::write(files.path().join("server.pem"), server.certificate_pem().unwrap()).unwrap();
    std::fs::write(files.path().join("server.key"), server.key_pem().unwrap().expose()).unwrap();
}

/// What the server has of a connection to a client that shows these certificates, its own first, with its key.
fn shown(slot: &Slot, certificates: Vec<X509>, key: &Issued, newest: SslVersion) -> SslStream<UnixStream> {
    let (here, there) = UnixStream::pair().unwrap();
    let key = PKey::private_key_from_pem(key.key_pem().unwrap().expose().as_bytes()).unwrap();
    let client = std::thread::spawn(move || {
        let mut context = SslContext::builder(SslMethod::tls_client()).unwrap();
        context.set_max_proto_version(Some(newest)).unwrap();
        let mut certificates = certificates.into_iter();
        context.set_certificate(&certificates.next().unwrap()).unwrap();
        context.set_private_key(&key).unwrap();
        certificates.for_each(|certificate| context.add_extra_chain_cert(certificate).unwrap());
        Ssl::new(&context.build()).unwrap().connect(there).unwrap()
    });
    let server = Ssl::new(slot.acceptor().context()).unwrap().accept(here).unwrap();
    drop(client.join().unwrap());
    server
}

/// Whoever shows a chain without end makes the library check one signature, and not all of them.
#[test]
fn of_a_chain_that_is_shown_no_signature_but_the_first_is_checked_and_all_of_it_is_there() {
    let listener = Listener::new(AskFor::Ask);
    let root = issued("Root", Purpose::Authority(None), None);
    let upper = issued("Upper", Purpose::Authority(None), Some(&root));
    let lower = issued("Lower", Purpose::Authority(None), Some(&upper));
    let own = issued("Own", Purpose::Client, Some(&lower));
    let x509 = |issued: &Issued| X509::from_der(&issued.certificate_der().unwrap()).unwrap();
    // It would be found out if anybody looked: that is the error then.
    let mut forged = lower.certificate_der().unwrap();
    *forged.last_mut().unwrap() ^= 1;
    let forged = X509::from_der(&forged).unwrap();
    for newest in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let chain = vec![x509(&own), forged.clone(), x509(&upper), x509(&root)];
        let server = shown(&listener.slot, chain, &own, newest);
        let found = server.ssl().verify_result();
        assert_ne!(found.as_raw(), 7, "a signature above was checked: {found}");
        assert_ne!(found, X509VerifyResult::OK, "nobody is trusted here");
        assert_eq!(server.ssl().peer_certificate().unwrap().to_der().unwrap(), x509(&own).to_der().unwrap());
        assert_eq!(server.ssl().peer_cert_chain().unwrap().len(), 3, "the tenant may need them");
    }
}

#[test]
fn the_keys_of_session_tickets_do_not_stay() {
    let listener = Listener::new(AskFor::Never);
    let slot = &listener.slot;
    let at = |hours: i64| Timestamp::from_secs(1000 + hours * 3600);
    let first = slot.acceptor();
    for hours in [0, 1, 11] {
        slot.refresh(at(hours));
        assert!(Arc::ptr_eq(&first, &slot.acceptor()), "{hours}");
    }
    slot.refresh(at(12));
    let second = slot.acceptor();
    assert!(!Arc::ptr_eq(&first, &second));
    // From then on they are counted anew.
    slot.refresh(at(23));
    assert!(Arc::ptr_eq(&second, &slot.acceptor()));
    write(&listener.files, &issued("localhost", Purpose::Server, None));
    slot.refresh(at(23));
    let third = slot.acceptor();
    assert!(!Arc::ptr_eq(&second, &third), "another certificate counts at once");
    slot.refresh(at(34));
    assert!(Arc::ptr_eq(&third, &slot.acceptor()));
    // Files that do not fit leave the certificate as it is, and its tickets' keys go on changing.
    std::fs::write(listener.files.path().join("server.key"), "nonsense").unwrap();
    slot.refresh(at(34));
    assert!(Arc::ptr_eq(&third, &slot.acceptor()));
    slot.refresh(at(35));
    let fourth = slot.acceptor();
    assert!(!Arc::ptr_eq(&third, &fourth));
    std::fs::remove_file(listener.files.path().join("server.key")).unwrap();
    slot.refresh(at(47));
    assert!(!Arc::ptr_eq(&fourth, &slot.acceptor()));
}
