//! Attacks on DPoP (RFC 9449 §11), each refused by name.

use serde_json::json;

use super::{
    BOB, MACHINE, Rig, access, ask, bound, introspected,
    key::{Key, now},
    url, userinfo, userinfo_with,
};
use crate::support::{Ask as _, Said, http};

/// The error of a token request with this proof.
fn at_token(rig: &Rig, proof: &str) -> (u16, String, String) {
    let said = ask(&rig.node, "web", MACHINE).header("DPoP", proof).said();
    let description = said.json()["error_description"].as_str().unwrap_or_default().to_owned();
    let (status, error) = said.error();
    (status, error, description)
}

#[track_caller]
fn refused(rig: &Rig, proof: &str, word: &str) {
    let (status, error, description) = at_token(rig, proof);
    assert_eq!((status, error.as_str()), (400, "invalid_dpop_proof"), "{word}: {description}");
    assert!(description.contains(word), "{word} in {description}");
}

#[test]
fn a_proof_is_good_for_one_token_request() {
    let rig = Rig::start();
    let proof = Key::es256().proof("POST", &url("token")).text();
    assert_eq!(at_token(&rig, &proof).0, 200);
    refused(&rig, &proof, "used before");
    refused(&rig, &proof, "used before");
}

#[test]
fn of_many_parallel_requests_with_one_proof_one_gets_a_token() {
    let rig = Rig::start();
    let proof = Key::es256().proof("POST", &url("token")).text();
    let ends: Vec<(u16, String, String)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(|| at_token(&rig, &proof))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(ends.iter().filter(|end| end.0 == 200).count(), 1, "{ends:?}");
    assert!(ends.iter().all(|end| end.0 == 200 || end.1 == "invalid_dpop_proof"), "{ends:?}");
}

#[test]
fn a_proof_is_remembered_across_a_restart() {
    let rig = Rig::start();
    let proof = Key::es256().proof("POST", &url("token")).text();
    assert_eq!(at_token(&rig, &proof).0, 200);
    let Rig { node, dir } = rig;
    drop(node); // killed, not asked
    let node = crate::support::serve::Node::start(dir.path(), "c.toml");
    refused(&Rig { node, dir }, &proof, "used before");
}

#[test]
fn a_proof_for_another_url_or_method_is_refused() {
    let rig = Rig::start();
    let key = Key::es256();
    for other in [
        url("userinfo"),
        url("token/"),
        "https://id.example/idp/main/authn/token".to_owned(),
        "http://id.example/idp/acme/authn/token".to_owned(),
        "https://id.example.evil/idp/acme/authn/token".to_owned(),
        // What it listens on is not what it is called.
        rig.node.acme("token"),
    ] {
        refused(&rig, &key.proof("POST", &other).text(), "htu");
    }
    refused(&rig, &key.proof("GET", &url("token")).text(), "htm");
    // Query and fragment are not compared (RFC 9449 §4.3).
    assert_eq!(at_token(&rig, &key.proof("POST", &format!("{}?a=b#c", url("token"))).text()).0, 200);
}

#[test]
fn a_proof_from_another_time_is_refused() {
    let rig = Rig::start();
    let key = Key::es256();
    for iat in [now() - 125, now() + 60, 0, now() + 1_000_000_000] {
        refused(&rig, &key.proof("POST", &url("token")).claim("iat", iat).text(), "iat");
    }
}

#[test]
fn weak_foreign_and_private_keys_are_refused() {
    let rig = Rig::start();
    let key = Key::es256();
    let proof = || key.proof("POST", &url("token"));
    let mut private = key.jwk.clone();
    private["d"] = json!("AAAA");
    refused(&rig, &proof().header("jwk", private).text(), "private key");
    refused(&rig, &proof().header("jwk", json!({ "kty": "oct", "k": "c2VjcmV0" })).text(), "private key");
    refused(&rig, &proof().header("jwk", Key::es256().jwk).text(), "signature");
    refused(&rig, &proof().header("jwk", Key::ed25519().jwk).text(), "jwk");
    refused(&rig, &proof().header("jwk", json!({})).text(), "jwk");
    let mut off_curve = key.jwk.clone();
    off_curve["y"] = off_curve["x"].clone();
    refused(&rig, &proof().header("jwk", off_curve).text(), "signature");
    let mut encrypting = key.jwk.clone();
    encrypting["use"] = json!("enc");
    refused(&rig, &proof().header("jwk", encrypting).text(), "jwk");
    refused(&rig, &Key::rsa(1024).proof("POST", &url("token")).text(), "jwk");
}

#[test]
fn algorithms_types_and_extensions_outside_the_list_are_refused() {
    let rig = Rig::start();
    let key = Key::es256();
    let proof = || key.proof("POST", &url("token"));
    for alg in ["none", "HS256", "ES384", "RS512", ""] {
        refused(&rig, &proof().header("alg", alg).text(), "alg");
    }
    for typ in ["JWT", "at+jwt", "application/dpop+jwt", ""] {
        refused(&rig, &proof().header("typ", typ).text(), "typ");
    }
    refused(&rig, &proof().header("crit", json!(["b64"])).text(), "extension");
    refused(&rig, &proof().header("zip", "DEF").text(), "extension");
    // An unsigned one, and one whose signature is of something else.
    let signed = proof().text();
    let unsigned = format!("{}.", signed.rsplit_once('.').unwrap().0);
    refused(&rig, &unsigned, "signature");
    let other = proof().text();
    let swapped = format!("{}.{}", signed.rsplit_once('.').unwrap().0, other.rsplit_once('.').unwrap().1);
    refused(&rig, &swapped, "signature");
}

