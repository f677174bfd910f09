//! `self_signed_tls_client_auth` (RFC 8705 §2.2).

use domain::Ttl;
use jose::pki::certificate_jwk;

use super::*;
use crate::{
    assertions::published::{Answer as Published, Publisher},
    support::{Ask as _, Said, http},
};

/// A tenant whose client `own` has registered these keys.
fn registering(keys: &[serde_json::Value]) -> String {
    let jwks = serde_json::json!({ "keys": keys });
    format!(
        "name = \"t\"\nprofile = \"openid\"\n\n[[clients]]\nclient_id = \"own\"\n\
         auth_methods = [\"self_signed_tls_client_auth\"]\ngrant_types = [\"client_credentials\"]\njwks = '''{jwks}'''\n\n\
         [[clients]]\nclient_id = \"app\"\nauth_methods = [\"none\"]\n"
    )
}

fn jwk(certificate: &Issued) -> serde_json::Value {
    certificate_jwk(&certificate.certificate_pem().unwrap(), "one").unwrap()
}

/// The members of a key without its certificate.
fn bare(certificate: &Issued) -> serde_json::Value {
    let mut jwk = jwk(certificate);
    let members = jwk.as_object_mut().unwrap();
    members.remove("x5c");
    members.remove("x5t#S256");
    jwk
}

fn own(name: &str) -> Issued {
    issued(&[("CN", name)], Purpose::Client, None)
}

#[test]
fn a_registered_certificate_thumbprint_or_key_gets_a_token_and_nothing_else_does() {
    let (by_chain, by_key, stranger) = (own("own"), own("own"), own("own"));
    let bank = Bank::start_over(AskFor::Ask, |_ca| registering(&[jwk(&by_chain), bare(&by_key)]));
    assert_eq!(bank.with(&by_chain, "own").status, 200);
    assert_eq!(bank.with(&by_key, "own").status, 200);
    let refused = bank.with(&stranger, "own");
    assert_eq!((refused.status, refused.json()["error"].as_str()), (401, Some("invalid_client")));
    // The right name under an authority is no registration.
    let under = bank.client("own");
    assert_eq!(bank.with(&under, "own").status, 401);
    assert!(bank.audited().is_empty(), "strangers do not fill the log");
}

#[test]
fn a_registered_certificate_counts_within_its_dates_only() {
    let hour = Ttl::from_secs(3600);
    let own = dated(&[("CN", "own")], Purpose::Client, None, (NOW.minus(hour), NOW.plus(hour)), &[]);
    let bank = Bank::start_over(AskFor::Ask, |_ca| registering(&[jwk(&own)]));
    assert_eq!(bank.with(&own, "own").status, 200);
    bank.server.later(3602);
    assert_eq!(bank.with(&own, "own").status, 401);
    assert_eq!(bank.audited(), ["certificate_expired"]);
}

#[test]
fn a_key_for_encryption_and_a_chain_that_contradicts_its_thumbprint_name_nothing() {
    let (one, two, three) = (own("own"), own("own"), own("own"));
    let mut encrypting = jwk(&one);
    encrypting["use"] = "enc".into();
    let mut contradicting = jwk(&two);
    contradicting["x5t#S256"] = jwk(&three)["x5t#S256"].clone();
    let bank =
        Bank::start_over(AskFor::Ask, |_ca| registering(&[encrypting, contradicting, bare(&own("x"))]));
    for certificate in [&one, &two, &three] {
        assert_eq!(bank.with(certificate, "own").status, 401);
    }
}

