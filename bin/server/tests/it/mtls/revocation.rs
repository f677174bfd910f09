//! Certificates that were revoked (CONTRACT 2.1: trust path, then revocation, then binding).

mod fetched;
mod ocsp;

use countersign_server::{
    config::AskFor,
    tenant_file::{self, ApplyOptions},
};
use domain::{Timestamp, Ttl};
use jose::pki::{Issued, Purpose};

use super::{Bank, tenant};
use crate::support::{
    tls::{Caller, NOW, authority, dated, issued},
    wait_for,
};

const DAY: Ttl = Ttl::from_days(1);

/// From yesterday until tomorrow.
fn today() -> (Timestamp, Timestamp) {
    (NOW.minus(DAY), NOW.plus(DAY))
}

/// The tenant of the authority with revocation lists.
fn with_lists(ca: &Issued, lists: &str, mode: &str) -> String {
    let settings = format!("[settings]\nmtls_crl = \"\"\"\n{lists}\"\"\"\nmtls_revocation = \"{mode}\"\n");
    tenant(&ca.certificate_pem().unwrap()).replacen("[settings]\n", &settings, 1)
}

/// A server that starts with an empty list of its authority's.
fn bank() -> Bank {
    Bank::start_over(AskFor::Ask, |ca| with_lists(ca, &ca.revocation_list(&[], today()).unwrap(), "closed"))
}

/// Changes the lists, and waits until a client with this certificate is told that.
fn applied(bank: &Bank, (lists, mode): (&str, &str), (client, status): (&Issued, u16), why: &str) {
    let text = with_lists(&bank.ca, lists, mode);
    tenant_file::apply(&bank.server.setup, &text, ApplyOptions::default()).unwrap();
    let told = || (bank.with(client, "client1").status == status).then_some(());
    wait_for(std::time::Duration::from_secs(10), told).unwrap_or_else(|| panic!("{why} ({mode}): {status}"));
}

/// Why clients were refused, each reason once, by the alphabet.
fn reasons(bank: &Bank) -> Vec<String> {
    let reasons: std::collections::BTreeSet<_> = bank.audited().into_iter().collect();
    reasons.into_iter().collect()
}

#[test]
fn a_revoked_certificate_is_refused_from_the_moment_that_the_list_is_there() {
    let bank = bank();
    let (revoked, good) = (bank.client("client1"), bank.client("client1"));
    assert_eq!(bank.with(&revoked, "client1").status, 200);
    for mode in ["closed", "open"] {
        let list = bank.ca.revocation_list(&[&revoked], today()).unwrap();
        applied(&bank, (&list, mode), (&revoked, 401), "revoked");
        assert_eq!(bank.with(&good, "client1").status, 200, "{mode}: another of the same name");
    }
    assert_eq!(reasons(&bank), ["certificate_revoked"]);
}

#[test]
fn where_no_list_holds_it_is_closed_or_open_as_the_tenant_says() {
    let bank = bank();
    let client = bank.client("client1");
    let stranger = authority("Test CA");
    let empty = |dates| bank.ca.revocation_list(&[], dates).unwrap();
    for (why, list) in [
        // Of the same name, with another key: anyone could make it.
        ("another's", stranger.revocation_list(&[], today()).unwrap()),
        ("out of date", empty((NOW.minus(DAY), NOW))),
        ("not yet", empty((NOW.plus(Ttl::from_secs(31)), NOW.plus(DAY)))),
        ("of another name", authority("Other CA").revocation_list(&[], today()).unwrap()),
    ] {
        applied(&bank, (&list, "closed"), (&client, 401), why);
        applied(&bank, (&list, "open"), (&client, 200), why);
    }
    assert_eq!(reasons(&bank), ["certificate_revocation_unknown"]);
    // Nor does a list that anyone could make revoke anything: a good one stands beside it.
    let both = [&stranger, &bank.ca].map(|by| by.revocation_list(&[], today()).unwrap()).concat();
    applied(
        &bank,
        (&stranger.revocation_list(&[&client], today()).unwrap(), "closed"),
        (&client, 401),
        "unknown",
    );
    let revoking = stranger.revocation_list(&[&client], today()).unwrap() + &both;
    applied(&bank, (&revoking, "closed"), (&client, 200), "another's list revokes nothing");
}

