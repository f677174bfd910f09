//! Lock-out: of users' authenticators, of guessing sources, and of nobody else (DECISIONS 4.2, 5.6).

use domain::{Authenticator, ClientId, SourceAddr, SourceFailures, Ttl, Write, WriteBatch, port::Apply as _};
use reqwest::blocking::Client;

use super::support::{Ask as _, Said, http, http_from, in_process::Server};

/// Users whose authenticators stand in every way, and policies that let a few failures be enough.
const BANK: &str = r#"
name = "bank"
profile = "hid"

[[policies]]
code = "AT_SYSLOG"
passwordPolicy = { notBlackListed = false, notSequence = false, notUserAttribute = false }

[[policies]]
code = "AT_CUSTPW"
disableThreshold = 4
passwordPolicy = { minLength = 6, maxLength = 30, notBlackListed = false, notSequence = false }

[[policies]]
code = "AT_UNLOCK"
disableThreshold = 3
autoUnlockSeconds = 60

[[policies]]
code = "AT_PARALLEL"
disableThreshold = 5

[[policies]]
code = "AT_USES"
defaultExpiryThreshold = 2

[[policies]]
code = "AT_ONCE"
passwordMaximumUses = 1

[[policies]]
code = "AT_CHANNEL"
channels = ["CH_DIRECT"]

[[clients]]
client_id = "portal"
client_secret = "Portal.Pass-7391"
grant_types = ["client_credentials", "password"]
scopes = ["openid", "profile"]
hid_user_authn_policy = "AT_CUSTPW"

[[clients]]
client_id = "batch"
client_secret = "Batch.Pass-8264"
grant_types = ["client_credentials"]

[[clients]]
client_id = "app"
auth_methods = ["none"]
grant_types = ["password"]
scopes = ["openid"]
hid_user_authn_policy = "AT_CUSTPW"

[[users]]
user_name = "ann"
[[users.authenticators]]
policy = "AT_CUSTPW"
password = "Wren.Sings-41"
[[users.authenticators]]
policy = "AT_UNLOCK"
password = "Wren.Sings-42"
[[users.authenticators]]
policy = "AT_PARALLEL"
password = "Wren.Sings-43"
[[users.authenticators]]
policy = "AT_USES"
password = "Wren.Sings-44"
[[users.authenticators]]
policy = "AT_ONCE"
password = "Wren.Sings-45"
[[users.authenticators]]
policy = "AT_CHANNEL"
password = "Wren.Sings-46"

[[users]]
user_name = "bea"
[[users.authenticators]]
policy = "AT_CUSTPW"
password = "Finch.Hums-52"

[[users]]
user_name = "early"
[[users.authenticators]]
policy = "AT_CUSTPW"
password = "Rook.Calls-63"
valid_from = "2040-01-01T00:00:00Z"

[[users]]
user_name = "late"
[[users.authenticators]]
policy = "AT_CUSTPW"
password = "Rook.Calls-63"
valid_from = "2020-01-01T00:00:00Z"
valid_until = "2021-01-01T00:00:00Z"

[[users]]
user_name = "shut"
[[users.authenticators]]
policy = "AT_CUSTPW"
password = "Rook.Calls-63"
status = "disabled"

[[users]]
user_name = "gone"
status = "disabled"
[[users.authenticators]]
policy = "AT_CUSTPW"
password = "Rook.Calls-63"
"#;

const PORTAL: (&str, &str) = ("portal", "Portal.Pass-7391");
const BATCH: (&str, &str) = ("batch", "Batch.Pass-8264");

struct Bank {
    server: Server,
    http: Client,
}

impl Bank {
    fn start() -> Self {
        Self { server: Server::start(&[BANK]), http: http() }
    }

    fn start_with_guesses(burst: u32) -> Self {
        let change = |raw: &mut countersign_server::config::RawConfig| raw.security.guess_burst = burst;
        Self { server: Server::start_with(&[BANK], change), http: http() }
    }

    fn log_in(&self, user: &str, policy: &str, password: &str) -> Said {
        let form =
            [("grant_type", "password"), ("username", user), ("password", password), ("authType", policy)];
        self.http.post(self.url()).basic_auth(PORTAL.0, Some(PORTAL.1)).form(&form).said()
    }

    /// The reason of a refused log-in; `-1` when it is not refused.
    fn reason(&self, user: &str, policy: &str, password: &str) -> i64 {
        let said = self.log_in(user, policy, password);
        if said.status == 200 {
            return -1;
        }
        assert_eq!(said.error(), (400, "invalid_grant".into()), "{}", said.text);
        assert_eq!(said.json()["hid_failure"]["authType"], policy);
        said.json()["hid_failure"]["reason"].as_i64().unwrap()
    }

