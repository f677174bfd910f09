//! Connections of HTTP/2 that are opened to be held, or to keep the server busy with nothing.

use std::{net::SocketAddr, time::Duration};

use super::{
    bystander::Bystander,
    support::{
        Demo,
        http2::{
            CONTINUATION, Client, DATA, END_HEADERS, END_STREAM, Ended, Frames, GOAWAY, HEADERS, PING,
            RST_STREAM, SETTINGS, WINDOW_UPDATE, block, form, frame, head,
        },
        tls::Caller,
        wait_for,
    },
};

/// Well above every time-out here.
const SOON: Duration = Duration::from_secs(12);

/// Between two pieces of who is in a hurry, and of who is not.
const AT_ONCE: Duration = Duration::from_micros(1);
const SLOWLY: Duration = Duration::from_millis(100);

/// A bystander's bound: many times what an answer takes, on a machine that does other things too.
const PROMPT: Duration = Duration::from_secs(3);

/// What a GOAWAY says of who sends too much (RFC 9113 §7).
const ENHANCE_YOUR_CALM: u32 = 0xb;

const JWKS: &str = "/idp/acme/authn/jwks";
const TOKEN: &str = "/idp/acme/authn/token";

/// One second for a head, and a keep-alive that outlasts every test.
fn strict() -> Demo {
    demo("300")
}

/// Waits no longer than as shipped: whoever is kept waiting is shed, and a bystander may not be.
fn demo(keep_alive: &str) -> Demo {
    let variables = [
        ("COUNTERSIGN__SERVER__MAX_WAIT_MS", "100"),
        ("COUNTERSIGN__SERVER__REQUEST_TIMEOUT", "1"),
        ("COUNTERSIGN__SERVER__KEEP_ALIVE", keep_alive),
    ];
    Demo::start_in(tempfile::tempdir().unwrap(), &variables)
}

fn tls(demo: &Demo) -> SocketAddr {
    demo.tls.trim_start_matches("https://").replace("localhost", "127.0.0.1").parse().unwrap()
}

/// A correct client is served all the while, on HTTP/1.1 and, afterwards, on HTTP/2. What is over before that one has been
/// answered a few times is done again.
fn meanwhile(demo: &Demo, mut hostile: impl FnMut(SocketAddr)) {
    let bystander = Bystander::start(demo);
    let enough = bystander.answered() + 10;
    wait_for(SOON, || {
        hostile(tls(demo));
        (bystander.answered() >= enough).then_some(())
    });
    bystander.undisturbed(PROMPT);
    let get = http::Request::get(format!("https://localhost{JWKS}")).body(()).unwrap();
    assert_eq!(Client::connect(Caller::default(), tls(demo)).ask(get, "").status, 200);
}

/// Numbers of the streams that a client opens.
fn streams() -> impl FnMut() -> u32 {
    let mut next = 1;
    move || {
        next += 2;
        next - 2
    }
}

#[track_caller]
fn calmed(what: &str, ended: &Ended) {
    assert!(ended.took < SOON, "{what} {:?}", ended.took);
    assert!(ended.reason.is_none_or(|reason| reason == ENHANCE_YOUR_CALM), "{what} {:?}", ended.reason);
}

#[test]
fn floods_of_frames_that_ask_for_nothing_are_ended() {
    let demo = strict();
    meanwhile(&demo, |address| {
        let floods: [(&str, Vec<u8>); 6] = [
            ("pings", frame(PING, 0, 0, &[0; 8])),
            ("settings", frame(SETTINGS, 0, 0, &[])),
            ("windows", frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
            ("priorities", frame(0x2, 0, 1, &[0, 0, 0, 0, 9])),
            ("unknown", frame(0xfe, 0, 0, b"")),
            ("unknown and long", frame(0xfe, 0, 0, &[0; 16_000])),
        ];
        for (what, flood) in floods {
            let flood = flood.repeat(100);
            let ended = Frames::open(address, &[]).until_ended(SOON * 2, AT_ONCE, || flood.clone());
            calmed(what, &ended);
        }
    });
}

#[test]
fn streams_that_are_opened_and_reset_are_ended() {
    let demo = strict();
    meanwhile(&demo, |address| {
        for (method, path) in [("GET", JWKS), ("GET", "/nowhere"), ("POST", TOKEN)] {
            let mut stream = streams();
            let ended = Frames::open(address, &[]).until_ended(SOON * 2, AT_ONCE, || {
                let mut both = Vec::new();
                for _ in 0..10 {
                    let stream = stream();
                    let flags = END_HEADERS | if method == "GET" { END_STREAM } else { 0 };
                    both.extend(frame(HEADERS, flags, stream, &head(method, path)));
                    both.extend(frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]));
                }
                both
            });
            calmed(path, &ended);
        }
    });
}

