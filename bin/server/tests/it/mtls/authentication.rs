//! `tls_client_auth`: who gets in, and who must not.

use countersign_server::tenant_file::{self, ApplyOptions};
use domain::{AltName, Ttl};
use openssl::{pkey::PKey, ssl::SslContextBuilder, x509::X509};

use super::*;
use crate::support::{Ask as _, http, wait_for};

const FAILED: &str = "Client authentication failed: the certificate does not authenticate this client";

#[track_caller]
fn token(answer: &Answer) {
    assert_eq!(answer.status, 200, "{:?}", answer.json());
    assert!(answer.json()["access_token"].as_str().unwrap().starts_with("cat_"));
}

#[track_caller]
fn refused(answer: &Answer) {
    let json = answer.json();
    assert_eq!((answer.status, json["error"].as_str()), (401, Some("invalid_client")), "{json}");
    assert_eq!(json["error_description"], FAILED);
}

#[test]
fn a_certificate_of_a_trusted_authority_with_the_registered_name_gets_a_token() {
    let bank = Bank::start();
    token(&bank.with(&bank.client("client1"), "client1"));
    let dates = (NOW.minus(Ttl::from_days(1)), NOW.plus(Ttl::from_days(1)));
    for (client, name) in [
        ("by-dns", AltName::Dns("Client.bank.example".to_owned())),
        ("by-uri", AltName::Uri("urn:bank:client".to_owned())),
        ("by-ip", AltName::Ip([192, 0, 2, 7].into())),
        ("by-email", AltName::Email("ops@BANK.example".to_owned())),
    ] {
        let certificate = dated(&[("CN", "x")], Purpose::Client, Some(&bank.ca), dates, &[name]);
        token(&bank.with(&certificate, client));
        // One of the five names is registered, and the others count for nothing.
        refused(&bank.with(&certificate, "client1"));
        refused(&bank.with(&bank.client("client1"), client));
    }
}

#[test]
fn an_authority_in_between_may_be_sent_along_or_be_the_one_that_is_trusted() {
    let bank = Bank::start();
    let between = issued(&[("CN", "Between")], Purpose::Authority(Some(0)), Some(&bank.ca));
    let subject = [("C", "NO"), ("O", "Bank"), ("CN", "client1")];
    let certificate = issued(&subject, Purpose::Client, Some(&between));
    let caller = Caller { certificate: Some(&certificate), chain: &[&between], ..Caller::default() };
    refused(&bank.with(&certificate, "client1"));
    token(&bank.ask(caller, "client1"));
    let text = tenant(&between.certificate_pem().unwrap());
    tenant_file::apply(&bank.server.setup, &text, ApplyOptions::default()).unwrap();
    let now = || (bank.with(&certificate, "client1").status == 200).then_some(());
    wait_for(std::time::Duration::from_secs(10), now).expect("the authority in between is trusted by itself");
}

#[test]
fn a_certificate_of_another_client_is_refused_and_audited() {
    let bank = Bank::start();
    refused(&bank.with(&bank.client("client2"), "client1"));
    assert_eq!(bank.audited(), ["certificate_of_another"]);
    refused(&bank.with(&bank.client("client1"), "nobody"));
    refused(&bank.with(&bank.client("client1"), "by-secret"));
}

#[test]
fn the_same_subject_under_another_authority_is_refused_and_leaves_no_row() {
    let bank = Bank::start();
    // Even one of the same name.
    let stranger = authority("Test CA");
    let certificate =
        issued(&[("C", "NO"), ("O", "Bank"), ("CN", "client1")], Purpose::Client, Some(&stranger));
    refused(&bank.with(&certificate, "client1"));
    let caller = Caller { certificate: Some(&certificate), chain: &[&stranger], ..Caller::default() };
    refused(&bank.ask(caller, "client1"));
    let alone = issued(&[("C", "NO"), ("O", "Bank"), ("CN", "client1")], Purpose::Client, None);
    refused(&bank.with(&alone, "client1"));
    assert!(bank.audited().is_empty(), "strangers do not fill the log");
}