    fn reasons(&self, user: &str, policy: &str, passwords: &[&str]) -> Vec<i64> {
        passwords.iter().map(|password| self.reason(user, policy, password)).collect()
    }

    fn url(&self) -> String {
        self.server.tenant("bank", "token")
    }

    fn client(&self, (id, secret): (&str, &str)) -> Said {
        client_from(&self.http, &self.url(), (id, secret))
    }

    fn stored(&self, user: &str, policy: &str) -> Authenticator {
        let store = self.server.store("bank");
        let user =
            store.users(None, 100).unwrap().into_iter().find(|stored| stored.user_name == user).unwrap();
        let of_user = store.authenticators(user.id).unwrap();
        of_user.into_iter().find(|authenticator| authenticator.policy.as_str() == policy).unwrap()
    }
}

fn client_from(http: &Client, url: &str, (id, secret): (&str, &str)) -> Said {
    http.post(url).basic_auth(id, Some(secret)).form(&[("grant_type", "client_credentials")]).said()
}

/// Everything of a refusal that a caller sees.
fn seen(said: &Said) -> (u16, String, String) {
    (said.status, said.header("www-authenticate").to_owned(), said.text.clone())
}

#[test]
fn a_wrong_password_is_13_until_the_threshold_then_2_then_1() {
    let bank = Bank::start();
    let reasons = bank.reasons("ann", "AT_CUSTPW", &["Wrong.Pass-1"; 6]);
    assert_eq!(reasons, [13, 13, 13, 2, 1, 1]);
    // The right one is no better now, and time does not heal it: only an administrator does.
    assert_eq!(bank.reason("ann", "AT_CUSTPW", "Wren.Sings-41"), 1);
    bank.server.later(30 * 86_400);
    assert_eq!(bank.reason("ann", "AT_CUSTPW", "Wren.Sings-41"), 1);
    let stored = bank.stored("ann", "AT_CUSTPW");
    assert_eq!((stored.statistics.consecutive_failed, stored.statistics.total_failed), (4, 4));
}

#[test]
fn an_administrators_reset_ends_a_lock() {
    let bank = Bank::start();
    assert_eq!(bank.reasons("ann", "AT_CUSTPW", &["Wrong.Pass-1"; 4]), [13, 13, 13, 2]);
    let stored = bank.stored("ann", "AT_CUSTPW");
    let reset = domain::AdminWrite::ResetAuthenticator(stored.user_id, stored.policy);
    let applied = bank.server.store("bank").change(vec![reset], Vec::new()).unwrap();
    assert_eq!(applied, domain::Applied::Committed);
    assert_eq!(bank.reasons("ann", "AT_CUSTPW", &["Wrong.Pass-1", "Wren.Sings-41"]), [13, -1]);
}

#[test]
fn a_lock_that_unlocks_itself_does_so_to_the_second_and_counts_from_zero() {
    let bank = Bank::start();
    assert_eq!(bank.reasons("ann", "AT_UNLOCK", &["Wrong.Pass-1"; 3]), [13, 13, 2]);
    bank.server.later(59);
    assert_eq!(bank.reason("ann", "AT_UNLOCK", "Wren.Sings-42"), 1);
    bank.server.later(1);
    assert_eq!(bank.reasons("ann", "AT_UNLOCK", &["Wrong.Pass-1"; 3]), [13, 13, 2]);
    bank.server.later(60);
    assert_eq!(bank.reason("ann", "AT_UNLOCK", "Wren.Sings-42"), -1);
    let stored = bank.stored("ann", "AT_UNLOCK");
    assert_eq!((stored.locked_at, stored.statistics.consecutive_failed), (None, 0));
}

#[test]
fn a_success_in_between_starts_the_count_again() {
    let bank = Bank::start();
    let (wrong, right) = ("Wrong.Pass-1", "Wren.Sings-41");
    let reasons = bank.reasons("ann", "AT_CUSTPW", &[wrong, wrong, wrong, right, wrong, wrong, wrong, right]);
    assert_eq!(reasons, [13, 13, 13, -1, 13, 13, 13, -1]);
    let statistics = bank.stored("ann", "AT_CUSTPW").statistics;
    assert_eq!((statistics.consecutive_failed, statistics.total_failed), (0, 6));
}

