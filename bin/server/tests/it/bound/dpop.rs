//! DPoP as it should be used.

use super::{
    BOB, ISSUER, MACHINE, Rig, access, ask, bound, introspected, key::Key, url, userinfo, userinfo_with,
};
use crate::support::{Ask as _, http, wait_for};

#[test]
fn a_proof_of_each_algorithm_binds_tokens_and_opens_userinfo() {
    let rig = Rig::start();
    for key in [Key::es256(), Key::ed25519(), Key::rsa(2048)] {
        let answer = bound(&rig.node, "web", BOB, &key);
        assert_eq!(answer["token_type"], "DPoP");
        let said = introspected(&rig.node, access(&answer));
        assert_eq!((&said["active"], &said["token_type"]), (&true.into(), &"DPoP".into()));
        assert_eq!(said["cnf"]["jkt"], key.jkt());
        let said = userinfo_with(&rig.node, access(&answer), &key);
        assert_eq!(said.status, 200, "{}", said.text);
        assert_eq!(said.json()["preferred_username"], "bob");
    }
    let unbound = ask(&rig.node, "web", MACHINE).json_ok();
    assert_eq!(unbound["token_type"], "Bearer");
    assert_eq!(introspected(&rig.node, access(&unbound)).get("cnf"), None);
}

#[test]
fn a_client_that_is_registered_for_it_gets_no_token_without_a_proof() {
    let rig = Rig::start();
    let said = ask(&rig.node, "strict", MACHINE).said();
    assert_eq!(said.error(), (400, "invalid_dpop_proof".into()));
    assert_eq!(bound(&rig.node, "strict", MACHINE, &Key::es256())["token_type"], "DPoP");
}

#[test]
fn a_client_whose_tokens_are_bound_to_a_certificate_gets_none_without_one() {
    let rig = Rig::start();
    assert_eq!(ask(&rig.node, "certified", MACHINE).said().error(), (400, "invalid_request".into()));
}

#[test]
fn a_nonce_is_demanded_given_and_then_enough() {
    let rig = Rig::start();
    let key = Key::es256();
    let said =
        ask(&rig.node, "nonced", BOB_OPENID).header("DPoP", key.proof("POST", &url("token")).text()).said();
    assert_eq!(said.error(), (400, "use_dpop_nonce".into()));
    let nonce = said.header("dpop-nonce").to_owned();
    assert!(nonce.len() >= 16, "{nonce:?}");
    let proof = key.proof("POST", &url("token")).claim("nonce", nonce.as_str()).text();
    let answer = ask(&rig.node, "nonced", BOB_OPENID).header("DPoP", proof).json_ok();
    assert_eq!(answer["token_type"], "DPoP");

    let token = access(&answer);
    let said = userinfo_with(&rig.node, token, &key);
    assert_eq!(said.error(), (401, "use_dpop_nonce".into()));
    assert!(said.header("www-authenticate").starts_with("DPoP "), "{:?}", said.headers);
    assert!(said.header("www-authenticate").contains("error=\"use_dpop_nonce\""));
    let proof =
        key.proof("GET", &url("userinfo")).ath(token).claim("nonce", said.header("dpop-nonce")).text();
    assert_eq!(userinfo(&rig.node, "DPoP", token, Some(proof)).status, 200);

    let made_up = key.proof("POST", &url("token")).claim("nonce", "AAAAAAAAAAAAAAAAAAAAAAAA").text();
    let said = ask(&rig.node, "web", MACHINE).header("DPoP", made_up).said();
    assert_eq!(said.error(), (400, "use_dpop_nonce".into()), "a nonce that is brought must be ours");
}

const BOB_OPENID: &[(&str, &str)] = &[
    ("grant_type", "password"),
    ("username", "bob"),
    ("password", "correct-horse-battery-staple"),
    ("scope", "openid"),
];

#[test]
fn a_tenant_can_demand_nonces_of_all_its_clients() {
    let rig = Rig::start_with(&super::TENANT.replace("[settings]", "[settings]\ndpop_nonce_required = true"));
    let proof = Key::es256().proof("POST", &url("token")).text();
    let said = ask(&rig.node, "web", MACHINE).header("DPoP", proof).said();
    assert_eq!(said.error(), (400, "use_dpop_nonce".into()));
    // Without a proof there is nothing to bind, and no nonce to ask for.
    assert_eq!(ask(&rig.node, "web", MACHINE).said().status, 200);
}

#[test]
fn a_public_clients_refresh_token_needs_its_key_and_rotates_under_it() {
    let rig = Rig::start();
    let key = Key::es256();
    let first = bound(&rig.node, "spa", BOB, &key);
    let form = [("grant_type", "refresh_token"), ("refresh_token", first["refresh_token"].as_str().unwrap())];
    let other = Key::es256();
    let said = ask(&rig.node, "spa", &form).header("DPoP", other.proof("POST", &url("token")).text()).said();
    assert_eq!(said.error(), (400, "invalid_grant".into()), "another key");
    assert_eq!(ask(&rig.node, "spa", &form).said().error(), (400, "invalid_grant".into()), "no proof at all");
    let second = bound(&rig.node, "spa", &form, &key);
    assert_eq!(second["token_type"], "DPoP");
    assert_eq!(userinfo_with(&rig.node, access(&second), &key).status, 200);
    // The window in which a lost answer can be had again is open to the same key only, and a thief closes nothing.
    let said = ask(&rig.node, "spa", &form).header("DPoP", other.proof("POST", &url("token")).text()).said();
    assert_eq!(said.error(), (400, "invalid_grant".into()));
    assert_eq!(bound(&rig.node, "spa", &form, &key), second, "the same answer again");
    assert_eq!(introspected(&rig.node, access(&second))["active"], true);
}

