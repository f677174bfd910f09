//! Administrators whose tokens are bound to a key (RFC 9449 §7).

use serde_json::json;

use super::*;

/// The tenant with somebody who registers clients, and whose tokens are bound.
fn rig() -> Rig {
    Rig::start_with(&format!(
        "{TENANT}\n[[clients]]\nclient_id = \"registrar\"\nclient_secret = \"6f1d0c9be2a74e58-registrar\"\n\
         permissions = [\"register_clients\"]\ndpop_bound_access_tokens = true\n"
    ))
}

/// A request to `register`, or to one registration, with whatever scheme and proof.
fn register(
    rig: &Rig,
    (method, endpoint): (reqwest::Method, &str),
    (scheme, token): (&str, &str),
    proof: Option<String>,
) -> Said {
    let request = http().request(method.clone(), rig.node.acme(endpoint));
    let mut request = request.header("Authorization", format!("{scheme} {token}"));
    if method == reqwest::Method::POST {
        request = request.json(&json!({ "grant_types": ["client_credentials"], "response_types": [] }));
    }
    match proof {
        Some(proof) => request.header("DPoP", proof).said(),
        None => request.said(),
    }
}

const POST: reqwest::Method = reqwest::Method::POST;

#[test]
fn a_bound_administrator_registers_with_a_proof_for_it_and_each_proof_once() {
    let rig = rig();
    let key = Key::es256();
    let answer = bound(&rig.node, "registrar", MACHINE, &key);
    let token = access(&answer);
    let proof = || key.proof("POST", &url("register")).ath(token).text();
    let first = proof();
    let said = register(&rig, (POST, "register"), ("DPoP", token), Some(first.clone()));
    assert_eq!(said.status, 201, "{}", said.text);
    let again = register(&rig, (POST, "register"), ("DPoP", token), Some(first));
    assert_eq!(again.error(), (401, "invalid_dpop_proof".into()));
    // Its registration is read and removed the same way.
    let id = said.json()["client_id"].as_str().unwrap().to_owned();
    let one = format!("register/{id}");
    for (method, status) in [("GET", 200), ("DELETE", 204), ("GET", 400)] {
        let proof = key.proof(method, &url(&one)).ath(token).text();
        let said = register(&rig, (method.parse().unwrap(), &one), ("DPoP", token), Some(proof));
        assert_eq!(said.status, status, "{method}: {}", said.text);
    }
}

#[test]
fn without_its_key_the_token_registers_nobody() {
    let rig = rig();
    let (key, thief) = (Key::es256(), Key::es256());
    let answer = bound(&rig.node, "registrar", MACHINE, &key);
    let token = access(&answer);
    let own = |method: &str, endpoint: &str| key.proof(method, &url(endpoint)).ath(token).text();
    let stolen = thief.proof("POST", &url("register")).ath(token).text();
    let unbound = key.proof("POST", &url("register")).text();
    for (why, scheme, proof, error) in [
        ("no proof", "DPoP", None, "invalid_dpop_proof"),
        ("as a bearer", "Bearer", None, "invalid_token"),
        ("as a bearer with a proof", "Bearer", Some(own("POST", "register")), "invalid_token"),
        ("another's key", "DPoP", Some(stolen), "invalid_token"),
        ("for another endpoint", "DPoP", Some(own("POST", "token")), "invalid_dpop_proof"),
        ("for another method", "DPoP", Some(own("GET", "register")), "invalid_dpop_proof"),
        ("for no token", "DPoP", Some(unbound), "invalid_dpop_proof"),
    ] {
        let said = register(&rig, (POST, "register"), (scheme, token), proof);
        assert_eq!(said.error(), (401, error.to_owned()), "{why}");
        let challenge = said.header("www-authenticate").to_owned();
        assert!(challenge.starts_with("DPoP "), "{why}: {challenge}");
    }
}

#[test]
fn a_token_that_is_bound_to_nothing_does_not_come_as_dpop() {
    let rig = rig();
    rig.apply(&format!(
        "{TENANT}\n[[clients]]\nclient_id = \"registrar\"\nclient_secret = \"6f1d0c9be2a74e58-registrar\"\n\
         permissions = [\"register_clients\"]\n"
    ));
    let issued = || {
        let answer = ask(&rig.node, "registrar", MACHINE).said();
        (answer.status == 200).then(|| answer.json())
    };
    let answer = super::super::support::wait_for(std::time::Duration::from_secs(10), issued).unwrap();
    let token = access(&answer);
    let proof = Key::es256().proof("POST", &url("register")).ath(token).text();
    let said = register(&rig, (POST, "register"), ("DPoP", token), Some(proof));
    assert_eq!(said.error(), (401, "invalid_token".into()));
    let said = register(&rig, (POST, "register"), ("Bearer", token), None);
    assert_eq!(said.status, 201, "{}", said.text);
    // Nor does a registration access token.
    let (id, own) = (said.json()["client_id"].clone(), said.json()["registration_access_token"].clone());
    let one = format!("register/{}", id.as_str().unwrap());
    for (scheme, status) in [("DPoP", 401), ("Bearer", 200)] {
        let said = register(&rig, (reqwest::Method::GET, &one), (scheme, own.as_str().unwrap()), None);
        assert_eq!(said.status, status, "{scheme}");
    }
}
