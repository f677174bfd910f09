//! Connections that are opened to be held.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{
    bystander::{Bystander, long},
    support::{Ask as _, Demo, http, http_from, raw, wait_for},
};

/// Well above every time-out here, well below what a held connection would last.
const SOON: Duration = Duration::from_secs(12);

/// A bystander's bound: many times what an answer takes, on a machine that does other things too.
const PROMPT: Duration = Duration::from_secs(3);

/// A head whose last line goes on.
const DRIPPING: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\nx-long: ";

/// One second for a head, and a keep-alive that outlasts every test.
fn strict() -> Demo {
    demo(&[("COUNTERSIGN__SERVER__REQUEST_TIMEOUT", "1"), ("COUNTERSIGN__SERVER__KEEP_ALIVE", "300")])
}

/// Waits no longer than as shipped: whoever is kept waiting is shed, and a bystander may not be.
fn demo(variables: &[(&str, &str)]) -> Demo {
    let variables = [&[("COUNTERSIGN__SERVER__MAX_WAIT_MS", "100")], variables].concat();
    Demo::start_in(tempfile::tempdir().unwrap(), &variables)
}

/// Sends `piece` again and again, a little at a time, until the server ends the connection; how long that took and
/// what it answered.
fn drip(stream: &mut TcpStream, piece: &[u8]) -> (Duration, String) {
    let begun = Instant::now();
    let mut said = Vec::new();
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    while begun.elapsed() < SOON * 2 {
        let sent = stream.write_all(piece);
        let mut part = [0; 4096];
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(count) => said.extend_from_slice(&part[..count]),
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => {}
            Err(_) => break,
        }
        if sent.is_err() {
            break;
        }
    }
    (begun.elapsed(), String::from_utf8_lossy(&said).into_owned())
}

/// A connection that stays open after a request without body and its answer of no more than a head.
fn after_a_request(url: &str) -> TcpStream {
    let mut stream = raw::connect(url);
    ask(&mut stream);
    stream
}