#[test]
fn a_confidential_clients_refresh_token_takes_another_key_but_a_retry_the_same() {
    let rig = Rig::start();
    let (one, two) = (Key::es256(), Key::es256());
    let first = bound(&rig.node, "web", BOB, &one);
    let form = [("grant_type", "refresh_token"), ("refresh_token", first["refresh_token"].as_str().unwrap())];
    let second = bound(&rig.node, "web", &form, &two);
    assert_eq!(introspected(&rig.node, access(&second))["cnf"]["jkt"], two.jkt());
    // The same token again under a third key is no retry of that answer (DECISIONS 3.4): it is a reuse.
    let said = ask(&rig.node, "web", &form).header("DPoP", one.proof("POST", &url("token")).text()).said();
    assert_eq!(said.error(), (400, "invalid_grant".into()));
    assert_eq!(introspected(&rig.node, access(&second))["active"], false);
}

#[test]
fn an_ed25519_proof_may_call_its_algorithm_by_either_name() {
    let rig = Rig::start();
    let key = Key::ed25519();
    for alg in ["EdDSA", "Ed25519"] {
        let proof = key.proof("POST", &url("token")).header("alg", alg).text();
        let said = ask(&rig.node, "web", MACHINE).header("DPoP", proof).said();
        assert_eq!((said.status, &said.json()["token_type"]), (200, &"DPoP".into()), "{alg}: {}", said.text);
    }
    // But no other algorithm's.
    let proof = Key::es256().proof("POST", &url("token")).header("alg", "Ed25519").text();
    let said = ask(&rig.node, "web", MACHINE).header("DPoP", proof).said();
    assert_eq!(said.error(), (400, "invalid_dpop_proof".into()));
}

#[test]
fn metadata_and_preflight_tell_of_it() {
    let rig = Rig::start_with(
        &super::TENANT.replace("[settings]", "[settings]\ncors_origins = [\"https://app.example\"]"),
    );
    let document = http().get(rig.node.acme(".well-known/openid-configuration")).json_ok();
    assert_eq!(document["issuer"], ISSUER);
    assert_eq!(
        document["dpop_signing_alg_values_supported"],
        serde_json::json!(["ES256", "EdDSA", "Ed25519", "RS256", "PS256"])
    );
    let preflight = http()
        .request(reqwest::Method::OPTIONS, rig.node.acme("token"))
        .header("Origin", "https://app.example")
        .header("Access-Control-Request-Method", "POST")
        .said();
    assert!(preflight.header("access-control-allow-headers").contains("dpop"), "{:?}", preflight.headers);
    assert!(preflight.header("access-control-expose-headers").contains("dpop-nonce"));
}

#[test]
fn a_proof_in_the_layout_of_realms_is_for_its_own_urls() {
    let rig = Rig::start_with(&super::TENANT.replace("[settings]", "[settings]\nrealms_layout = true"));
    let key = Key::es256();
    let path = "/auth/realms/acme/protocol/openid-connect";
    let there = |endpoint: &str| format!("https://id.example{path}/{endpoint}");
    let at = |endpoint: &str| format!("{}{path}/{endpoint}", rig.node.url);
    let token = |htu: &str| {
        let request = http().post(at("token")).basic_auth("web", Some("6f1d0c9be2a74e58-web")).form(BOB);
        request.header("DPoP", key.proof("POST", htu).text()).said()
    };
    assert_eq!(token(&url("token")).error(), (400, "invalid_dpop_proof".into()), "the other layout's");
    assert_eq!(token(&there("userinfo")).error(), (400, "invalid_dpop_proof".into()));
    let said = token(&there("token"));
    assert_eq!(said.status, 200, "{}", said.text);
    let answer = said.json();
    assert_eq!(answer["token_type"], "DPoP");
    let access = access(&answer);
    let user = |htu: &str| {
        let proof = key.proof("GET", htu).ath(access).text();
        http()
            .get(at("userinfo"))
            .header("Authorization", format!("DPoP {access}"))
            .header("DPoP", proof)
            .said()
    };
    assert_eq!(user(&there("userinfo")).status, 200);
    assert_eq!(user(&url("userinfo")).error(), (401, "invalid_dpop_proof".into()));
    // The token is the tenant's, the proof is for where it is brought.
    assert_eq!(userinfo_with(&rig.node, access, &key).status, 200);
    let proof = key.proof("GET", &there("userinfo")).ath(access).text();
    assert_eq!(userinfo(&rig.node, "DPoP", access, Some(proof)).error(), (401, "invalid_dpop_proof".into()));
}

#[test]
fn proofs_that_are_too_old_are_forgotten_by_the_job() {
    use crate::support::in_process::Server;
    let server = Server::start(&[super::TENANT]);
    let token = server.tenant("acme", "token");
    let proof = Key::es256().proof("POST", &token).claim("iat", 1_800_000_000).text();
    let ask = || {
        http()
            .post(&token)
            .basic_auth("web", Some("6f1d0c9be2a74e58-web"))
            .header("DPoP", proof.clone())
            .form(MACHINE)
            .said()
    };
    assert_eq!(ask().status, 200);
    assert_eq!(ask().error(), (400, "invalid_dpop_proof".into()));
    let removed = || server.metric("countersign_expired_rows_total{table=\"remembered_ids\"}");
    server.later(149);
    assert_eq!(ask().error(), (400, "invalid_dpop_proof".into()), "too old, whatever is remembered");
    server.later(2);
    assert!(wait_for(std::time::Duration::from_secs(10), || (removed() >= 1.0).then_some(())).is_some());
    assert_eq!(ask().error(), (400, "invalid_dpop_proof".into()));
}
