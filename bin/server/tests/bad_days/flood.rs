//! Floods of guesses at one tenant, while others, and its own correct clients, go on.

use std::time::{Duration, Instant};

use super::{
    bystander::Bystander,
    crowd::{Crowd, Seen, form},
    support::{Ask as _, Demo, SPL_API, Said, http, wait_for},
};

/// Guessers at a time.
const GUESSERS: usize = 32;

/// A server behind a proxy, with hashes of real cost, whose hashing queue is long enough to see who waits in it.
fn start() -> Demo {
    Demo::start_in(
        tempfile::tempdir().unwrap(),
        &[
            ("COUNTERSIGN__SERVER__MAX_WAIT_MS", "1500"),
            ("COUNTERSIGN__SERVER__TRUSTED_PROXIES", "127.0.0.0/8"),
            ("COUNTERSIGN__SECURITY__ARGON2__MEMORY_KIB", "19456"),
            ("COUNTERSIGN__SECURITY__ARGON2__ITERATIONS", "2"),
            ("COUNTERSIGN__SECURITY__HASH_QUEUE", "1000"),
        ],
    )
}

/// `X-Forwarded-For` of one of sixteen million sources.
fn source(number: u64) -> String {
    let [.., a, b, c] = number.to_be_bytes();
    format!("x-forwarded-for: 10.{a}.{b}.{c}\r\n")
}

/// Guesses at the secret of `spl-api` alone.
fn secrets(demo: &Demo, source: impl Fn(u64) -> String + Send + Sync + 'static) -> Crowd {
    Crowd::start(&demo.url, GUESSERS, move |number| {
        let body = format!("grant_type=client_credentials&client_id=spl-api&client_secret=Guess-{number}");
        form("/idp/ONLINEBANK/authn/token", &source(number), &body)
    })
}

/// Guesses at `ONLINEBANK`, of each kind a third: secrets of `spl-api`, a client whose secret was chosen; through `spl-app`,
/// which is public, passwords of a user and those of users who are made up.
fn guesses(demo: &Demo, source: impl Fn(u64) -> String + Send + Sync + 'static) -> Crowd {
    Crowd::start(&demo.url, GUESSERS, move |number| {
        let body = match number % 3 {
            0 => format!("grant_type=client_credentials&client_id=spl-api&client_secret=Guess-{number}"),
            1 => format!("grant_type=password&client_id=spl-app&username=alice&password=Guess-{number}"),
            _ => format!(
                "grant_type=password&client_id=spl-app&username=nobody-{number}&password=Guess-{number}"
            ),
        };
        form("/idp/ONLINEBANK/authn/token", &source(number), &body)
    })
}

fn spl_api(demo: &Demo, from: &str) -> Said {
    let request = http().post(demo.bank("token")).header("authorization", SPL_API);
    request.header("x-forwarded-for", from).form(&[("grant_type", "client_credentials")]).said()
}

fn bob(demo: &Demo) -> Said {
    let form = [
        ("grant_type", "password"),
        ("username", "bob"),
        ("password", "correct-horse-battery-staple"),
        ("scope", "openid"),
    ];
    super::support::acme_legacy(http().post(demo.acme("token"))).form(&form).said()
}

/// Waits until the flood is being refused for want of room, or has been answered so often.
fn in_full_flood(crowd: &Crowd) {
    let full = wait_for(Duration::from_mins(1), || {
        let answered: usize = [400, 401, 429, 503].iter().map(|status| crowd.answered(*status)).sum();
        (answered > 100).then_some(())
    });
    assert!(full.is_some(), "the flood does not run");
}

/// A correct client's pace beside as many others as will guess, who ask for something cheap: most of a flood is refused at
/// once, and asks again at once, and on a small machine all share one processor.
fn pace_beside_others(demo: &Demo) -> f64 {
    let others = Crowd::start(&demo.url, GUESSERS, |_number| {
        b"GET /idp/ONLINEBANK/authn/jwks HTTP/1.1\r\nhost: x\r\n\r\n".to_vec()
    });
    let pace = Bystander::pace_now(demo);
    println!("the others: {}", others.end().told());
    pace
}

/// Secrets and passwords were compared, and none was right.
#[track_caller]
fn assert_guessed(seen: &Seen) {
    assert!(seen.count(401) > 0 && seen.count(400) > 0 && seen.count(200) == 0, "{}", seen.told());
}

#[test]
fn guesses_from_everywhere_at_one_tenant_leave_another_and_its_log_ins_alone() {
    let demo = start();
    demo.acme_machine();
    assert_eq!(bob(&demo).status, 200);
    let before = pace_beside_others(&demo);
    let flood = guesses(&demo, source);
    in_full_flood(&flood);
    let bystander = Bystander::start(&demo);
    // These need the hashing threads themselves, in which the flood stands.
    for _ in 0..10 {
        let said = bob(&demo);
        assert_eq!(said.status, 200, "{}", said.text);
    }
    bystander.undisturbed_at_its_pace(before, Duration::from_secs(3));
    let seen = flood.end();
    println!("the flood: {}", seen.told());
    assert_guessed(&seen);
}