#[test]
fn every_other_reason_is_told_and_counts_no_failure() {
    let bank = Bank::start();
    for (user, policy, password, reason) in [
        ("nobody", "AT_CUSTPW", "Rook.Calls-63", 15),
        ("bea", "AT_UNLOCK", "Finch.Hums-52", 0),
        ("gone", "AT_CUSTPW", "Rook.Calls-63", 45),
        ("gone", "AT_CUSTPW", "Wrong.Pass-1", 45),
        ("early", "AT_CUSTPW", "Rook.Calls-63", 7),
        ("late", "AT_CUSTPW", "Rook.Calls-63", 8),
        ("shut", "AT_CUSTPW", "Rook.Calls-63", 1),
        ("ann", "AT_CHANNEL", "Wren.Sings-46", 4),
    ] {
        // More often than any threshold.
        for _ in 0..9 {
            assert_eq!(bank.reason(user, policy, password), reason, "{user} {policy}");
        }
    }
    for (user, policy) in
        [("early", "AT_CUSTPW"), ("late", "AT_CUSTPW"), ("shut", "AT_CUSTPW"), ("ann", "AT_CHANNEL")]
    {
        let stored = bank.stored(user, policy);
        assert_eq!((stored.statistics.total_failed, stored.locked_at), (0, None), "{user}");
    }
}

#[test]
fn uses_run_out_with_3_and_those_of_a_password_with_19() {
    let bank = Bank::start();
    assert_eq!(bank.reasons("ann", "AT_USES", &["Wren.Sings-44"; 4]), [-1, -1, 3, 3]);
    assert_eq!(bank.reasons("ann", "AT_ONCE", &["Wren.Sings-45"; 3]), [-1, 19, 19]);
}

#[test]
fn a_limit_of_uses_holds_against_parallel_log_ins() {
    let bank = Bank::start();
    let said = parallel(8, || bank.log_in("ann", "AT_USES", "Wren.Sings-44"));
    assert_eq!(said.iter().filter(|said| said.status == 200).count(), 2);
    assert!(said.iter().all(|said| [200, 400].contains(&said.status)));
    assert_eq!(bank.stored("ann", "AT_USES").uses, 2);
}

#[test]
fn a_length_that_cannot_fit_is_12_and_counts() {
    let bank = Bank::start();
    let long = "x".repeat(31);
    assert_eq!(bank.reasons("ann", "AT_CUSTPW", &["short", &long, "x", "short"]), [12, 12, 12, 2]);
    assert_eq!(bank.reason("ann", "AT_CUSTPW", "Wren.Sings-41"), 1);
}

#[test]
fn parallel_correct_log_ins_all_succeed_and_count_no_failure() {
    let bank = Bank::start();
    let said = parallel(20, || bank.log_in("ann", "AT_PARALLEL", "Wren.Sings-43"));
    for said in &said {
        assert_eq!(said.status, 200, "{}", said.text);
    }
    let stored = bank.stored("ann", "AT_PARALLEL");
    let statistics = stored.statistics;
    assert_eq!((statistics.consecutive_failed, statistics.total_failed, stored.locked_at), (0, 0, None));
}

#[test]
fn parallel_wrong_log_ins_count_exactly_to_the_threshold() {
    let bank = Bank::start();
    let said = parallel(16, || bank.log_in("ann", "AT_PARALLEL", "Wrong.Pass-1"));
    let mut reasons: Vec<i64> = Vec::new();
    for said in &said {
        assert_eq!(said.error(), (400, "invalid_grant".into()), "{}", said.text);
        reasons.push(said.json()["hid_failure"]["reason"].as_i64().unwrap());
    }
    reasons.sort_unstable();
    assert_eq!(reasons, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 13, 13, 13, 13]);
    let stored = bank.stored("ann", "AT_PARALLEL");
    assert_eq!((stored.statistics.consecutive_failed, stored.statistics.total_failed), (5, 5));
    assert!(stored.locked_at.is_some());
}

#[test]
fn a_locked_user_locks_out_nobody_else() {
    let bank = Bank::start();
    assert_eq!(bank.reasons("ann", "AT_CUSTPW", &["Wrong.Pass-1"; 4]), [13, 13, 13, 2]);
    // Another user, the same user's other authenticators, and the client itself.
    assert_eq!(bank.reason("bea", "AT_CUSTPW", "Finch.Hums-52"), -1);
    assert_eq!(bank.reason("ann", "AT_UNLOCK", "Wren.Sings-42"), -1);
    assert_eq!(bank.client(PORTAL).status, 200);
}

