//! One source has signatures made without end, while others ask and connect.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use openssl::{asn1::Asn1Time, hash::MessageDigest, pkey::PKey, rsa::Rsa, ssl::HandshakeError, x509::X509};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpSocket,
    task::JoinSet,
};

use super::{
    bystander::Bystander,
    support::{Ask as _, Demo, http, tls::Caller, wait_for},
};

/// Connections that the source has open at a time, each of which begins a handshake.
const AT_A_TIME: usize = 600;

/// Handshakes of a client that opens a connection for each request.
const FRESH: usize = 12;

/// What a correct client may wait for on a machine whose processors do other things too.
const PROMPT: Duration = Duration::from_secs(3);

/// The first words of a TLS client, which any number of connections may say.
fn greeting() -> Vec<u8> {
    testkit::first_words(|peer| {
        let greeted = Caller::default().ssl(|_context| {}).connect(peer);
        assert!(matches!(greeted, Err(HandshakeError::WouldBlock(_))));
    })
}

/// One source that connects, greets, and leaves when it is answered, or at once.
struct Greeters {
    over: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    refused: Arc<AtomicUsize>,
    thread: JoinHandle<()>,
}

impl Greeters {
    fn start(address: SocketAddr) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (answered, refused) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (stop, good, bad) = (Arc::clone(&over), Arc::clone(&answered), Arc::clone(&refused));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let greeting = greeting();
            runtime.block_on(async {
                let mut tasks = JoinSet::new();
                for number in 0..AT_A_TIME {
                    let (greeting, stop) = (greeting.clone(), Arc::clone(&stop));
                    let (good, bad) = (Arc::clone(&good), Arc::clone(&bad));
                    tasks.spawn(async move {
                        while !stop.load(Ordering::Relaxed) {
                            let waits = number % 4 != 0;
                            let answered = greet(address, &greeting, waits).await.is_ok_and(|read| read > 0);
                            if waits {
                                if answered { &good } else { &bad }.fetch_add(1, Ordering::Relaxed);
                            }
                        }
                    });
                }
                tasks.join_all().await;
            });
        });
        Self { over, answered, refused, thread }
    }

    /// How many were answered, and how many were not.
    fn end(self) -> (usize, usize) {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        (self.answered.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed))
    }
}

async fn greet(address: SocketAddr, greeting: &[u8], waits: bool) -> io::Result<usize> {
    let socket = TcpSocket::new_v4()?;
    socket.bind("127.0.0.3:0".parse().unwrap())?;
    let mut stream = socket.connect(address).await?;
    stream.write_all(greeting).await?;
    if waits { stream.read(&mut [0; 16]).await } else { Ok(0) }
}

/// How long each of so many requests took, with a handshake of its own, from another source.
fn fresh(demo: &Demo) -> Vec<Duration> {
    let address: IpAddr = "127.0.0.2".parse().unwrap();
    let client = reqwest::blocking::Client::builder()
        .timeout(Duration::from_secs(30))
        .no_proxy()
        .local_address(address)
        .danger_accept_invalid_certs(true)
        .pool_max_idle_per_host(0)
        .build()
        .unwrap();
    let url = format!("{}/idp/acme/authn/jwks", demo.tls).replace("localhost", "127.0.0.1");
    let mut times = Vec::new();
    for _ in 0..FRESH {
        let begun = Instant::now();
        let said = client.get(&url).said();
        assert_eq!(said.status, 200, "{}", said.text);
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    times
}

/// A demo whose TLS listener has a key of the dear kind, and one worker: what is late there nobody else makes good.
fn demo() -> Demo {
    let variables = [("COUNTERSIGN__SERVER__MAX_WAIT_MS", "100"), ("COUNTERSIGN__SERVER__WORKERS", "1")];
    let data = Demo::start().kill();
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let mut certificate = X509::builder().unwrap();
    certificate.set_pubkey(&key).unwrap();
    certificate.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    certificate.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    certificate.sign(&key, MessageDigest::sha256()).unwrap();
    let file = |name: &str| data.path().join("pki").join(name);
    std::fs::write(file("server.pem"), certificate.build().to_pem().unwrap()).unwrap();
    std::fs::write(file("server.key"), key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    Demo::start_in(data, &variables)
}

/// Connections that were closed without a handshake.
fn refused(demo: &Demo) -> u64 {
    let metrics = http().get(format!("{}/metrics", demo.management)).said().text;
    let of = |name: &str| {
        metrics
            .lines()
            .find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok())
            .unwrap_or_default()
    };
    of("countersign_connections_refused_total") + of("countersign_shed_total{why=\"handshakes\"}")
}

#[test]
fn one_source_that_has_signatures_made_sheds_nobody_else() {
    let demo = demo();
    let address = demo.tls.trim_start_matches("https://").replace("localhost", "127.0.0.1").parse().unwrap();
    let greeters = Greeters::start(address);
    let flooded = || (greeters.answered.load(Ordering::Relaxed) > 200).then_some(());
    assert!(wait_for(Duration::from_mins(1), flooded).is_some(), "the flood does not run");
    let bystander = Bystander::start(&demo);
    let times = fresh(&demo);
    println!("with handshakes: {times:?}");
    bystander.undisturbed(PROMPT);
    assert!(times.iter().all(|time| *time < PROMPT));
    let (answered, unanswered) = greeters.end();
    let refused = refused(&demo);
    println!("the source: {answered} answered, {unanswered} not, {refused} refused");
    // What the others have left the source gets, and no more waits.
    assert!(answered > 200 && refused > 200);
}