#[test]
fn an_expired_certificate_and_one_that_is_not_yet_valid_are_refused_by_our_clock() {
    let bank = Bank::start();
    let subject = [("C", "NO"), ("O", "Bank"), ("CN", "client1")];
    let (day, hour) = (Ttl::from_days(1), Ttl::from_secs(3600));
    let short = dated(&subject, Purpose::Client, Some(&bank.ca), (NOW.minus(day), NOW.plus(hour)), &[]);
    let future = dated(&subject, Purpose::Client, Some(&bank.ca), (NOW.plus(hour), NOW.plus(day)), &[]);
    token(&bank.with(&short, "client1"));
    refused(&bank.with(&future, "client1"));
    assert_eq!(bank.audited(), ["certificate_not_yet_valid"]);
    // A verdict that was remembered ends with the certificate.
    bank.server.later(3601);
    refused(&bank.with(&short, "client1"));
    token(&bank.with(&future, "client1"));
    assert!(bank.audited().contains(&"certificate_expired".to_owned()), "{:?}", bank.audited());
}

#[test]
fn a_certificate_for_something_else_is_refused() {
    let bank = Bank::start();
    let subject = [("C", "NO"), ("O", "Bank"), ("CN", "client1")];
    refused(&bank.with(&issued(&subject, Purpose::Server, Some(&bank.ca)), "client1"));
    // A client's certificate that signs another.
    let client = bank.client("client2");
    let forged = issued(&subject, Purpose::Client, Some(&client));
    refused(
        &bank.ask(Caller { certificate: Some(&forged), chain: &[&client], ..Caller::default() }, "client1"),
    );
    // One authority below another that allows none.
    let one = issued(&[("CN", "One")], Purpose::Authority(Some(0)), Some(&bank.ca));
    let two = issued(&[("CN", "Two")], Purpose::Authority(None), Some(&one));
    let deep = issued(&subject, Purpose::Client, Some(&two));
    refused(
        &bank.ask(Caller { certificate: Some(&deep), chain: &[&two, &one], ..Caller::default() }, "client1"),
    );
}

#[test]
fn an_authority_that_is_removed_counts_no_more_on_a_connection_that_stays() {
    let bank = Bank::start();
    let certificate = bank.client("client1");
    let caller = Caller { certificate: Some(&certificate), ..Caller::default() };
    let mut kept = caller.connect(bank.address);
    let form = "grant_type=client_credentials&client_id=client1";
    token(&post(&mut kept, ("localhost", TOKEN), "", form));
    let text = tenant(&authority("Other CA").certificate_pem().unwrap());
    tenant_file::apply(&bank.server.setup, &text, ApplyOptions::default()).unwrap();
    let gone = || (post(&mut kept, ("localhost", TOKEN), "", form).status == 401).then_some(());
    wait_for(std::time::Duration::from_secs(10), gone).expect("the connection proves nothing any more");
    refused(&bank.ask(caller, "client1"));
}

#[test]
fn without_a_certificate_the_request_for_one_is_told_clearly() {
    let bank = Bank::start();
    let form = "grant_type=client_credentials&client_id=client1";
    let asked = format!("{TOKEN}?_tlsclientauth=1");
    let answer = post(&mut Caller::default().connect(bank.address), ("localhost", &asked), "", form);
    assert_eq!(answer.status, 401);
    assert_eq!(answer.json()["error"], "invalid_client");
    assert!(
        answer.json()["error_description"].as_str().unwrap().contains("no client certificate"),
        "{:?}",
        answer.json()
    );
    // In the clear nobody has one.
    let url = format!("{}?_tlsclientauth=1", bank.server.tenant("t", "token"));
    let said =
        http().post(url).form(&[("grant_type", "client_credentials"), ("client_id", "client1")]).said();
    assert_eq!(said.error(), (401, "invalid_client".to_owned()));
    // With one it is the method.
    let certificate = bank.client("client1");
    let mut talk = Caller { certificate: Some(&certificate), ..Caller::default() }.connect(bank.address);
    token(&post(&mut talk, ("localhost", &asked), "", form));
    refused(&post(&mut talk, ("localhost", &asked), "", "grant_type=client_credentials&client_id=app"));
}