fn ask(stream: &mut TcpStream) {
    stream.write_all(b"HEAD /idp/acme/authn/jwks HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let (mut answer, mut part) = (Vec::new(), [0; 4096]);
    while !answer.ends_with(b"\r\n\r\n") {
        let count = stream.read(&mut part).unwrap();
        assert!(count > 0, "closed after {}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&part[..count]);
    }
    assert_eq!(raw::status(&String::from_utf8_lossy(&answer)), 200);
}

#[test]
fn a_head_that_drips_does_not_hold_its_connection() {
    let demo = strict();
    let bystander = Bystander::start(&demo);
    let mut stream = raw::connect(&demo.url);
    stream.write_all(DRIPPING).unwrap();
    let (took, said) = drip(&mut stream, b"a");
    assert!(took < SOON, "{took:?}");
    assert_eq!(raw::status(&said), 408, "{said}");
    bystander.undisturbed(PROMPT);
}

#[test]
fn a_later_head_that_drips_does_not_hold_its_connection_either() {
    let demo = strict();
    let bystander = Bystander::start(&demo);
    let mut stream = after_a_request(&demo.url);
    stream.write_all(DRIPPING).unwrap();
    let (took, _) = drip(&mut stream, b"a");
    assert!(took < SOON, "{took:?}");
    bystander.undisturbed(PROMPT);
}

#[test]
fn a_body_that_drips_or_never_comes_does_not_hold_its_connection() {
    let demo = strict();
    let bystander = Bystander::start(&demo);
    for path in ["/idp/acme/authn/token", "/idp/acme/authn/jwks", "/idp/nobody/authn/token", "/nowhere"] {
        for framing in ["content-length: 60000", "transfer-encoding: chunked"] {
            for piece in [&b""[..], b"1\r\na\r\n"] {
                let mut stream = raw::connect(&demo.url);
                let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\n{framing}\r\n\r\n");
                stream.write_all(head.as_bytes()).unwrap();
                let (took, said) = drip(&mut stream, piece);
                assert!(took < SOON, "{path} {framing} {took:?}");
                assert!((400..500).contains(&raw::status(&said)), "{path} {framing} {said}");
            }
        }
    }
    bystander.undisturbed(PROMPT);
}

#[test]
fn a_head_without_end_is_refused_and_takes_no_memory() {
    let demo = strict();
    http().get(demo.acme("jwks")).said();
    let bystander = Bystander::start(&demo);
    let before = demo.resident();
    let line = vec![b'a'; 64 * 1024];
    let headers = b"x-header: value\r\n".repeat(4096);
    for piece in [&line, &headers] {
        for _ in 0..50 {
            let mut stream = raw::connect(&demo.url);
            drop(stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nx-long: "));
            // 16 MiB, if it is let.
            let sent = (0..256).take_while(|_| stream.write_all(piece).is_ok()).count();
            assert!(sent < 256, "all of it was taken");
        }
    }
    let grown = demo.resident().saturating_sub(before);
    println!("100 heads without end: {grown} KiB more");
    assert!(grown < 64 * 1024, "{grown} KiB");
    bystander.undisturbed(PROMPT);
}

#[test]
fn answers_that_nobody_takes_do_not_hold_their_connection() {
    let demo = strict();
    let bystander = Bystander::start(&demo);
    let before = demo.resident();
    let requests = b"GET /idp/acme/authn/jwks HTTP/1.1\r\nhost: x\r\n\r\n".repeat(200);
    let begun = Instant::now();
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let (mut stream, requests) = (raw::connect(&demo.url), requests.clone());
            // The server stops reading once its answers are not taken, and then ends the connection.
            stream.set_write_timeout(Some(SOON * 2)).unwrap();
            std::thread::spawn(move || while stream.write_all(&requests).is_ok() {})
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let (took, grown) = (begun.elapsed(), demo.resident().saturating_sub(before));
    println!("8 connections of pipelined requests: {took:?}, {grown} KiB more");
    assert!(took < SOON * 2, "{took:?}");
    assert!(grown < 64 * 1024, "{grown} KiB");
    bystander.undisturbed(PROMPT);
}

#[test]
fn idle_connections_make_room_for_newcomers() {
    let demo = demo(&[
        ("COUNTERSIGN__SERVER__MAX_CONNECTIONS", "64"),
        ("COUNTERSIGN__SERVER__KEEP_ALIVE", "300"),
        ("COUNTERSIGN__SERVER__REQUEST_TIMEOUT", "60"),
    ]);
    // More than fit, each after a request or without any, and none ever closed by us.
    let mut held = Vec::new();
    for number in 0..200 {
        let begun = Instant::now();
        if number % 2 == 0 {
            held.push(after_a_request(&demo.url));
        } else {
            held.push(raw::connect(&demo.url));
        }
        assert!(begun.elapsed() < SOON, "number {number} waited {:?}", begun.elapsed());
    }
    let begun = Instant::now();
    demo.acme_machine();
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}

#[test]
fn thousands_of_idle_connections_cost_little_and_disturb_nobody() {
    let count: u64 = if long() { 10_000 } else { 1_000 };
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
    let room = limit.maximum.unwrap_or(u64::MAX).saturating_sub(512);
    assert!(room >= count, "the limit of open files is {limit:?}: raise its hard limit (ulimit -Hn)");
    let demo = demo(&[
        ("COUNTERSIGN__SERVER__KEEP_ALIVE", "300"),
        ("COUNTERSIGN__SERVER__MAX_CONNECTIONS", "16000"),
        ("COUNTERSIGN__SERVER__MAX_CONNECTIONS_PER_SOURCE", "16000"),
    ]);
    http().get(demo.acme("jwks")).said();
    let before = demo.resident();
    let held: Vec<_> = (0..count).map(|_| after_a_request(&demo.url)).collect();
    let bystander = Bystander::start(&demo);
    let each = demo.resident().saturating_sub(before) / count;
    println!("{count} idle connections: {each} KiB each");
    assert!(each < 64, "{each} KiB");
    let enough = wait_for(Duration::from_secs(2), || None::<()>);
    assert!(enough.is_none());
    bystander.undisturbed(PROMPT);
    // All of them are still good.
    for mut stream in held {
        ask(&mut stream);
    }
}

#[test]
fn a_low_limit_of_open_files_is_raised_or_lived_with() {
    let data = tempfile::tempdir().unwrap();
    let limited = |soft: &str, hard: &str| {
        let script = format!("ulimit -Sn {soft} && ulimit -Hn {hard} && exec \"$0\" \"$@\"");
        Demo::start_under(&["sh", "-c", &script], data.path(), &[("COUNTERSIGN__LOG__FILTER", "info")])
    };
    let demo = limited("256", "2000");
    let files = std::fs::read_to_string(format!("/proc/{}/limits", demo.pid())).unwrap();
    let files = files.lines().find(|line| line.starts_with("Max open files")).unwrap().to_owned();
    assert_eq!(files.split_whitespace().nth(3), Some("2000"), "{files}");
    // What it says comes over a pipe, and may come after what it prints.
    let told = wait_for(SOON, || demo.stderr().contains("room for fewer connections").then_some(()));
    assert!(told.is_some(), "{}", demo.stderr());
    // More connections than there are files: the database's are left alone.
    let held: Vec<_> =
        (0..2_500).filter_map(|_| TcpStream::connect(demo.url.trim_start_matches("http://")).ok()).collect();
    let served = wait_for(SOON * 2, || {
        let request = super::support::acme_m2m(http().post(demo.acme("token")));
        request.form(&[("grant_type", "client_credentials")]).send().ok().filter(|said| said.status() == 200)
    });
    assert!(served.is_some(), "not served among {} connections", held.len());
    assert!(!demo.stderr().contains("Too many open files"), "{}", demo.stderr());
}

#[test]
fn one_source_leaves_room_for_the_others() {
    let demo = demo(&[
        ("COUNTERSIGN__SERVER__MAX_CONNECTIONS", "1000"),
        ("COUNTERSIGN__SERVER__MAX_CONNECTIONS_PER_SOURCE", "50"),
        ("COUNTERSIGN__SERVER__KEEP_ALIVE", "300"),
        ("COUNTERSIGN__SERVER__REQUEST_TIMEOUT", "60"),
    ]);
    let held: Vec<_> = (0..50).map(|_| after_a_request(&demo.url)).collect();
    // A further one is closed without an answer.
    let mut more = raw::connect(&demo.url);
    more.set_read_timeout(Some(SOON)).unwrap();
    let closed = match more.read(&mut [0; 16]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    };
    assert!(closed);
    let metrics = http().get(format!("{}/metrics", demo.management)).said().text;
    assert!(metrics.contains("\ncountersign_connections_refused_total 1\n"), "{metrics}");
    // Another source is served as ever.
    assert_eq!(http_from("127.0.0.2").get(demo.acme("jwks")).said().status, 200);
    // Whoever leaves makes room for another one of the same source.
    drop(held);
    let again = wait_for(SOON, || http().get(demo.acme("jwks")).send().ok());
    assert!(again.is_some_and(|answer| answer.status() == 200));
}
