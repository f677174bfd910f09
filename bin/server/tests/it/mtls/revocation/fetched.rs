//! Lists that authorities publish.

use openssl::x509::X509Crl;

use super::*;
use crate::assertions::published::{Answer, Publisher};

/// The tenant of the authority, with lists from there.
fn with_uris(ca: &Issued, uris: &[String], mode: &str) -> String {
    let settings = format!(
        "[settings]\nmtls_crl_uris = {uris:?}\nmtls_fetch_private = true\nmtls_revocation = \"{mode}\"\n"
    );
    tenant(&ca.certificate_pem().unwrap()).replacen("[settings]\n", &settings, 1)
}

/// A list as authorities publish it: DER.
fn der(ca: &Issued, revoked: &[&Issued]) -> Answer {
    let pem = ca.revocation_list(revoked, today()).unwrap();
    Answer::Bytes(X509Crl::from_pem(pem.as_bytes()).unwrap().to_der().unwrap(), "max-age=300")
}

/// A server whose tenant has its lists from there.
fn bank_over(publisher: &Publisher, mode: &str) -> Bank {
    let change = |raw: &mut countersign_server::config::RawConfig| raw.outbound.timeout_ms = 300;
    Bank::made(AskFor::Ask, |ca| with_uris(ca, &[publisher.url()], mode), change)
}

#[test]
fn a_list_is_fetched_once_and_again_when_it_is_no_longer_fresh() {
    let publisher = Publisher::start(Answer::Status(404));
    let bank = bank_over(&publisher, "closed");
    publisher.says(der(&bank.ca, &[]));
    let (revoked, good) = (bank.client("client1"), bank.client("client1"));
    for certificate in [&revoked, &good, &revoked] {
        assert_eq!(bank.with(certificate, "client1").status, 200);
    }
    assert_eq!(publisher.asked(), 1);
    publisher.says(der(&bank.ca, &[&revoked]));
    bank.server.later(299);
    assert_eq!((bank.with(&revoked, "client1").status, publisher.asked()), (200, 1), "still fresh");
    // Long after: what is asked for now is waited for.
    bank.server.later(100);
    assert_eq!((bank.with(&revoked, "client1").status, publisher.asked()), (401, 2));
    assert_eq!(bank.with(&good, "client1").status, 200);
    assert_eq!(reasons(&bank), ["certificate_revoked"]);
}

#[test]
fn a_client_that_asks_all_the_time_is_revoked_without_ever_waiting_for_a_list() {
    let publisher = Publisher::start(Answer::Status(404));
    let bank = bank_over(&publisher, "closed");
    publisher.says(der(&bank.ca, &[]));
    let client = bank.client("client1");
    assert_eq!(bank.with(&client, "client1").status, 200);
    publisher.says(der(&bank.ca, &[&client]));
    bank.server.later(301);
    assert_eq!(bank.with(&client, "client1").status, 200, "one that has just gone stale is used meanwhile");
    wait_for(std::time::Duration::from_secs(10), || (publisher.asked() == 2).then_some(())).unwrap();
    let refused = || {
        bank.server.later(1);
        (bank.with(&client, "client1").status == 401).then_some(())
    };
    (0..15).find_map(|_second| refused()).expect("a few seconds later it is known");
}

#[test]
fn pem_will_do_and_each_authority_may_publish_at_a_place_of_its_own() {
    let (first, second) = (Publisher::start(Answer::Status(404)), Publisher::start(Answer::Status(404)));
    let uris = [first.url(), second.url()];
    let bank = Bank::start_over(AskFor::Ask, |ca| with_uris(ca, &uris, "closed"));
    let between = issued(&[("CN", "Between")], Purpose::Authority(None), Some(&bank.ca));
    let name = [("C", "NO"), ("O", "Bank"), ("CN", "client1")];
    let client = issued(&name, Purpose::Client, Some(&between));
    first.says(Answer::Set(bank.ca.revocation_list(&[], today()).unwrap(), ""));
    second.says(der(&between, &[]));
    let chain = [&between];
    let caller = Caller { certificate: Some(&client), chain: &chain, ..Caller::default() };
    assert_eq!(bank.ask(caller, "client1").status, 200);
    second.says(der(&between, &[&client]));
    bank.server.later(400);
    assert_eq!(bank.ask(caller, "client1").status, 401);
    assert_eq!(reasons(&bank), ["certificate_revoked"]);
}

#[test]
fn a_list_counts_until_its_next_update_also_when_its_publisher_is_gone() {
    let publisher = Publisher::start(Answer::Status(404));
    let bank = bank_over(&publisher, "closed");
    publisher.says(der(&bank.ca, &[]));
    let client = bank.client("client1");
    assert_eq!(bank.with(&client, "client1").status, 200);
    publisher.says(Answer::Status(500));
    for _hour in 0..23 {
        bank.server.later(3600);
        assert_eq!(bank.with(&client, "client1").status, 200);
    }
    bank.server.later(3600);
    assert_eq!(bank.with(&client, "client1").status, 401);
    assert_eq!(reasons(&bank), ["certificate_revocation_unknown"]);
    publisher
        .says(Answer::Set(bank.ca.revocation_list(&[], (NOW, NOW.plus(Ttl::from_days(9)))).unwrap(), ""));
    bank.server.later(60);
    assert_eq!(bank.with(&client, "client1").status, 200, "back without a word to the server");
}

