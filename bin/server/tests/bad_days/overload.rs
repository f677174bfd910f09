//! More is asked than the server can do.

use std::time::{Duration, Instant};

use super::{
    bystander::long,
    crowd::{Crowd, form},
    support::{Ask as _, Demo, http, wait_for},
};

/// Many times what can be answered in the time that a request may wait.
const CALLERS: usize = 600;

/// What nobody waits for longer than, nearly always, on a machine that does other things too.
const BOUND: Duration = Duration::from_secs(3);

fn start() -> Demo {
    Demo::start_in(tempfile::tempdir().unwrap(), &[("COUNTERSIGN__SERVER__MAX_WAIT_MS", "100")])
}

const ACME_M2M: &str = "authorization: Basic YWNtZS1tMm06YWNtZS1tMm0tc2VjcmV0LTBiN2M0MWQyZjk4ZTRhNjM=\r\n";

#[test]
fn ten_times_too_much_is_answered_or_shed_at_once_and_forgotten_at_once() {
    let demo = start();
    demo.acme_machine();
    let request = form("/idp/acme/authn/token", ACME_M2M, "grant_type=client_credentials");
    let crowd = Crowd::start(&demo.url, CALLERS, move |_| request.clone());
    let begun = Instant::now();
    let duration = Duration::from_secs(if long() { 60 } else { 5 });
    // Buffers and caches have grown when the first thousands were answered.
    wait_for(Duration::from_secs(10), || (crowd.answered(200) + crowd.answered(503) > 4_000).then_some(()));
    let (first, mut deepest) = (demo.resident(), 0);
    while begun.elapsed() < duration {
        // The operator's questions are answered all the while.
        assert_eq!(http().get(format!("{}/healthz", demo.management)).said().status, 200);
        deepest = deepest.max(queue_length(&demo));
        wait_for(Duration::from_millis(100), || None::<()>);
    }
    let grown = demo.resident().saturating_sub(first);
    let seen = crowd.end();
    let over = Instant::now();
    println!("{}; {grown} KiB more; {deepest} commits queued", seen.told());
    let normal = wait_for(Duration::from_secs(2), || (0..20).all(|_| is_served(&demo)).then_some(()));
    assert!(normal.is_some(), "not back to normal after {:?}", over.elapsed());
    assert_eq!(
        seen.count(200) + seen.count(503),
        seen.times.values().map(Vec::len).sum::<usize>(),
        "{}",
        seen.told()
    );
    assert_eq!(seen.rude, 0, "503 without Retry-After");
    assert!(seen.count(200) > 100 && seen.count(503) > 100, "{}", seen.told());
    assert!(seen.p99(503) < BOUND && seen.p99(200) < BOUND, "{}", seen.told());
    assert!(deepest <= 1_500, "{deepest}");
    assert!(grown < 48 * 1024, "{grown} KiB");
    assert!(seen.ended < 100, "to be shed costs no connection: {}", seen.told());
}

fn is_served(demo: &Demo) -> bool {
    let request = super::support::acme_m2m(http().post(demo.acme("token")));
    request.form(&[("grant_type", "client_credentials")]).said().status == 200
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
    demo.acme_machine();
    let request = form("/idp/acme/authn/token", ACME_M2M, "grant_type=client_credentials");
    let crowd = Crowd::start(&demo.url, 16, move |_| request.clone());
    wait_for(Duration::from_secs(30), || (crowd.answered(200) > 500).then_some(()));
    let seen = crowd.end();
    println!("{}", seen.told());
    assert!(seen.count(200) > 500);
    assert_eq!(seen.times.len(), 1, "{}", seen.told());
}