#[test]
fn in_hid_a_key_for_other_signatures_names_no_certificate_where_there_is_an_authentication_key() {
    let (authentication, signature) = (own("own"), own("own"));
    let mut marked = jwk(&signature);
    marked["use"] = "sig".into();
    let keys = [jwk(&authentication), marked];
    for (profile, expected) in [("hid", 401), ("openid", 200)] {
        let tenant = registering(&keys).replace("\"openid\"", &format!("\"{profile}\""));
        let bank = Bank::start_over(AskFor::Ask, |_ca| tenant);
        assert_eq!(bank.with(&authentication, "own").status, 200, "{profile}");
        assert_eq!(bank.with(&signature, "own").status, expected, "{profile}");
    }
    let tenant = registering(&keys[1..]).replace("\"openid\"", "\"hid\"");
    let bank = Bank::start_over(AskFor::Ask, |_ca| tenant);
    assert_eq!(bank.with(&signature, "own").status, 200, "there is no other");
}

/// A tenant whose client `own` publishes its certificate there.
fn publishing(url: &str) -> String {
    format!(
        "name = \"t\"\nprofile = \"openid\"\n\n[settings]\nfetch_private = true\n\n[[clients]]\nclient_id = \"own\"\n\
         auth_methods = [\"self_signed_tls_client_auth\"]\ngrant_types = [\"client_credentials\"]\njwks_uri = \"{url}\"\n"
    )
}

#[test]
fn a_certificate_may_be_published_and_changed_without_a_word_to_the_server() {
    let (first, second, stranger) = (own("own"), own("own"), own("own"));
    let set = |certificate: &Issued| serde_json::json!({ "keys": [jwk(certificate)] }).to_string();
    let publisher = Publisher::start(Published::Set(set(&first), "max-age=3600"));
    let bank = Bank::start_over(AskFor::Ask, |_ca| publishing(&publisher.url()));
    for _ in 0..3 {
        assert_eq!(bank.with(&first, "own").status, 200);
    }
    assert_eq!(publisher.asked(), 1, "what was fetched is kept");
    publisher.says(Published::Set(set(&second), "max-age=3600"));
    bank.server.later(1);
    assert_eq!(bank.with(&second, "own").status, 200, "what is not there may be new");
    bank.server.later(1);
    assert_eq!((bank.with(&first, "own").status, publisher.asked()), (401, 3));
    for _ in 0..20 {
        bank.server.later(1);
        assert_eq!(bank.with(&stranger, "own").status, 401);
    }
    assert!(publisher.asked() <= 7, "{} fetches", publisher.asked());
    assert_eq!(bank.with(&second, "own").status, 200);
}

#[test]
fn without_the_published_set_nobody_is_let_in() {
    let own = own("own");
    let publisher = Publisher::start(Published::Status(500));
    let bank = Bank::start_over(AskFor::Ask, |_ca| publishing(&publisher.url()));
    assert_eq!(bank.with(&own, "own").status, 401);
    let set = serde_json::json!({ "keys": [jwk(&own)] }).to_string();
    publisher.says(Published::Set(set, ""));
    assert_eq!(bank.with(&own, "own").status, 200);
}

/// A tenant where anybody may register.
fn open(profile: &str) -> String {
    format!(
        "name = \"t\"\nprofile = \"{profile}\"\n\n[settings]\nfetch_private = true\nopen_registrations_per_day = 20\n"
    )
}

fn register(bank: &Bank, more: &serde_json::Value) -> Said {
    let mut members = serde_json::json!({
        "redirect_uris": ["https://client.example/cb"],
        "token_endpoint_auth_method": "self_signed_tls_client_auth", "grant_types": ["client_credentials"],
    });
    members.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    http().post(bank.server.tenant("t", "register")).json(&members).said()
}

#[test]
fn a_client_registers_the_certificate_that_it_comes_with() {
    let (own, other) = (own("own"), own("own"));
    let bank = Bank::start_over(AskFor::Ask, |_ca| open("openid"));
    let publisher =
        Publisher::start(Published::Set(serde_json::json!({ "keys": [jwk(&own)] }).to_string(), ""));
    for keys in [
        serde_json::json!({ "jwks": { "keys": [jwk(&own)] } }),
        serde_json::json!({ "jwks_uri": publisher.url() }),
    ] {
        let said = register(&bank, &keys);
        assert_eq!(said.status, 201, "{}", said.text);
        let answer = said.json();
        assert_eq!(answer["token_endpoint_auth_method"], "self_signed_tls_client_auth");
        let id = answer["client_id"].as_str().unwrap();
        assert_eq!(bank.with(&own, id).status, 200);
        assert_eq!(bank.with(&other, id).status, 401);
    }
}