#[test]
fn where_no_list_can_be_had_it_is_closed_or_open_as_the_tenant_says() {
    let elsewhere = Publisher::start(Answer::Status(404));
    for (mode, status) in [("closed", 401), ("open", 200)] {
        let publisher = Publisher::start(Answer::Status(404));
        let bank = bank_over(&publisher, mode);
        elsewhere.says(der(&bank.ca, &[]));
        for (why, answer) in [
            ("not there", Answer::Status(404)),
            ("redirected", Answer::Redirect(elsewhere.url())),
            ("no list", Answer::Set("<html>".to_owned(), "")),
            ("empty", Answer::Set(String::new(), "")),
            ("too long", Answer::Bytes(vec![0x30; 4 * 1024 * 1024 + 1], "")),
            ("it hangs", Answer::Hang),
            ("it drips", Answer::Drip),
        ] {
            publisher.says(answer);
            // Another certificate each time, and time for another attempt.
            bank.server.later(60);
            assert_eq!(bank.with(&bank.client("client1"), "client1").status, status, "{why}, {mode}");
        }
    }
    assert_eq!(elsewhere.asked(), 0, "nobody is sent elsewhere");
}

#[test]
fn a_revocation_does_not_end_with_its_list_and_is_not_displaced_by_an_older_one() {
    let publisher = Publisher::start(Answer::Status(404));
    let bank = bank_over(&publisher, "open");
    let client = bank.client("client1");
    let list = |revoked: &[&Issued], from: Timestamp| {
        Answer::Set(bank.ca.revocation_list(revoked, (from, NOW.plus(DAY))).unwrap(), "max-age=300")
    };
    publisher.says(list(&[&client], NOW.minus(Ttl::from_secs(60))));
    assert_eq!(bank.with(&client, "client1").status, 401);
    for (why, answer) in [
        ("an older list", list(&[], NOW.minus(DAY))),
        ("another's", Answer::Set(authority("Test CA").revocation_list(&[], today()).unwrap(), "")),
        ("no list", Answer::Set("<html>".to_owned(), "")),
        ("nothing", Answer::Status(500)),
    ] {
        publisher.says(answer);
        bank.server.later(400);
        assert_eq!(bank.with(&client, "client1").status, 401, "{why}");
    }
    bank.server.later(2 * 24 * 3600);
    assert_eq!(bank.with(&client, "client1").status, 401, "all have run out");
    // The authority takes it back.
    let now = bank.server.clock.now();
    publisher.says(Answer::Set(bank.ca.revocation_list(&[], (now, now.plus(DAY))).unwrap(), ""));
    bank.server.later(60);
    assert_eq!(bank.with(&client, "client1").status, 200);
}

#[test]
fn a_list_that_has_run_out_is_asked_for_again_however_fresh_it_was_said_to_be() {
    let publisher = Publisher::start(Answer::Status(404));
    let bank = bank_over(&publisher, "open");
    let client = bank.client("client1");
    let until = |revoked: &[&Issued], until: Timestamp| {
        Answer::Set(bank.ca.revocation_list(revoked, (NOW.minus(DAY), until)).unwrap(), "max-age=3600")
    };
    publisher.says(until(&[], NOW.plus(Ttl::from_secs(300))));
    assert_eq!(bank.with(&client, "client1").status, 200);
    publisher.says(until(&[&client], NOW.plus(DAY)));
    bank.server.later(301);
    assert_eq!((bank.with(&client, "client1").status, publisher.asked()), (401, 2));
}

#[test]
fn one_place_that_hangs_does_not_keep_another_from_being_asked() {
    let (hanging, publisher) = (Publisher::start(Answer::Hang), Publisher::start(Answer::Status(404)));
    let uris = [hanging.url(), publisher.url()];
    let change = |raw: &mut countersign_server::config::RawConfig| raw.outbound.timeout_ms = 300;
    let bank = Bank::made(AskFor::Ask, |ca| with_uris(ca, &uris, "closed"), change);
    publisher.says(der(&bank.ca, &[]));
    for _ in 0..5 {
        assert_eq!(bank.with(&bank.client("client1"), "client1").status, 200);
    }
    assert_eq!(hanging.asked(), 1, "who has just failed is not waited for again");
    hanging.lets_go();
}

#[test]
fn clients_without_number_make_a_handful_of_fetches() {
    let publisher = Publisher::start(Answer::Status(500));
    let bank = bank_over(&publisher, "closed");
    for _ in 0..30 {
        assert_eq!(bank.with(&bank.client("client1"), "client1").status, 401);
    }
    assert_eq!(publisher.asked(), 1, "the place has failed");
    bank.server.later(16);
    assert_eq!(bank.with(&bank.client("client1"), "client1").status, 401);
    assert_eq!(publisher.asked(), 2, "after a while it is tried again");
}