#[test]
fn two_methods_at_once_are_refused_and_a_certificate_alone_proves_no_secret() {
    let bank = Bank::start();
    let certificate = bank.client("client1");
    let mut talk = Caller { certificate: Some(&certificate), ..Caller::default() }.connect(bank.address);
    let basic = "authorization: Basic Ynktc2VjcmV0OkNvcnJlY3QtSG9yc2UtOS1CYXR0ZXJ5\r\n";
    let form = "grant_type=client_credentials";
    // Whoever proves a secret is that client, whatever certificate the connection has.
    token(&post(&mut talk, ("localhost", TOKEN), basic, form));
    let asked = format!("{TOKEN}?_tlsclientauth=1");
    let both = post(&mut talk, ("localhost", &asked), basic, form);
    assert_eq!((both.status, both.json()["error"].as_str()), (400, Some("invalid_request")));
    // A good certificate does not excuse a wrong secret.
    let wrong = "grant_type=client_credentials&client_id=client1&client_secret=x";
    let answer = post(&mut talk, ("localhost", TOKEN), "", wrong);
    assert_eq!(answer.json()["error"], "invalid_client");
}

#[test]
fn a_public_clients_certificate_proves_nothing() {
    let bank = Bank::start();
    let answer = bank.with(&bank.client("client1"), "app");
    assert_ne!(answer.status, 200);
    assert_ne!(answer.json()["error"], "invalid_client", "it may name itself: {:?}", answer.json());
}

/// What the TLS library has to say of a bad chain it must not tell another connection of the thread.
#[test]
fn a_forged_certificate_on_one_connection_does_not_end_another() {
    let bank = Bank::start();
    let own = bank.client("client1");
    let form = "grant_type=client_credentials&client_id=client1";
    let mut standing = Caller { certificate: Some(&own), ..Caller::default() }.connect(bank.address);
    assert_eq!(post(&mut standing, ("localhost", TOKEN), "", form).status, 200);
    // The certificate with another signature: what is wrong with that the library writes down.
    let mut der = own.certificate_der().unwrap();
    *der.last_mut().unwrap() ^= 1;
    let key = PKey::private_key_from_pem(own.key_pem().unwrap().expose().as_bytes()).unwrap();
    let shows = |context: &mut SslContextBuilder| {
        context.set_certificate(&X509::from_der(&der).unwrap()).unwrap();
        context.set_private_key(&key).unwrap();
    };
    // Whoever is next on the thread would be told, be it the forger's own connection.
    let mut forging = Caller::default().try_connect(bank.address, shows).unwrap();
    for _ in 0..3 {
        assert_eq!(post(&mut forging, ("localhost", TOKEN), "", form).status, 401);
        assert_eq!(post(&mut standing, ("localhost", TOKEN), "", form).status, 200);
    }
}

#[test]
fn a_certificate_that_does_not_read_is_told_as_such() {
    let bank = Bank::start();
    let names: Vec<AltName> = (0..65).map(|n| AltName::Dns(format!("n{n}.bank.example"))).collect();
    let dates = (NOW.minus(Ttl::from_days(1)), NOW.plus(Ttl::from_days(1)));
    let subject = [("C", "NO"), ("O", "Bank"), ("CN", "client1")];
    let large = dated(&subject, Purpose::Client, Some(&bank.ca), dates, &names);
    let mut talk = Caller { certificate: Some(&large), ..Caller::default() }.connect(bank.address);
    let form = "grant_type=client_credentials&client_id=client1";
    for path in [TOKEN, "/idp/t/authn/token?_tlsclientauth=1"] {
        let answer = post(&mut talk, ("localhost", path), "", form);
        let json = answer.json();
        assert_eq!((answer.status, json["error"].as_str()), (401, Some("invalid_client")), "{json}");
        assert!(json["error_description"].as_str().unwrap().ends_with("does not read"), "{json}");
    }
    // Where no certificate is to prove anything, it is in nobody's way.
    let basic = "authorization: Basic Ynktc2VjcmV0OkNvcnJlY3QtSG9yc2UtOS1CYXR0ZXJ5\r\n";
    token(&post(&mut talk, ("localhost", TOKEN), basic, "grant_type=client_credentials"));
    let app = post(&mut talk, ("localhost", TOKEN), "", "grant_type=client_credentials&client_id=app");
    assert_ne!(app.json()["error"], "invalid_client", "{:?}", app.json());
}
