//! Names in `jwks_uri`: what their servers do, or do not do, is nobody else's trouble.

use std::{
    fmt::Write as _,
    net::{SocketAddr, UdpSocket},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::{
    Key, claims, configure,
    published::{Answer, Publisher, certificate, named},
    token,
};
use crate::support::{serve::Node, wait_for};

/// A name server: `good.test` is at loopback, and of every other name it says nothing at all.
struct NameServer {
    address: SocketAddr,
    /// How often it was asked for a name of which it says nothing.
    unanswered: Arc<AtomicUsize>,
}

impl NameServer {
    fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (address, unanswered) = (socket.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&unanswered);
        std::thread::spawn(move || {
            let mut packet = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut packet) {
                match answer(&packet[..length]) {
                    Some(answer) => drop(socket.send_to(&answer, from)),
                    None => drop(count.fetch_add(1, Ordering::SeqCst)),
                }
            }
        });
        Self { address, unanswered }
    }
}

/// The answer to one question (RFC 1035 §4.1).
fn answer(query: &[u8]) -> Option<Vec<u8>> {
    const NAME: &[u8] = b"\x04good\x04test\x00";
    let question = query.get(12..12 + NAME.len() + 4)?;
    if !question[..NAME.len()].eq_ignore_ascii_case(NAME) {
        return None;
    }
    let is_a = question[NAME.len()..] == [0, 1, 0, 1];
    // A response, recursive; one question, and one answer if it is for an IPv4 address.
    let mut answer = [&query[..2], &[0x81, 0x80, 0, 1, 0, u8::from(is_a), 0, 0, 0, 0], question].concat();
    if is_a {
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1]);
    }
    Some(answer)
}

/// Says in the configuration which name server is asked.
fn asks(dir: &Path, server: &NameServer, more: &str) {
    let mut file = std::fs::read_to_string(dir.join("c.toml")).unwrap();
    write!(file, "[outbound]\nname_servers = [\"{}\"]\n{more}", server.address).unwrap();
    std::fs::write(dir.join("c.toml"), file).unwrap();
}

fn client(id: &str, uri: &str) -> String {
    format!("[[clients]]\nclient_id = '{id}'\nauth_methods = ['private_key_jwt']\njwks_uri = '{uri}'\n")
}

#[test]
fn names_whose_servers_do_not_answer_hold_up_no_other_tenant() {
    let key = Key::ec();
    let (certificate, private) = certificate("good.test");
    let publisher = Publisher::start_tls(Answer::Set(named(&key, "1"), ""), &certificate, &private);
    let server = NameServer::start();
    let slow: String =
        (0..24).map(|n| client(&format!("slow{n}"), &format!("https://n{n}.slow.test/jwks"))).collect();
    let good = client("good", &format!("https://good.test:{}/jwks", publisher.port));
    let dir = tempfile::tempdir().unwrap();
    let private = "[settings]\nfetch_private = true\n".to_owned();
    configure(dir.path(), &[("strange", "openid", &slow), ("acme", "openid", &(private + &good))]);
    std::fs::write(dir.path().join("ca.pem"), certificate.to_pem().unwrap()).unwrap();
    let more = format!(
        "timeout_ms = 2900\nmax_concurrent = 8\nca_file = \"{}\"\n",
        dir.path().join("ca.pem").display()
    );
    asks(dir.path(), &server, &more);
    let node = Node::start(dir.path(), "c.toml");
    std::thread::scope(|scope| {
        let asked = |client: String| {
            let claims = claims(&client, "https://id.example/idp/strange/authn");
            let assertion = key.jwt("ES256", &serde_json::json!({ "kid": "1" }), &claims);
            let node = &node;
            scope.spawn(move || token(node, "strange", &assertion))
        };
        let slow: Vec<_> = (0..24).map(|n| asked(format!("slow{n}"))).collect();
        let tried = || (server.unanswered.load(Ordering::SeqCst) >= 2).then_some(());
        assert!(wait_for(Duration::from_secs(5), tried).is_some());
        let assertion = key.jwt("ES256", &serde_json::json!({ "kid": "1" }), &claims("good", super::ISSUER));
        let said = token(&node, "acme", &assertion);
        assert_eq!(said.status, 200, "{} {}", said.text, node.stderr());
        assert!(slow.iter().all(|one| !one.is_finished()), "another tenant had to wait for them");
        for one in slow {
            assert_ne!(one.join().unwrap().status, 200);
        }
    });
}