#[test]
fn streams_that_are_being_answered_and_reset_are_ended_too() {
    let demo = strict();
    meanwhile(&demo, |address| {
        let (mut stream, mut open) = (streams(), None);
        let ended = Frames::open(address, &[]).until_ended(SOON * 2, Duration::from_millis(1), || {
            // One at a time, and not before it has been seen.
            if let Some(stream) = open.take() {
                return frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]);
            }
            let stream = *open.insert(stream());
            frame(HEADERS, END_HEADERS, stream, &head("POST", TOKEN))
        });
        calmed("one by one", &ended);
        assert_eq!(ended.reason, Some(ENHANCE_YOUR_CALM));
    });
}

#[test]
fn streams_beyond_what_may_be_open_are_refused_and_then_ended() {
    let demo = strict();
    meanwhile(&demo, |address| {
        // Bodies that never come keep them open.
        let mut stream = streams();
        let ended = Frames::open(address, &[]).until_ended(SOON * 2, AT_ONCE, || {
            (0..10).flat_map(|_| frame(HEADERS, END_HEADERS, stream(), &head("POST", TOKEN))).collect()
        });
        calmed("streams", &ended);
        assert!(ended.came.contains(&RST_STREAM) || ended.came.contains(&GOAWAY), "refused, then ended");
    });
}

#[test]
fn header_blocks_without_end_are_ended_and_take_no_memory() {
    let demo = strict();
    let before = demo.resident();
    meanwhile(&demo, |address| {
        let field = block(&[("x-field", &"a".repeat(100))]);
        let pieces = [field.clone(), field.repeat(100), Vec::new()];
        for (place, piece) in pieces.iter().enumerate() {
            for _ in 0..20 {
                let mut begun = false;
                let ended = Frames::open(address, &[]).until_ended(SOON * 2, AT_ONCE, || {
                    if std::mem::replace(&mut begun, true) {
                        return frame(CONTINUATION, 0, 1, piece).repeat(10);
                    }
                    frame(HEADERS, END_STREAM, 1, &head("GET", JWKS))
                });
                assert!(ended.took < SOON, "{place} {:?}", ended.took);
            }
        }
    });
    let grown = demo.resident().saturating_sub(before);
    println!("60 header blocks without end: {grown} KiB more");
    assert!(grown < 64 * 1024, "{grown} KiB");
}

#[test]
fn what_has_begun_and_does_not_go_on_is_ended() {
    let demo = strict();
    meanwhile(&demo, |address| {
        // After an answer a connection may be idle for longer than something may be unfinished.
        let answered = || {
            let mut opened = Frames::open(address, &[]);
            opened.say(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &head("GET", JWKS)));
            opened.until(DATA);
            opened
        };
        let begun: [(&str, Vec<u8>); 3] = [
            ("a header block", frame(HEADERS, END_STREAM, 3, &head("GET", JWKS))),
            ("a frame's head", frame(PING, 0, 0, &[0; 8])[..5].to_vec()),
            ("a frame", frame(PING, 0, 0, &[0; 8])[..12].to_vec()),
        ];
        for (what, begun) in begun {
            let mut opened = answered();
            opened.say(&begun);
            let ended = opened.until_ended(SOON * 2, SLOWLY, Vec::new);
            assert!(ended.took < SOON, "{what} {:?}", ended.took);
        }
        let silent = Frames::silent(address).until_ended(SOON * 2, SLOWLY, Vec::new);
        assert!(silent.took < SOON, "no preface {:?}", silent.took);
        let idle = Frames::open(address, &[]).until_ended(SOON * 2, SLOWLY, Vec::new);
        assert!(idle.took < SOON, "no stream {:?}", idle.took);
        // A header block that drips goes on, and yet does not come to its end.
        let mut opened = answered();
        opened.say(&frame(HEADERS, END_STREAM, 3, &head("GET", JWKS)));
        let mut drops = 0;
        let dripping = opened.until_ended(SOON * 2, SLOWLY, || {
            drops += 1;
            // The library counts those that are whole.
            if drops > 1 { vec![0] } else { frame(CONTINUATION, 0, 3, &[0; 1000])[..9].to_vec() }
        });
        assert!(dripping.took < SOON, "{:?} after {drops}", dripping.took);
    });
}

