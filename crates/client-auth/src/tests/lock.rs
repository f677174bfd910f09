use domain::{SourceFailures, Timestamp, Ttl};
use testkit::a_policy;

use crate::lock::{after_failure, is_locked};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

fn failures(consecutive: i64, locked_until: Option<Timestamp>) -> SourceFailures {
    SourceFailures { consecutive, locked_until, expires_at: NOW.plus(Ttl::from_secs(60)) }
}

#[test]
fn counts_up_to_the_threshold_and_locks_there() {
    let policy = a_policy("AT_SYSLOG").disable_threshold(3).build();
    let mut seen = None;
    for count in 1..=2 {
        let now = after_failure(seen, Some(&policy), NOW);
        assert_eq!((now.consecutive, now.locked_until), (count, None));
        assert_eq!(now.expires_at, NOW.plus(Ttl::from_secs(3600)));
        seen = Some(now);
    }
    let now = after_failure(seen, Some(&policy), NOW);
    assert_eq!(now.locked_until, Some(NOW.plus(Ttl::from_secs(300))));
}

#[test]
fn the_policys_unlock_time_holds_and_the_row_outlives_the_lock() {
    let policy = a_policy("AT_SYSLOG").disable_threshold(1).auto_unlock_seconds(7200).build();
    let now = after_failure(None, Some(&policy), NOW);
    assert_eq!(now.locked_until, Some(NOW.plus(Ttl::from_secs(7200))));
    assert_eq!(now.expires_at, NOW.plus(Ttl::from_secs(7200)));
}

#[test]
fn no_threshold_never_locks_and_no_policy_locks_at_five() {
    for threshold in [-1, 0] {
        let policy = a_policy("AT_SYSLOG").disable_threshold(threshold).build();
        assert_eq!(after_failure(Some(failures(1_000, None)), Some(&policy), NOW).locked_until, None);
    }
    assert_eq!(after_failure(Some(failures(3, None)), None, NOW).locked_until, None);
    assert!(after_failure(Some(failures(4, None)), None, NOW).locked_until.is_some());
}

#[test]
fn a_lock_ends_at_its_instant_and_counting_starts_again() {
    let policy = a_policy("AT_SYSLOG").disable_threshold(3).build();
    let locked = Some(failures(3, Some(NOW)));
    assert!(is_locked(locked, NOW.minus(Ttl::from_millis(1))));
    assert!(!is_locked(locked, NOW));
    assert_eq!(after_failure(locked, Some(&policy), NOW).consecutive, 1);
    let old = Some(SourceFailures { expires_at: NOW, ..failures(2, None) });
    assert_eq!(after_failure(old, Some(&policy), NOW).consecutive, 1);
}
