//! `self_signed_tls_client_auth` (RFC 8705 §2.2).

use domain::Ttl;
use jose::pki::certificate_jwk;

use super::*;

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