#[test]
fn a_registration_by_certificate_that_names_none_is_refused() {
    let bank = Bank::start_over(AskFor::Ask, |_ca| open("hid"));
    let mut contradicting = jwk(&own("own"));
    contradicting["x5t#S256"] = jwk(&own("x"))["x5t#S256"].clone();
    let pki = "client_secret_pki";
    for keys in [
        serde_json::json!({}),
        serde_json::json!({ "jwks": { "keys": [contradicting] } }),
        serde_json::json!({ "token_endpoint_auth_method": pki }),
        serde_json::json!({ "token_endpoint_auth_method": pki, "jwks_uri": "https://client.example/jwks" }),
        serde_json::json!({ "jwks_uri": "https://client.example/jwks", "userinfo_signed_response_alg": "" }),
    ] {
        let said = register(&bank, &keys);
        assert_eq!(said.error(), (400, "invalid_client_metadata".to_owned()), "{keys}: {}", said.text);
    }
    let grant = "urn:hid:oauth:grant-type:client-secret-pki";
    let keys = serde_json::json!({
        "token_endpoint_auth_method": pki, "grant_types": [grant], "jwks": { "keys": [jwk(&own("own"))] },
    });
    let said = register(&bank, &keys);
    assert_eq!(
        (said.status, &said.json()["grant_types"]),
        (200, &serde_json::json!([grant])),
        "{}",
        said.text
    );
    // The standards' profile has neither.
    let bank = Bank::start_over(AskFor::Ask, |_ca| open("openid"));
    assert_eq!(register(&bank, &keys).error(), (400, "invalid_client_metadata".to_owned()));
}

#[test]
fn a_client_registers_by_client_secret_pki_and_gets_tokens_by_the_vendors_grant() {
    let bank = Bank::start_over(AskFor::Ask, |ca| {
        let settings = format!("[settings]\nmtls_truststore = '''\n{}'''", ca.certificate_pem().unwrap());
        open("hid").replace("[settings]", &settings)
    });
    let grant = "urn:hid:oauth:grant-type:client-secret-pki";
    let ask = |certificate: &Issued, id: &str, grant: &str| {
        let form = format!("grant_type={grant}&client_id={id}");
        let caller = Caller { certificate: Some(certificate), ..Caller::default() };
        post(&mut caller.connect(bank.address), ("localhost", TOKEN), "", &form)
    };
    let (registered, other, untrusted) = (bank.client("own"), bank.client("own"), own("own"));
    let keys = |certificate: &Issued| {
        serde_json::json!({
            "token_endpoint_auth_method": "client_secret_pki", "grant_types": null,
            "jwks": { "keys": [jwk(certificate)] },
        })
    };
    let said = register(&bank, &keys(&registered));
    assert_eq!(said.status, 200, "{}", said.text);
    let answer = said.json();
    assert_eq!(
        answer["grant_types"],
        serde_json::json!(["authorization_code", "client_credentials", grant]),
        "nobody gives themselves the grant password"
    );
    let id = answer["client_id"].as_str().unwrap();
    for grant in [grant, "client_credentials"] {
        let said = ask(&registered, id, grant);
        assert_eq!(said.status, 200, "{grant}: {:?}", said.json());
        assert_eq!(said.json()["token_type"], "Bearer");
        // The right authority and name are no registration.
        assert_eq!(ask(&other, id, grant).status, 401, "{grant}");
    }
    // A registration is no trust.
    let id = register(&bank, &keys(&untrusted)).json()["client_id"].as_str().unwrap().to_owned();
    assert_eq!(ask(&untrusted, &id, grant).status, 401);
}