#[test]
fn answers_for_which_there_is_no_window_do_not_hold_their_connection() {
    let demo = strict();
    meanwhile(&demo, |address| {
        // SETTINGS_INITIAL_WINDOW_SIZE 0 (RFC 9113 §6.5.2).
        let mut opened = Frames::open(address, &[0, 4, 0, 0, 0, 0]);
        let mut stream = streams();
        for _ in 0..50 {
            opened.say(&frame(HEADERS, END_HEADERS | END_STREAM, stream(), &head("GET", JWKS)));
        }
        let ended = opened.until_ended(SOON * 2, SLOWLY, || frame(PING, 0, 0, &[0; 8]));
        assert!(ended.took < SOON, "{:?}", ended.took);
        assert!(ended.came.contains(&HEADERS) && !ended.came.contains(&DATA), "heads without bodies");
    });
}

#[test]
fn bodies_without_end_do_not_hold_their_connection() {
    let demo = demo("1");
    meanwhile(&demo, |address| {
        for (what, apart, size) in
            [("drips", SLOWLY, 1), ("runs", AT_ONCE, 16_384), ("runs in drops", AT_ONCE, 0)]
        {
            for path in [TOKEN, JWKS, "/nowhere"] {
                let mut opened = Frames::open(address, &[]);
                opened.say(&frame(HEADERS, END_HEADERS, 1, &head("POST", path)));
                let ended = opened.until_ended(SOON * 2, apart, || frame(DATA, 0, 1, &vec![b'a'; size]));
                assert!(ended.took < SOON, "{path} {what} {:?}", ended.took);
            }
        }
    });
}

#[test]
fn pings_do_not_keep_an_idle_connection() {
    let demo = demo("1");
    meanwhile(&demo, |address| {
        let mut opened = Frames::open(address, &[]);
        opened.say(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &head("GET", JWKS)));
        let ended = opened.until_ended(SOON * 2, SLOWLY, || frame(PING, 0, 0, &[0; 8]));
        assert!(ended.took < SOON, "{:?}", ended.took);
        assert!(ended.came.contains(&DATA), "it was answered");
        assert_eq!(ended.reason, Some(0), "in order");
    });
}

#[test]
fn one_connection_that_asks_for_all_it_may_leaves_others_their_turn() {
    let demo = demo("300");
    meanwhile(&demo, |address| {
        let mut client = Client::connect(Caller::default(), address);
        for _ in 0..5 {
            let asked = (0..500).map(|_| (form("localhost", TOKEN), "grant_type=nothing".to_owned()));
            let answers = client.all(asked.collect());
            assert!(answers.iter().all(|answer| answer.as_ref().is_ok_and(|answer| answer.status >= 400)));
        }
    });
}

#[test]
fn what_is_in_flight_is_answered_when_the_server_stops() {
    let mut demo = demo("300");
    let mut opened = Frames::open(tls(&demo), &[]);
    opened.say(&frame(HEADERS, END_HEADERS, 1, &head("POST", TOKEN)));
    std::thread::scope(|scope| {
        let stopped = scope.spawn(|| demo.terminate());
        opened.until(GOAWAY);
        opened.say(&frame(DATA, END_STREAM, 1, b"grant_type=nothing"));
        opened.until(DATA);
        let ended = opened.until_ended(SOON * 2, SLOWLY, Vec::new);
        assert!(ended.took < SOON && ended.reason == Some(0), "{:?} {:?}", ended.took, ended.reason);
        assert_eq!(stopped.join().unwrap(), Some(0));
    });
}