#[test]
fn wrong_client_secrets_lock_their_source_and_the_right_one_hears_the_same() {
    let bank = Bank::start();
    let wrong = seen(&bank.client((PORTAL.0, "Wrong.Pass-1")));
    assert_eq!(wrong.0, 401);
    for _ in 1..5 {
        assert_eq!(seen(&bank.client((PORTAL.0, "Wrong.Pass-1"))), wrong);
    }
    assert_eq!(seen(&bank.client(PORTAL)), wrong);
    // A user's request through the client is no way around it.
    assert_eq!(bank.log_in("bea", "AT_CUSTPW", "Finch.Hums-52").status, 401);
    // Client ids are public: neither another client from here nor this one from elsewhere is locked.
    assert_eq!(bank.client(BATCH).status, 200);
    assert_eq!(client_from(&http_from("127.0.0.2"), &bank.url(), PORTAL).status, 200);
    bank.server.later(299);
    assert_eq!(seen(&bank.client(PORTAL)), wrong);
    bank.server.later(1);
    assert_eq!(bank.client(PORTAL).status, 200);
}

#[test]
fn attempts_while_locked_do_not_lock_for_longer() {
    let bank = Bank::start();
    for _ in 0..5 {
        assert_eq!(bank.client((PORTAL.0, "Wrong.Pass-1")).status, 401);
    }
    for _ in 0..5 {
        bank.server.later(50);
        assert_eq!(bank.client((PORTAL.0, "Wrong.Pass-1")).status, 401);
    }
    bank.server.later(50);
    assert_eq!(bank.client(PORTAL).status, 200);
}

#[test]
fn parallel_right_secrets_all_succeed_and_parallel_wrong_ones_lock() {
    let bank = Bank::start();
    let said = parallel(20, || bank.client(PORTAL));
    assert!(said.iter().all(|said| said.status == 200), "{said:?}");
    let said = parallel(16, || bank.client((BATCH.0, "Wrong.Pass-1")));
    assert!(said.iter().all(|said| said.status == 401), "{said:?}");
    assert_eq!(bank.client(BATCH).status, 401);
    assert_eq!(client_from(&http_from("127.0.0.2"), &bank.url(), BATCH).status, 200);
}

#[test]
fn a_warm_memory_of_the_secret_never_bends_the_count() {
    let bank = Bank::start();
    let wrong = (PORTAL.0, "Wrong.Pass-1");
    // Each success must be counted although the memory of the first would answer it.
    for _ in 0..3 {
        assert_eq!(bank.client(PORTAL).status, 200);
        for _ in 0..4 {
            assert_eq!(bank.client(wrong).status, 401);
        }
    }
    assert_eq!(bank.client(PORTAL).status, 200);
    for _ in 0..5 {
        assert_eq!(bank.client(wrong).status, 401);
    }
    assert_eq!(bank.client(PORTAL).status, 401);
}

#[test]
fn a_warm_memory_spends_no_hash() {
    let bank = Bank::start();
    assert_eq!(bank.client(PORTAL).status, 200);
    let before = bank.server.hashes();
    assert!(before >= 1.0);
    for _ in 0..5 {
        assert_eq!(bank.client(PORTAL).status, 200);
    }
    assert!((bank.server.hashes() - before).abs() < 0.5);
}

#[test]
fn a_lock_that_another_node_set_is_obeyed_within_two_seconds() {
    let bank = Bank::start();
    assert_eq!(bank.client(PORTAL).status, 200);
    let now = bank.server.clock.now();
    let locked = SourceFailures {
        consecutive: 5,
        locked_until: Some(now.plus(Ttl::from_secs(300))),
        expires_at: now.plus(Ttl::from_secs(3600)),
    };
    let write = Write::SourceFailed {
        client_id: ClientId::parse(PORTAL.0).unwrap(),
        source: SourceAddr::new([127, 0, 0, 1].into()),
        seen: None,
        now: locked,
    };
    let applied = bank.server.store("bank").apply(&WriteBatch { writes: vec![write] }).unwrap();
    assert_eq!(applied, domain::Applied::Committed);
    bank.server.later(2);
    assert_eq!(bank.client(PORTAL).status, 401);
}

#[test]
fn too_many_guesses_at_a_user_are_429_and_spend_no_hash() {
    let bank = Bank::start_with_guesses(3);
    assert_eq!(bank.reasons("ann", "AT_CUSTPW", &["Wrong.Pass-1"; 3]), [13, 13, 13]);
    let before = bank.server.hashes();
    // The right password is not even looked at.
    let said = bank.log_in("ann", "AT_CUSTPW", "Wren.Sings-41");
    too_many(&said);
    assert!((bank.server.hashes() - before).abs() < 0.5, "a hash was spent");
    assert_eq!(bank.stored("ann", "AT_CUSTPW").statistics.total_failed, 3);
    // Nobody else waits, and the wait is as long as was said.
    assert_eq!(bank.reason("bea", "AT_CUSTPW", "Finch.Hums-52"), -1);
    bank.server.later(said.header("retry-after").parse().unwrap());
    assert_eq!(bank.reason("ann", "AT_CUSTPW", "Wren.Sings-41"), -1);
}

