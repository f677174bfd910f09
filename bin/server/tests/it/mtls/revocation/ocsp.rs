//! Responders (RFC 6960). What they answer is made by OpenSSL's own (`openssl ocsp`), at the clock of this machine: the
//! server's is set to it.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::SystemTime,
};

use jose::{OsEntropy, pki::Wanted};
use openssl::x509::X509;

use super::*;

/// What the responder does with a question.
#[derive(Clone)]
enum Does {
    /// Looks into its index, and signs as `signer.pem`, for an hour.
    Answers,
    /// The same with more arguments for `openssl ocsp`.
    AnswersWith(&'static [&'static str]),
    /// Says these bytes, whatever was asked.
    Says(Vec<u8>),
    /// Is not there.
    Fails,
}

/// A responder on loopback over a directory with `ca.pem`, `signer.pem`, `signer.key` and `index.txt`.
struct Responder {
    files: Arc<tempfile::TempDir>,
    does: Arc<Mutex<Does>>,
    asked: Arc<AtomicUsize>,
    /// The last answer.
    said: Arc<Mutex<Vec<u8>>>,
    port: u16,
}

impl Responder {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let responder = Self {
            files: Arc::new(tempfile::tempdir().unwrap()),
            does: Arc::new(Mutex::new(Does::Answers)),
            asked: Arc::default(),
            said: Arc::default(),
            port: listener.local_addr().unwrap().port(),
        };
        let (files, does) = (Arc::clone(&responder.files), Arc::clone(&responder.does));
        let (asked, said) = (Arc::clone(&responder.asked), Arc::clone(&responder.said));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                asked.fetch_add(1, Ordering::SeqCst);
                let does = does.lock().unwrap().clone();
                if let Some(answer) = respond(stream, files.path(), &does) {
                    *said.lock().unwrap() = answer;
                }
            }
        });
        responder
    }

    fn uri(&self) -> String {
        format!("http://127.0.0.1:{}/ocsp", self.port)
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn does(&self, does: Does) {
        *self.does.lock().unwrap() = does;
    }

    /// Knows these certificates of the authority's, and which of them are revoked; answers are signed by `signer`.
    fn knows(&self, ca: &Issued, certificates: &[(&Issued, bool)], signer: &Issued) {
        let file = |name: &str, text: &str| std::fs::write(self.files.path().join(name), text).unwrap();
        file("ca.pem", &ca.certificate_pem().unwrap());
        file("signer.pem", &signer.certificate_pem().unwrap());
        file("signer.key", signer.key_pem().unwrap().expose());
        let line = |(certificate, revoked): &(&Issued, bool)| {
            let (state, since) = if *revoked { ("R", "200101000000Z") } else { ("V", "") };
            let x509 = X509::from_der(&certificate.certificate_der().unwrap()).unwrap();
            let serial = x509.serial_number().to_bn().unwrap().to_hex_str().unwrap().to_string();
            format!("{state}\t491231235959Z\t{since}\t{serial}\tunknown\t/CN={serial}\n")
        };
        file("index.txt", &certificates.iter().map(line).collect::<String>());
        self.does(Does::Answers);
    }
}

