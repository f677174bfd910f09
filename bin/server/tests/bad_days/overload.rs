//! More is asked than the server can do.

use std::time::{Duration, Instant};

use super::{
    bystander::long,
    crowd::{Crowd, Seen, form},
    support::{Ask as _, Demo, http, wait_for},
};

/// Many times what can be answered in the time that a request may wait.
const CALLERS: usize = 600;

/// As many as keep the server busy and are never shed.
const FEW: usize = 16;

/// `server.max_wait_ms`.
const MAX_WAIT: Duration = Duration::from_millis(100);

/// Within which speed is back, and the stretch over which it is taken.
const BACK: Duration = Duration::from_secs(2);
const STRETCH: Duration = Duration::from_millis(500);

/// What 99 of 100 answers may take beyond [`MAX_WAIT`]. A debug build takes several times as long for each, and shares its
/// cores with a crowd that takes as much again: an answer that is ready waits for its turn at who measures it. A fifth of a
/// second is what that comes to; a release build on a core of its own needs a twentieth of one (docs/bad-days.md).
const ALLOWANCE: Duration = Duration::from_millis(500);

/// What holds of the rush and of what comes after it. Speed is never asserted but in proportion to what the same server did
/// just before: how fast this machine is, and how busy, is no business of a test.
struct Bounds {
    rush: Duration,
    /// The 99th percentile of those that are served.
    served: Duration,
    /// Memory, KiB, that the rush may take once its first thousands were answered.
    grown: u64,
    /// How much of its speed, in hundredths, the server has again within [`BACK`], at least for a [`STRETCH`].
    share: usize,
}

impl Bounds {
    fn now() -> Self {
        let served = MAX_WAIT + ALLOWANCE;
        if long() {
            Self { rush: Duration::from_mins(1), served, grown: 32 * 1024, share: 50 }
        } else {
            // In so short a rush one commit that the disk holds up is more than one answer in a hundred.
            let served = served + Duration::from_secs(1);
            Self { rush: Duration::from_secs(5), served, grown: 24 * 1024, share: 33 }
        }
    }
}

fn start() -> Demo {
    let demo = Demo::start_in(tempfile::tempdir().unwrap(), &[("COUNTERSIGN__SERVER__MAX_WAIT_MS", "100")]);
    demo.acme_machine();
    demo
}

const ACME_M2M: &str = "authorization: Basic YWNtZS1tMm06YWNtZS1tMm0tc2VjcmV0LTBiN2M0MWQyZjk4ZTRhNjM=\r\n";

/// So many who ask for tokens, each again as soon as it is answered.
fn crowd(demo: &Demo, callers: usize) -> Crowd {
    let request = form("/idp/acme/authn/token", ACME_M2M, "grant_type=client_credentials");
    Crowd::start(&demo.url, callers, move |_| request.clone())
}

/// The most tokens that a few callers get in a stretch, of those that begin and end within `time`.
fn speed(demo: &Demo, time: Duration) -> usize {
    let few = crowd(demo, FEW);
    let begun = Instant::now();
    let (mut counts, mut most) = (vec![(begun, 0)], 0);
    while begun.elapsed() < time {
        wait_for(Duration::from_millis(20), || None::<()>);
        let (now, count) = (Instant::now(), few.answered(200));
        let before = counts.iter().rev().find(|(at, _)| now - *at >= STRETCH);
        most = most.max(before.map_or(0, |(_, before)| count - before));
        counts.push((now, count));
    }
    let seen = few.end();
    println!("{most} in {STRETCH:?} at best; {}", seen.told());
    most
}

/// What a rush brought.
struct Rush {
    seen: Seen,
    /// KiB.
    grown: u64,
    /// Commits that were queued at most.
    deepest: u64,
}

fn rush(demo: &Demo, duration: Duration) -> Rush {
    let crowd = crowd(demo, CALLERS);
    let begun = Instant::now();
    // Buffers and caches have grown when the first thousands were answered.
    wait_for(Duration::from_secs(10), || (crowd.answered(200) + crowd.answered(503) > 4_000).then_some(()));
    let (first, mut deepest) = (demo.resident(), 0);
    while begun.elapsed() < duration {
        // The operator's questions are answered all the while.
        assert_eq!(http().get(format!("{}/healthz", demo.management)).said().status, 200);
        deepest = deepest.max(queue_length(demo));
        wait_for(Duration::from_millis(100), || None::<()>);
    }
    let grown = demo.resident().saturating_sub(first);
    Rush { seen: crowd.end(), grown, deepest }
}

#[test]
fn ten_times_too_much_is_answered_or_shed_at_once_and_forgotten_at_once() {
    let bounds = Bounds::now();
    let demo = start();
    let before = speed(&demo, Duration::from_secs(3));
    let Rush { seen, grown, deepest } = rush(&demo, bounds.rush);
    println!("{}; {grown} KiB more; {deepest} commits queued", seen.told());
    let after = speed(&demo, BACK);
    let all: usize = seen.times.values().map(Vec::len).sum();
    assert_eq!(seen.count(200) + seen.count(503), all, "{}", seen.told());
    assert_eq!(seen.rude, 0, "503 without Retry-After");
    assert!(seen.count(200) > 100 && seen.count(503) > 100, "{}", seen.told());
    assert!(seen.p99(503) <= MAX_WAIT + ALLOWANCE && seen.p99(200) <= bounds.served, "{}", seen.told());
    assert!(deepest <= 1_500, "{deepest}");
    assert!(grown < bounds.grown, "{grown} KiB");
    assert!(seen.ended < 100, "to be shed costs no connection: {}", seen.told());
    assert!(
        after * 100 >= before * bounds.share,
        "{after} in {STRETCH:?} at best, and {before} before the rush"
    );
}

fn queue_length(demo: &Demo) -> u64 {
    let metrics = http().get(format!("{}/metrics", demo.management)).said().text;
    let line =
        metrics.lines().find_map(|line| line.strip_prefix("countersign_storage{what=\"queue_length\"} "));
    line.map_or(0, |value| value.parse().unwrap())
}

#[test]
fn a_few_callers_are_never_shed() {
    let demo = start();
    let crowd = crowd(&demo, FEW);
    wait_for(Duration::from_secs(30), || (crowd.answered(200) > 500).then_some(()));
    let seen = crowd.end();
    println!("{}", seen.told());
    assert!(seen.count(200) > 500);
    assert_eq!(seen.times.len(), 1, "{}", seen.told());
}