/// DECISIONS 3.7: an authority's clock may be ahead of ours.
#[test]
fn a_list_of_half_a_minute_ahead_counts() {
    let ahead = (NOW.plus(Ttl::from_secs(30)), NOW.plus(DAY));
    let bank = Bank::start_over(AskFor::Ask, |ca| {
        with_lists(ca, &ca.revocation_list(&[], ahead).unwrap(), "closed")
    });
    assert_eq!(bank.with(&bank.client("client1"), "client1").status, 200);
}

#[test]
fn a_revoked_certificate_does_not_pass_as_one_that_the_client_has_registered() {
    let mut revoked = None;
    let bank = Bank::start_over(AskFor::Ask, |ca| {
        let name = [("C", "NO"), ("O", "Bank"), ("CN", "client1")];
        let own = revoked.insert(issued(&name, Purpose::Client, Some(ca)));
        let jwk = jose::pki::certificate_jwk(&own.certificate_pem().unwrap(), "own").unwrap();
        let jwks = serde_json::json!({ "keys": [jwk] });
        let both = format!(
            "auth_methods = [\"tls_client_auth\", \"self_signed_tls_client_auth\"]\njwks = '''{jwks}'''"
        );
        let tenant = with_lists(ca, &ca.revocation_list(&[own], today()).unwrap(), "closed");
        tenant.replacen("auth_methods = [\"tls_client_auth\"]", &both, 1)
    });
    let revoked = revoked.unwrap();
    assert_eq!(bank.with(&revoked, "client1").status, 401);
    assert_eq!(reasons(&bank), ["certificate_revoked"]);
    // Another one of that name does, by its authority.
    assert_eq!(bank.with(&bank.client("client1"), "client1").status, 200);
}

#[test]
fn a_good_judgement_ends_with_its_list() {
    let bank = bank();
    let client = bank.client("client1");
    assert_eq!(bank.with(&client, "client1").status, 200);
    bank.server.later(24 * 3600 - 1);
    assert_eq!(bank.with(&client, "client1").status, 200);
    bank.server.later(1);
    assert_eq!(bank.with(&client, "client1").status, 401);
}

#[test]
fn authorities_below_the_trusted_one_are_looked_up_as_well() {
    let bank = bank();
    let between = issued(&[("CN", "Between")], Purpose::Authority(None), Some(&bank.ca));
    let name = [("C", "NO"), ("O", "Bank"), ("CN", "client1")];
    let client = issued(&name, Purpose::Client, Some(&between));
    let chain = [&between];
    let asks = || {
        let caller = Caller { certificate: Some(&client), chain: &chain, ..Caller::default() };
        bank.ask(caller, "client1").status
    };
    let direct = bank.client("client1");
    let (root, below) =
        (bank.ca.revocation_list(&[], today()).unwrap(), between.revocation_list(&[], today()).unwrap());
    assert_eq!(asks(), 401, "there is no list of the authority between");
    let set = |lists: &str, status: u16| {
        applied(&bank, (lists, "closed"), (&direct, 200), "the root's own are not concerned");
        wait_for(std::time::Duration::from_secs(10), || (asks() == status).then_some(())).unwrap();
    };
    set(&format!("{root}{below}"), 200);
    let revoked = bank.ca.revocation_list(&[&between], today()).unwrap();
    set(&format!("{revoked}{below}"), 401);
    assert_eq!(reasons(&bank), ["certificate_revocation_unknown", "certificate_revoked"]);
}

#[test]
fn trust_comes_first() {
    let bank = bank();
    let stranger = authority("Test CA");
    let forged = issued(&[("C", "NO"), ("O", "Bank"), ("CN", "client1")], Purpose::Client, Some(&stranger));
    let list = stranger.revocation_list(&[&forged], today()).unwrap();
    applied(&bank, (&list, "closed"), (&bank.client("client1"), 401), "no list of its own authority");
    assert_eq!(reasons(&bank), ["certificate_revocation_unknown"]);
    assert_eq!(bank.with(&forged, "client1").status, 401);
    assert_eq!(reasons(&bank), ["certificate_revocation_unknown"], "nobody known, nothing on record");
}