#[test]
fn two_headers_giants_and_rubbish_are_refused() {
    let rig = Rig::start();
    let key = Key::es256();
    let said = ask(&rig.node, "web", MACHINE)
        .header("DPoP", key.proof("POST", &url("token")).text())
        .header("DPoP", key.proof("POST", &url("token")).text())
        .said();
    assert_eq!(said.error(), (400, "invalid_dpop_proof".into()));
    let giant = key.proof("POST", &url("token")).claim("jti", "x".repeat(9000)).text();
    refused(&rig, &giant, "too long");
    for rubbish in ["x", "..", "a.b.c", "e30.e30.e30"] {
        assert_eq!(at_token(&rig, rubbish).1, "invalid_dpop_proof", "{rubbish}");
    }
    for claim in ["jti", "htm", "htu", "iat"] {
        refused(&rig, &key.proof("POST", &url("token")).claim(claim, json!({})).text(), claim);
    }
}

#[test]
fn a_stolen_token_is_of_no_use_without_its_key() {
    let rig = Rig::start();
    let (key, thief) = (Key::es256(), Key::es256());
    let answer = bound(&rig.node, "web", BOB, &key);
    let token = access(&answer);
    let gets = || key.proof("GET", &url("userinfo"));
    let invalid = |said: Said, error: &str| {
        assert_eq!(said.error(), (401, error.into()), "{}", said.text);
        let challenge = said.header("www-authenticate");
        assert!(challenge.starts_with("DPoP ") && challenge.contains("algs=\"ES256 "), "{challenge}");
    };
    invalid(userinfo(&rig.node, "Bearer", token, None), "invalid_token");
    invalid(userinfo(&rig.node, "Bearer", token, Some(gets().ath(token).text())), "invalid_token");
    invalid(userinfo(&rig.node, "DPoP", token, None), "invalid_dpop_proof");
    invalid(userinfo_with(&rig.node, token, &thief), "invalid_token");
    // Its owner's proofs, for something else.
    invalid(userinfo(&rig.node, "DPoP", token, Some(gets().text())), "invalid_dpop_proof");
    invalid(userinfo(&rig.node, "DPoP", token, Some(gets().ath("cat_other").text())), "invalid_dpop_proof");
    let posts = key.proof("POST", &url("userinfo")).ath(token).text();
    invalid(userinfo(&rig.node, "DPoP", token, Some(posts)), "invalid_dpop_proof");
    let said = http().post(rig.node.acme("userinfo")).form(&[("access_token", token)]).said();
    assert_eq!(said.error(), (401, "invalid_token".into()), "in the body it is a bearer");
    // And one that is good, once.
    let proof = gets().ath(token).text();
    assert_eq!(userinfo(&rig.node, "DPoP", token, Some(proof.clone())).status, 200);
    invalid(userinfo(&rig.node, "DPoP", token, Some(proof)), "invalid_dpop_proof");
}

#[test]
fn a_bearer_token_does_not_become_bound_by_being_called_so() {
    let rig = Rig::start();
    let answer = ask(&rig.node, "web", BOB).json_ok();
    let said = userinfo_with(&rig.node, access(&answer), &Key::es256());
    assert_eq!(said.error(), (401, "invalid_token".into()));
    assert_eq!(userinfo(&rig.node, "Bearer", access(&answer), None).status, 200);
}

#[test]
fn a_bound_token_authenticates_no_client() {
    let text = super::TENANT.replace("profile = \"openid\"", "profile = \"hid\"");
    let rig = Rig::start_with(&text);
    let introspect = |token: &str| {
        http().post(rig.node.acme("introspect")).bearer_auth(token).form(&[("token", token)]).said()
    };
    let free = ask(&rig.node, "web", MACHINE).json_ok();
    assert_eq!(introspect(access(&free)).status, 200);
    let answer = bound(&rig.node, "web", MACHINE, &Key::es256());
    assert_eq!(introspected(&rig.node, access(&answer))["active"], true);
    assert_eq!(introspect(access(&answer)).error(), (401, "invalid_client".into()));
    let jwt = ask(&rig.node, "jwt", MACHINE).json_ok();
    assert_eq!(introspect(access(&jwt)).error(), (401, "invalid_client".into()));
}

#[test]
fn a_failed_log_in_does_not_spend_the_proof_but_a_token_does() {
    let rig = Rig::start();
    let proof = Key::es256().proof("POST", &url("token")).text();
    let wrong = [("grant_type", "password"), ("username", "bob"), ("password", "wrong")];
    let said = ask(&rig.node, "web", &wrong).header("DPoP", &proof).said();
    assert_eq!(said.error(), (400, "invalid_grant".into()));
    assert_eq!(ask(&rig.node, "web", BOB).header("DPoP", &proof).said().status, 200);
    let said = ask(&rig.node, "web", BOB).header("DPoP", &proof).said();
    assert_eq!(said.error(), (400, "invalid_dpop_proof".into()), "the right password does not help");
}