#[test]
fn guesses_from_everywhere_lock_no_client_out_and_warm_secrets_wait_for_none_of_them() {
    let demo = start();
    assert_eq!(spl_api(&demo, "192.0.2.1").status, 200);
    let flood = guesses(&demo, source);
    in_full_flood(&flood);
    for _ in 0..50 {
        let said = spl_api(&demo, "192.0.2.1");
        assert_eq!(said.status, 200, "{}", said.text);
    }
    let seen = flood.end();
    println!("the flood: {}", seen.told());
    assert_guessed(&seen);
    // Nor from a place where it was never seen before, as soon as what the guesses took is made good: the queue of
    // this test is long.
    let elsewhere = wait_for(Duration::from_mins(1), || {
        let said = spl_api(&demo, "192.0.2.2");
        assert!([200, 429, 503].contains(&said.status), "{}", said.text);
        (said.status == 200).then_some(())
    });
    assert!(elsewhere.is_some());
}

/// One source.
fn one_place(_number: u64) -> String {
    "x-forwarded-for: 198.51.100.7\r\n".to_owned()
}

/// Hashes that were made so far.
fn hashes(demo: &Demo) -> u64 {
    let metrics = http().get(format!("{}/metrics", demo.management)).said().text;
    let name = "countersign_lane_wait_seconds_count{lane=\"hashing\"} ";
    metrics.lines().find_map(|line| line.strip_prefix(name)).unwrap().parse().unwrap()
}

#[test]
fn guesses_from_one_place_are_429_before_anything_is_hashed() {
    // All that is guessed there together may take four times what one client's secret may.
    type Flood = fn(&Demo, fn(u64) -> String) -> Crowd;
    let floods: [(Flood, u64); 2] = [(secrets, 1), (guesses, 4)];
    for (flood, times) in floods {
        let demo = start();
        assert_eq!(spl_api(&demo, "192.0.2.1").status, 200);
        let begun = Instant::now();
        let flood = flood(&demo, one_place);
        wait_for(Duration::from_mins(1), || (flood.answered(429) > 500).then_some(()));
        let (hashes, minutes) = (hashes(&demo), begun.elapsed().as_secs().div_ceil(60));
        let seen = flood.end();
        println!("the flood: {}; {hashes} hashes", seen.told());
        // The burst, what dripped in since, and ours.
        assert!(hashes <= times * (30 + 60 * minutes) + 1, "{hashes} hashes");
        assert!(seen.count(429) > 500 && seen.rude == 0, "{}", seen.told());
        assert_eq!(spl_api(&demo, "192.0.2.1").status, 200);
    }
}

/// A server as it is shipped: hashes of real cost, no longer queue, no longer wait. Behind a proxy, to be guessed at
/// from everywhere.
fn shipped() -> Demo {
    Demo::start_in(
        tempfile::tempdir().unwrap(),
        &[
            ("COUNTERSIGN__SERVER__MAX_WAIT_MS", "100"),
            ("COUNTERSIGN__SERVER__TRUSTED_PROXIES", "127.0.0.0/8"),
            ("COUNTERSIGN__SECURITY__ARGON2__MEMORY_KIB", "19456"),
            ("COUNTERSIGN__SECURITY__ARGON2__ITERATIONS", "2"),
            ("COUNTERSIGN__SECURITY__HASH_QUEUE", "32"),
        ],
    )
}

/// Asks until it is served; how often it was told to come again before. Nothing but that may happen to it.
fn served_at_last(mut ask: impl FnMut() -> Said) -> usize {
    let mut again = 0;
    let served = wait_for(Duration::from_mins(1), || {
        let said = ask();
        assert!([200, 503].contains(&said.status), "{}: {}", said.status, said.text);
        again += usize::from(said.status == 503);
        (said.status == 200).then_some(())
    });
    assert!(served.is_some(), "told to come again {again} times");
    again
}

#[test]
fn as_shipped_guesses_from_one_place_are_503_while_there_is_no_hash_for_them_and_429_after_as_many_as_may_be()
{
    let demo = shipped();
    served_at_last(|| spl_api(&demo, "192.0.2.1"));
    let before = hashes(&demo);
    let flood = secrets(&demo, one_place);
    // Who was told to come again for want of a hash has not guessed: of as many as may be, all are heard in the end.
    let heard = || (flood.answered(429) > 100 && flood.answered(401) >= 30).then_some(());
    let refused = wait_for(Duration::from_mins(1), heard);
    let seen = flood.end();
    println!("the flood: {}; {} hashes", seen.told(), hashes(&demo) - before);
    assert!(refused.is_some() && seen.rude == 0, "{}", seen.told());
    assert!(seen.count(503) > 0, "{}", seen.told());
}

#[test]
fn as_shipped_a_flood_at_one_tenant_sheds_no_client_of_another_and_few_of_its_log_ins() {
    let demo = shipped();
    demo.acme_machine();
    served_at_last(|| bob(&demo));
    let before = pace_beside_others(&demo);
    let flood = guesses(&demo, source);
    in_full_flood(&flood);
    let bystander = Bystander::start(&demo);
    let again: Vec<usize> = (0..20).map(|_| served_at_last(|| bob(&demo))).collect();
    bystander.undisturbed_at_its_pace(before, Duration::from_secs(3));
    let seen = flood.end();
    println!("log-ins that had to come again: {again:?}; the flood: {}", seen.told());
    // None has to on a machine of its own; where something else takes both cores for a while, a hash comes too late.
    let refused = again.iter().filter(|again| **again > 0).count();
    assert!(refused <= 4, "{again:?}");
    assert_guessed(&seen);
}