#[test]
fn too_many_guesses_at_a_secret_are_429_for_known_and_unknown_clients_alike() {
    let bank = Bank::start_with_guesses(3);
    for id in [PORTAL.0, "no-such-client"] {
        for _ in 0..3 {
            assert_eq!(bank.client((id, "Wrong.Pass-1")).status, 401);
        }
        let before = bank.server.hashes();
        let said = bank.client((id, PORTAL.1));
        too_many(&said);
        assert!((bank.server.hashes() - before).abs() < 0.5, "a hash was spent on {id}");
    }
    assert_eq!(bank.client(BATCH).status, 200);
    assert_eq!(client_from(&http_from("127.0.0.2"), &bank.url(), PORTAL).status, 200);
    bank.server.later(2);
    assert_eq!(bank.client(PORTAL).status, 200);
}

#[test]
fn guesses_through_a_public_client_are_limited_by_their_source() {
    let bank = Bank::start_with_guesses(3);
    let elsewhere = http_from("127.0.0.2");
    let log_in = |http: &Client, password: &str| {
        let form =
            [("grant_type", "password"), ("client_id", "app"), ("username", "ann"), ("password", password)];
        http.post(bank.url()).form(&form).said()
    };
    for _ in 0..3 {
        assert_eq!(log_in(&elsewhere, "Wrong.Pass-1").status, 400);
    }
    too_many(&log_in(&elsewhere, "Wren.Sings-41"));
    assert_eq!(log_in(&bank.http, "Wren.Sings-41").status, 200);
}

fn too_many(said: &Said) {
    assert_eq!(said.error(), (429, "temporarily_unavailable".into()), "{}", said.text);
    assert!(said.header("retry-after").parse::<i64>().unwrap() >= 1);
    assert_eq!(said.header("cache-control"), "no-store");
    assert!(said.json()["error_description"].is_string());
}

/// Does it `count` times at once.
fn parallel(count: usize, work: impl Fn() -> Said + Sync) -> Vec<Said> {
    let barrier = std::sync::Barrier::new(count);
    std::thread::scope(|scope| {
        let one = || {
            barrier.wait();
            work()
        };
        let threads: Vec<_> = (0..count).map(|_| scope.spawn(one)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn made_up_names_from_one_source_wear_out_one_bucket_and_not_the_hashing_lane() {
    let server = Server::start(&[include_str!("../../../../fixtures/demo/acme.toml")]);
    let url = server.tenant("acme", "token");
    let form = [("grant_type", "client_credentials")];
    let statuses: Vec<u16> = (0..140)
        .map(|n| {
            http().post(&url).basic_auth(format!("made-up-{n}"), Some("guess")).form(&form).said().status
        })
        .collect();
    // Four times `guess_burst` (30), under a clock that stands still.
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 120);
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 20);
    // Another source is served.
    let said = super::support::acme_m2m(http_from("127.0.0.2").post(&url)).form(&form).said();
    assert_eq!(said.status, 200);
}

#[test]
fn an_internal_authentication_fault_is_hid_error_100() {
    let server = Server::start(&[include_str!("../../../../fixtures/demo/ONLINEBANK.toml")]);
    let mut store = server.store("ONLINEBANK");
    let user = domain::port::UserLookup::user_by_name(&mut store, "alice").unwrap().unwrap();
    let policy = domain::PolicyCode::parse("AT_CUSTPW").unwrap();
    let hash = domain::port::PasswordHash::from_phc("no hash at all".to_owned());
    let credential = domain::PasswordCredential { hash, version: 2, uses: 0, history: Vec::new() };
    let valid_until = domain::Timestamp::from_secs(4_000_000_000);
    let broken = domain::AdminWrite::SetPassword { user_id: user.id, policy, credential, valid_until };
    assert_eq!(store.change(vec![broken], Vec::new()).unwrap(), domain::Applied::Committed);
    let form =
        [("grant_type", "password"), ("client_id", "spl-app"), ("username", "alice"), ("password", "secret")];
    let said = http().post(server.tenant("ONLINEBANK", "token")).form(&form).said();
    assert_eq!(said.error(), (400, "hid_error".into()));
    assert_eq!(said.json()["hid_error"]["code"], "100");
}