/// Answers one request, and says what.
fn respond(stream: TcpStream, files: &Path, does: &Does) -> Option<Vec<u8>> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut length, mut media) = (String::new(), 0, String::new());
    while reader.read_line(&mut line).ok()? > 2 {
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if let Some(value) = lower.strip_prefix("content-type:") {
            value.trim().clone_into(&mut media);
        }
        line.clear();
    }
    assert_eq!(media, "application/ocsp-request", "RFC 6960, appendix A");
    let mut question = vec![0; length];
    reader.read_exact(&mut question).unwrap();
    let answer = match does {
        Does::Answers => made(files, &question, &[]),
        Does::AnswersWith(more) => made(files, &question, more),
        Does::Says(bytes) => bytes.clone(),
        Does::Fails => {
            drop(reader.get_mut().write_all(b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"));
            return None;
        }
    };
    let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", answer.len());
    reader.get_mut().write_all(&[head.as_bytes(), &answer].concat()).ok()?;
    Some(answer)
}

/// What OpenSSL's responder says.
fn made(files: &Path, question: &[u8], more: &[&str]) -> Vec<u8> {
    std::fs::write(files.join("question.der"), question).unwrap();
    let run = Command::new("openssl")
        .current_dir(files)
        .args([
            "ocsp",
            "-index",
            "index.txt",
            "-CA",
            "ca.pem",
            "-rsigner",
            "signer.pem",
            "-rkey",
            "signer.key",
        ])
        .args(["-reqin", "question.der", "-respout", "answer.der", "-nmin", "60"])
        .args(more)
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    std::fs::read(files.join("answer.der")).unwrap()
}

/// The tenant of the authority, which asks a responder.
fn with_ocsp(ca: &Issued, responder: &str, more: &str) -> String {
    let settings = format!("[settings]\nmtls_ocsp = \"{responder}\"\nmtls_fetch_private = true\n{more}\n");
    tenant(&ca.certificate_pem().unwrap()).replacen("[settings]\n", &settings, 1)
}

/// A server at this machine's clock, whose tenant asks a responder.
fn bank_asking(responder: &str, more: &str) -> Bank {
    let bank = Bank::start_over(AskFor::Ask, |ca| with_ocsp(ca, responder, more));
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    bank.server.clock.set(Timestamp::from_secs(i64::try_from(now.as_secs()).unwrap()));
    bank
}

#[test]
fn good_and_revoked_are_told_apart_and_an_answer_is_kept_while_it_is_fresh() {
    let responder = Responder::start();
    let bank = bank_asking(&responder.uri(), "");
    let (good, revoked) = (bank.client("client1"), bank.client("client1"));
    responder.knows(&bank.ca, &[(&good, false), (&revoked, true)], &bank.ca);
    for _ in 0..3 {
        assert_eq!(bank.with(&good, "client1").status, 200);
        assert_eq!(bank.with(&revoked, "client1").status, 401);
    }
    assert_eq!(responder.asked(), 2);
    assert_eq!(reasons(&bank), ["certificate_revoked"]);
    responder.knows(&bank.ca, &[(&good, true)], &bank.ca);
    bank.server.later(299);
    assert_eq!((bank.with(&good, "client1").status, responder.asked()), (200, 2));
    bank.server.later(100);
    assert_eq!((bank.with(&good, "client1").status, responder.asked()), (401, 3));
}

#[test]
fn what_the_responder_does_not_know_is_closed_or_open_as_the_tenant_says() {
    for (mode, status) in [("closed", 401), ("open", 200)] {
        let responder = Responder::start();
        let bank = bank_asking(&responder.uri(), &format!("mtls_revocation = \"{mode}\""));
        responder.knows(&bank.ca, &[], &bank.ca);
        assert_eq!(bank.with(&bank.client("client1"), "client1").status, status, "unknown, {mode}");
        let try_later = vec![0x30, 3, 0x0a, 1, 3];
        for does in
            [Does::Fails, Does::Says(try_later), Does::Says(b"<html>".to_vec()), Does::Says(Vec::new())]
        {
            responder.does(does);
            assert_eq!(bank.with(&bank.client("client1"), "client1").status, status, "{mode}");
            // Who has failed is not asked for a while.
            bank.server.later(16);
        }
        assert_eq!(responder.asked(), 5);
    }
}

#[test]
fn only_the_authority_or_whom_it_has_certified_for_it_is_believed() {
    let responder = Responder::start();
    let bank = bank_asking(&responder.uri(), "");
    let stranger = authority("Test CA");
    let delegate = issued(&[("CN", "Responder")], Purpose::Responder, Some(&bank.ca));
    let of_stranger = issued(&[("CN", "Responder")], Purpose::Responder, Some(&stranger));
    let self_made = issued(&[("CN", "Responder")], Purpose::Responder, None);
    let expired = {
        let day = Ttl::from_days(1);
        let long_ago = Timestamp::from_secs(1_700_000_000);
        dated(&[("CN", "Responder")], Purpose::Responder, Some(&bank.ca), (long_ago, long_ago.plus(day)), &[])
    };
    // A client of the bank's, which must not vouch for itself.
    let client = bank.client("client2");
    for (who, signer, status) in [
        ("the authority", &bank.ca, 200),
        ("its delegate", &delegate, 200),
        ("another of its clients", &client, 401),
        ("a delegate of long ago", &expired, 401),
        ("an authority of the same name", &stranger, 401),
        ("that one's delegate", &of_stranger, 401),
        ("anybody", &self_made, 401),
    ] {
        let certificate = bank.client("client1");
        responder.knows(&bank.ca, &[(&certificate, false)], signer);
        assert_eq!(bank.with(&certificate, "client1").status, status, "{who}");
    }
    assert_eq!(reasons(&bank), ["certificate_revocation_unknown"]);
}

#[test]
fn an_authority_need_not_send_its_own_certificate() {
    let responder = Responder::start();
    let bank = bank_asking(&responder.uri(), "");
    let (good, revoked) = (bank.client("client1"), bank.client("client1"));
    responder.knows(&bank.ca, &[(&good, false), (&revoked, true)], &bank.ca);
    responder.does(Does::AnswersWith(&["-resp_no_certs"]));
    assert_eq!(bank.with(&good, "client1").status, 200);
    assert_eq!(bank.with(&revoked, "client1").status, 401);
    assert_eq!(reasons(&bank), ["certificate_revoked"]);
}

#[test]
fn signatures_that_are_wrong_or_weak_say_nothing() {
    for more in [&["-rmd", "sha1"][..], &["-badsig"]] {
        let responder = Responder::start();
        let bank = bank_asking(&responder.uri(), "");
        let client = bank.client("client1");
        responder.knows(&bank.ca, &[(&client, false)], &bank.ca);
        responder.does(Does::AnswersWith(more));
        assert_eq!(bank.with(&client, "client1").status, 401, "{more:?}");
    }
}

#[test]
fn what_is_known_is_not_forgotten_for_something_worse() {
    let responder = Responder::start();
    let bank = bank_asking(&responder.uri(), "mtls_revocation = \"open\"");
    let (client, stranger) = (bank.client("client1"), authority("Test CA"));
    responder.knows(&bank.ca, &[(&client, false)], &bank.ca);
    assert_eq!(bank.with(&client, "client1").status, 200);
    let good = responder.said.lock().unwrap().clone();
    // Answers count in seconds: the next one is younger.
    let begun = SystemTime::now();
    wait_for(std::time::Duration::from_secs(10), || {
        (begun.elapsed().unwrap().as_millis() > 1100).then_some(())
    });
    responder.knows(&bank.ca, &[(&client, true)], &bank.ca);
    bank.server.later(400);
    assert_eq!(bank.with(&client, "client1").status, 401);
    // The old answer once more, another's, and one about nobody: it stays revoked, also after all of them have run out.
    responder.does(Does::Says(good));
    bank.server.later(400);
    assert_eq!(bank.with(&client, "client1").status, 401, "an older answer");
    for _ in 0..3 {
        responder.knows(&bank.ca, &[(&client, false)], &stranger);
        bank.server.later(400);
        assert_eq!(bank.with(&client, "client1").status, 401, "an answer that anybody can make");
    }
    responder.does(Does::Fails);
    bank.server.later(7200);
    assert_eq!(bank.with(&client, "client1").status, 401, "run out");
    assert_eq!(reasons(&bank), ["certificate_revoked"]);
}

#[test]
fn an_answer_about_another_certificate_or_out_of_date_says_nothing() {
    let responder = Responder::start();
    let bank = bank_asking(&responder.uri(), "");
    let (good, revoked) = (bank.client("client1"), bank.client("client1"));
    responder.knows(&bank.ca, &[(&good, false), (&revoked, true)], &bank.ca);
    assert_eq!(bank.with(&good, "client1").status, 200);
    let about_good = responder.said.lock().unwrap().clone();
    responder.does(Does::Says(about_good));
    assert_eq!(bank.with(&revoked, "client1").status, 401, "somebody else's good answer");
    assert_eq!(reasons(&bank), ["certificate_revocation_unknown"]);
    // The same answer for ever: it counts until its `nextUpdate`, an hour after it was made.
    bank.server.later(3000);
    assert_eq!(bank.with(&good, "client1").status, 200);
    bank.server.later(700);
    assert_eq!(bank.with(&good, "client1").status, 401);
}

#[test]
fn an_answer_before_its_time_says_nothing() {
    let responder = Responder::start();
    let bank = bank_asking(&responder.uri(), "");
    let client = bank.client("client1");
    responder.knows(&bank.ca, &[(&client, false)], &bank.ca);
    // The responder's clock is ahead by more than clocks may be.
    bank.server.clock.set(bank.server.clock.now().minus(Ttl::from_secs(600)));
    assert_eq!(bank.with(&client, "client1").status, 401);
    assert_eq!(reasons(&bank), ["certificate_revocation_unknown"]);
}

#[test]
fn each_certificate_may_name_its_own_responder() {
    let responder = Responder::start();
    let bank = bank_asking("certificate", "");
    let uri = responder.uri();
    let naming = |ocsp_responder| {
        let subject = &[("C", "NO"), ("O", "Bank"), ("CN", "client1")][..];
        let decade = Ttl::from_days(3650);
        let dates = (NOW.minus(decade), NOW.plus(decade));
        let wanted = Wanted { subject, alt_names: &[], dates, purpose: Purpose::Client, ocsp_responder };
        Issued::make(&wanted, Some(&bank.ca), &OsEntropy).unwrap()
    };
    let (good, revoked, silent) = (naming(Some(&uri)), naming(Some(&uri)), naming(None));
    responder.knows(&bank.ca, &[(&good, false), (&revoked, true), (&silent, false)], &bank.ca);
    assert_eq!(bank.with(&good, "client1").status, 200);
    assert_eq!(bank.with(&revoked, "client1").status, 401);
    assert_eq!(bank.with(&silent, "client1").status, 401, "it names none");
    // Nor is anything asked at a place that nothing may be fetched from.
    for uri in
        ["http://169.254.169.254/ocsp", "file:///etc/passwd", "ldap://127.0.0.1/", "http://x@127.0.0.1/"]
    {
        assert_eq!(bank.with(&naming(Some(uri)), "client1").status, 401, "{uri}");
    }
    // What no authority of the tenant has signed names nobody.
    let stranger = authority("Other CA");
    let subject = &[("C", "NO"), ("O", "Bank"), ("CN", "client1")][..];
    let dates = (NOW.minus(Ttl::from_days(999)), NOW.plus(Ttl::from_days(999)));
    let purpose = Purpose::Client;
    let wanted = Wanted { subject, alt_names: &[], dates, purpose, ocsp_responder: Some(&uri) };
    let foreign = Issued::make(&wanted, Some(&stranger), &OsEntropy).unwrap();
    assert_eq!(bank.with(&foreign, "client1").status, 401);
    assert_eq!(responder.asked(), 2);
}

#[test]
fn a_list_steps_in_for_a_responder_that_is_gone_and_neither_outvotes_the_other() {
    let responder = Responder::start();
    let bank = bank_asking(&responder.uri(), "");
    let now = bank.server.clock.now();
    let (first, second, third) = (bank.client("client1"), bank.client("client1"), bank.client("client1"));
    let list = bank.ca.revocation_list(&[&second], (now.minus(DAY), now.plus(DAY))).unwrap();
    let text = with_ocsp(&bank.ca, &responder.uri(), &format!("mtls_crl = '''\n{list}'''"));
    tenant_file::apply(&bank.server.setup, &text, ApplyOptions::default()).unwrap();
    responder.knows(&bank.ca, &[(&first, true), (&second, false), (&third, false)], &bank.ca);
    wait_for(std::time::Duration::from_secs(10), || {
        (bank.with(&second, "client1").status == 401).then_some(())
    })
    .expect("the responder says good, the list says revoked");
    assert_eq!(bank.with(&first, "client1").status, 401, "the other way round");
    responder.does(Does::Fails);
    assert_eq!(bank.with(&third, "client1").status, 200, "the list will do");
}
