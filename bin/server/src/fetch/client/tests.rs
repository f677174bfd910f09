//! A name server that changes its answer (DNS rebinding): what was judged is what is connected to.

use std::{
    net::{IpAddr, TcpListener},
    sync::Mutex,
};

use super::*;
use crate::fetch::KeySet;

/// A metadata service of a cloud: never fetched from, whatever the tenant allows.
const METADATA: &str = "169.254.169.254";

/// A name server that gives one answer after the other, and the last one for ever.
struct Fickle {
    asked: Arc<Mutex<usize>>,
    names: Names,
}

impl Fickle {
    fn new(answers: &[&[&str]]) -> Self {
        let answers: Vec<Vec<SocketAddr>> = answers
            .iter()
            .map(|answer| answer.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0)).collect())
            .collect();
        let asked = Arc::new(Mutex::new(0));
        let count = Arc::clone(&asked);
        let names: Names = Arc::new(move |_name| {
            let mut asked = count.lock().unwrap();
            let answer = answers[(*asked).min(answers.len() - 1)].clone();
            *asked += 1;
            Box::pin(async move { Ok(answer) })
        });
        Self { asked, names }
    }

    fn asked(&self) -> usize {
        *self.asked.lock().unwrap()
    }
}

/// One port on several loopback addresses.
fn listeners<const N: usize>(addresses: [&str; N]) -> (u16, [TcpListener; N]) {
    loop {
        let first = TcpListener::bind((addresses[0], 0)).unwrap();
        let port = first.local_addr().unwrap().port();
        let mut first = Some(first);
        let all = addresses.map(|address| match (address == addresses[0], first.take()) {
            (true, Some(first)) => Some(first),
            (_, rest) => {
                first = rest;
                TcpListener::bind((address.parse::<IpAddr>().unwrap(), port)).ok()
            }
        });
        // Somebody else may have the port on another address.
        if all.iter().all(Option::is_some) {
            return (port, all.map(Option::unwrap));
        }
    }
}

/// How many connections have come in.
fn connections(listener: &TcpListener) -> usize {
    listener.set_nonblocking(true).unwrap();
    std::iter::from_fn(|| listener.accept().ok()).count()
}

/// Fetches from `keys.example` so often; why it failed: those who listen here do not talk.
fn fetched(names: &Names, port: u16, private: bool, times: usize) -> Vec<String> {
    failed(names, port, private, times).iter().map(ToString::to_string).collect()
}

fn failed(names: &Names, port: u16, private: bool, times: usize) -> Vec<FetchError> {
    let section = OutboundSection { timeout_ms: 300, ..OutboundSection::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let fetcher = Fetcher::with(&section, names).unwrap();
        let mut problems = Vec::new();
        for _ in 0..times {
            let uri = format!("https://keys.example:{port}/jwks");
            problems.push(
                fetcher
                    .bytes(tenant(), Question::new::<KeySet>((&uri, private), Vec::new()))
                    .await
                    .err()
                    .unwrap(),
            );
        }
        problems
    })
}

#[expect(clippy::disallowed_methods, reason = "a test names a tenant")]
fn tenant() -> TenantId {
    TenantId::assume(1)
}

#[test]
fn the_address_that_was_judged_is_the_one_that_is_connected_to() {
    let (port, [good, bad]) = listeners(["127.0.0.1", "127.0.0.2"]);
    let names = Fickle::new(&[&["127.0.0.1"], &["127.0.0.2"]]);
    fetched(&names.names, port, true, 1);
    assert_eq!((connections(&good), connections(&bad)), (1, 0));
    assert_eq!(names.asked(), 1, "once judged, the name is not asked for again");
}

#[test]
fn each_fetch_asks_and_judges_anew() {
    let (port, [own]) = listeners(["127.0.0.1"]);
    let names = Fickle::new(&[&["127.0.0.1"], &[METADATA], &["127.0.0.1"]]);
    let problems = fetched(&names.names, port, true, 3);
    assert_eq!((connections(&own), names.asked()), (2, 3));
    assert!(problems[1].contains("leads to no address that may be fetched from"), "{problems:?}");
    assert!(!problems[0].contains("leads to no address") && !problems[2].contains("leads to no address"));
}

#[test]
fn a_name_of_ours_is_not_connected_to_unless_the_tenant_allows_it() {
    let (port, [own]) = listeners(["127.0.0.1"]);
    for answer in
        [["127.0.0.1"].as_slice(), &["::ffff:127.0.0.1"], &[METADATA, "10.0.0.1", "127.0.0.1", "::1"]]
    {
        let problems = fetched(&Fickle::new(&[answer]).names, port, false, 1);
        assert!(problems[0].contains("leads to no address that may be fetched from"), "{problems:?}");
    }
    assert_eq!(connections(&own), 0);
    // Of several addresses those that do not fit are left out.
    fetched(&Fickle::new(&[&[METADATA, "127.0.0.1"]]).names, port, true, 1);
    assert_eq!(connections(&own), 1);
}

#[test]
fn a_place_is_away_where_nobody_answers_in_time_and_not_where_something_is_refused() {
    let (port, [silent]) = listeners(["127.0.0.1"]);
    let there = Fickle::new(&[&["127.0.0.1"]]);
    assert!(failed(&there.names, port, true, 1)[0].is_of_place(), "it takes too long");
    drop(silent);
    assert!(failed(&there.names, port, true, 1)[0].is_of_place(), "nobody listens");
    let nowhere: Names = Arc::new(|_name| Box::pin(async { Err(io::Error::other("no such name")) }));
    assert!(failed(&nowhere, port, true, 1)[0].is_of_place(), "it has no address");
    for error in [FetchError::Status(500), FetchError::TooLong(1), FetchError::Target("no")] {
        assert!(!error.is_of_place(), "{error}");
    }
}
