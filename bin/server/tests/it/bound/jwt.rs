//! Access tokens as JWTs (RFC 9068), and resources (RFC 8707).

use serde_json::Value;

use super::{
    BOB, ISSUER, MACHINE, Rig, TENANT, access, ask, bound, countersign, introspected, key::Key, userinfo,
    userinfo_with,
};
use crate::support::{Ask as _, Said, http, jwt_part, wait_for};

/// The claims, once the signature has been verified with the published keys.
fn verified(rig: &Rig, token: &str) -> Value {
    let jwks = http().get(rig.node.acme("jwks")).said().text;
    let jws = jose::JoseVerifier::from_jwks(&jwks).unwrap().verify(token).unwrap();
    assert_eq!(jws.header["typ"], "at+jwt");
    assert_eq!(jws.header["alg"], "ES256");
    Value::Object(jws.claims)
}

fn revoke(rig: &Rig, client: &str, token: &str) {
    let said = http()
        .post(rig.node.acme("revoke"))
        .basic_auth(client, Some(format!("6f1d0c9be2a74e58-{client}")))
        .form(&[("token", token)])
        .said();
    assert_eq!(said.status, 200, "{}", said.text);
}

fn with_resource(node: &super::Node, client: &str, form: &[(&str, &str)], resources: &[&str]) -> Said {
    let form: Vec<_> =
        form.iter().copied().chain(resources.iter().map(|resource| ("resource", *resource))).collect();
    ask(node, client, &form).said()
}

#[test]
fn a_machines_token_says_what_rfc_9068_asks_for() {
    let rig = Rig::start();
    let answer = ask(&rig.node, "jwt", MACHINE).json_ok();
    assert_eq!(answer["token_type"], "Bearer");
    let claims = verified(&rig, access(&answer));
    assert_eq!(claims["iss"], ISSUER);
    assert_eq!(claims["aud"], ISSUER);
    assert_eq!((&claims["sub"], &claims["client_id"]), (&"jwt".into(), &"jwt".into()));
    let lives = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert_eq!(answer["expires_in"], lives);
    assert!(claims["jti"].as_str().unwrap().len() >= 16);
    assert_eq!(claims["scope"], "offline_access openid profile");
    assert!(claims.get("auth_time").is_none() && claims.get("cnf").is_none() && claims.get("sid").is_none());

    let said = introspected(&rig.node, access(&answer));
    assert_eq!((&said["active"], &said["client_id"]), (&true.into(), &"jwt".into()));
    assert_eq!((&said["exp"], &said["jti"]), (&claims["exp"], &claims["jti"]));
}

#[test]
fn a_users_token_opens_userinfo_and_introspection_as_an_opaque_one_does() {
    let rig = Rig::start();
    let answer = ask(&rig.node, "jwt", BOB).json_ok();
    let token = access(&answer);
    let claims = verified(&rig, token);
    assert_eq!(claims["amr"], serde_json::json!(["pwd"]));
    assert!(claims["auth_time"].is_i64() && claims["acr"].is_string() && claims["sid"].is_string());
    assert_ne!(claims["sub"], "bob", "the opaque id");
    let said = userinfo(&rig.node, "Bearer", token, None);
    assert_eq!(said.status, 200, "{}", said.text);
    assert_eq!((&said.json()["sub"], &said.json()["preferred_username"]), (&claims["sub"], &"bob".into()));
    let said = introspected(&rig.node, token);
    assert_eq!(
        (&said["active"], &said["username"], &said["sub"]),
        (&true.into(), &"bob".into(), &claims["sub"])
    );
    // at_hash is of the token that was given.
    let id_token = jwt_part(answer["id_token"].as_str().unwrap(), 1);
    assert_eq!(id_token["at_hash"], oidc_core::issue::at_hash(domain::SigningAlg::RS256, token));
    // A refresh gives another.
    let form =
        [("grant_type", "refresh_token"), ("refresh_token", answer["refresh_token"].as_str().unwrap())];
    let second = ask(&rig.node, "jwt", &form).json_ok();
    assert_eq!(verified(&rig, access(&second))["sid"], claims["sid"]);
    assert_ne!(verified(&rig, access(&second))["jti"], claims["jti"]);
}

#[test]
fn a_revoked_token_is_dead_alone_or_with_its_family() {
    let rig = Rig::start();
    let (one, two) = (ask(&rig.node, "jwt", MACHINE).json_ok(), ask(&rig.node, "jwt", MACHINE).json_ok());
    revoke(&rig, "web", access(&one));
    assert_eq!(introspected(&rig.node, access(&one))["active"], true, "another client revokes nothing");
    revoke(&rig, "jwt", access(&one));
    revoke(&rig, "jwt", access(&one));
    assert_eq!(introspected(&rig.node, access(&one))["active"], false);
    assert_eq!(introspected(&rig.node, access(&two))["active"], true);

    // The refresh token takes the access tokens along, and an access token the whole grant (RFC 7009 §2.1).
    let answer = ask(&rig.node, "jwt", BOB).json_ok();
    revoke(&rig, "jwt", answer["refresh_token"].as_str().unwrap());
    assert_eq!(introspected(&rig.node, access(&answer))["active"], false);
    assert_eq!(userinfo(&rig.node, "Bearer", access(&answer), None).error(), (401, "invalid_token".into()));
    let answer = ask(&rig.node, "jwt", BOB).json_ok();
    revoke(&rig, "jwt", access(&answer));
    let form =
        [("grant_type", "refresh_token"), ("refresh_token", answer["refresh_token"].as_str().unwrap())];
    assert_eq!(ask(&rig.node, "jwt", &form).said().error(), (400, "invalid_grant".into()));
}

#[test]
fn a_reuse_of_the_refresh_token_kills_the_jwts_of_its_family() {
    let rig = Rig::start();
    let first = ask(&rig.node, "jwt", BOB).json_ok();
    let form = |answer: &Value| {
        [
            ("grant_type", "refresh_token".to_owned()),
            ("refresh_token", answer["refresh_token"].as_str().unwrap().to_owned()),
        ]
    };
    let refresh = |answer: &Value| {
        let form = form(answer);
        let pairs: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        ask(&rig.node, "jwt", &pairs).said()
    };
    let second = refresh(&first).json();
    let third = refresh(&second).json();
    assert_eq!(refresh(&first).error(), (400, "invalid_grant".into()));
    for answer in [&first, &second, &third] {
        assert_eq!(introspected(&rig.node, access(answer))["active"], false);
    }
}

#[test]
fn a_disabled_user_or_client_ends_them() {
    let rig = Rig::start();
    let (bob, machine) = (ask(&rig.node, "jwt", BOB).json_ok(), ask(&rig.node, "jwt", MACHINE).json_ok());
    rig.apply(&TENANT.replace("user_name = \"bob\"", "user_name = \"bob\"\nstatus = \"disabled\""));
    assert_eq!(introspected(&rig.node, access(&bob))["active"], false);
    assert_eq!(userinfo(&rig.node, "Bearer", access(&bob), None).error(), (401, "invalid_token".into()));
    // Enabled again, what was granted before stays dead.
    rig.apply(&TENANT.replace("user_name = \"bob\"", "user_name = \"bob\"\nstatus = \"enabled\""));
    assert_eq!(introspected(&rig.node, access(&bob))["active"], false);
    assert_eq!(introspected(&rig.node, access(&machine))["active"], true);
    rig.apply(&TENANT.replace("client_id = \"jwt\"", "client_id = \"jwt\"\nenabled = false"));
    let dead = || (introspected(&rig.node, access(&machine))["active"] == false).then_some(());
    assert!(wait_for(std::time::Duration::from_secs(3), dead).is_some());
}

#[test]
fn other_jwts_of_the_same_keys_are_no_access_tokens() {
    let rig = Rig::start();
    let answer = ask(&rig.node, "jwt", BOB).json_ok();
    let id_token = answer["id_token"].as_str().unwrap();
    assert_eq!(userinfo(&rig.node, "Bearer", id_token, None).error(), (401, "invalid_token".into()));
    assert_eq!(introspected(&rig.node, id_token), serde_json::json!({ "active": false }));
    let signed = http()
        .post(rig.node.acme("introspect"))
        .basic_auth("acme-m2m", Some("acme-m2m-secret-0b7c41d2f98e4a63"))
        .header("accept", "application/token-introspection+jwt")
        .form(&[("token", access(&answer))])
        .said();
    assert_eq!(signed.status, 200);
    assert_eq!(userinfo(&rig.node, "Bearer", &signed.text, None).error(), (401, "invalid_token".into()));
    // A token whose header, payload or signature was changed, and one under somebody's own key.
    let token = access(&answer);
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    parts[0] = domain::encoding::base64url(br#"{"alg":"none","typ":"at+jwt"}"#);
    for forged in [parts.join("."), format!("{}.", token.rsplit_once('.').unwrap().0), format!("{token}A")] {
        assert_eq!(introspected(&rig.node, &forged), serde_json::json!({ "active": false }), "{forged}");
    }
    let key = Key::es256();
    let header = jwt_part(token, 0);
    let own = key.proof("", "").header("typ", "at+jwt").header("kid", header["kid"].clone());
    let claims = jwt_part(token, 1);
    let own =
        claims.as_object().unwrap().iter().fold(own, |own, (name, value)| own.claim(name, value.clone()));
    assert_eq!(introspected(&rig.node, &own.text()), serde_json::json!({ "active": false }));
}

#[test]
fn a_token_of_another_tenant_is_none() {
    let rig = Rig::start();
    let other = TENANT.replace("name = \"acme\"", "name = \"other\"");
    std::fs::write(rig.dir.path().join("other.toml"), other).unwrap();
    countersign(rig.dir.path(), &["tenant", "apply", "other.toml", "--config", "c.toml"]);
    let token = http()
        .post(rig.node.acme("token").replace("/acme/", "/other/"))
        .basic_auth("jwt", Some("6f1d0c9be2a74e58-jwt"))
        .form(BOB)
        .json_ok();
    assert_eq!(introspected(&rig.node, access(&token)), serde_json::json!({ "active": false }));
    assert_eq!(userinfo(&rig.node, "Bearer", access(&token), None).error(), (401, "invalid_token".into()));
}

#[test]
fn a_bound_jwt_carries_cnf_and_needs_its_key() {
    let rig = Rig::start();
    let key = Key::es256();
    let answer = bound(&rig.node, "jwt", BOB, &key);
    let token = access(&answer);
    assert_eq!(answer["token_type"], "DPoP");
    assert_eq!(verified(&rig, token)["cnf"]["jkt"], key.jkt());
    assert_eq!(introspected(&rig.node, token)["cnf"]["jkt"], key.jkt());
    assert_eq!(userinfo(&rig.node, "Bearer", token, None).error(), (401, "invalid_token".into()));
    assert_eq!(userinfo_with(&rig.node, token, &Key::es256()).error(), (401, "invalid_token".into()));
    assert_eq!(userinfo_with(&rig.node, token, &key).status, 200);
}

#[test]
fn a_resource_decides_audience_and_form() {
    let rig = Rig::start();
    let said = with_resource(&rig.node, "web", MACHINE, &["https://api.example/v1"]);
    let claims = verified(&rig, access(&said.json()));
    assert_eq!(claims["aud"], "https://api.example/v1");
    assert_eq!(
        introspected(&rig.node, access(&said.json()))["aud"],
        serde_json::json!(["https://api.example/v1"])
    );
    let said = with_resource(&rig.node, "jwt", MACHINE, &["urn:example:old"]);
    assert!(access(&said.json()).starts_with("cat_"));
    assert_eq!(introspected(&rig.node, access(&said.json()))["aud"], serde_json::json!(["urn:example:old"]));
    for unknown in [&["https://api.example/v2"][..], &["https://api.example/v1", "urn:example:old"], &["x"]] {
        let said = with_resource(&rig.node, "web", MACHINE, unknown);
        assert_eq!(said.error(), (400, "invalid_target".into()), "{unknown:?}");
    }
}

#[test]
fn a_token_for_another_resource_does_not_open_userinfo() {
    let rig = Rig::start();
    for resource in ["https://api.example/v1", "urn:example:old"] {
        let said = with_resource(&rig.node, "web", BOB, &[resource]);
        assert_eq!(said.status, 200, "{}", said.text);
        let answer = said.json();
        assert_eq!(
            userinfo(&rig.node, "Bearer", access(&answer), None).error(),
            (401, "invalid_token".into())
        );
        // A refresh goes on for the same resource, and for no other.
        let form =
            [("grant_type", "refresh_token"), ("refresh_token", answer["refresh_token"].as_str().unwrap())];
        let other = if resource == "urn:example:old" { "https://api.example/v1" } else { "urn:example:old" };
        let said = with_resource(&rig.node, "web", &form, &[other]);
        assert_eq!(said.error(), (400, "invalid_target".into()));
        let second = ask(&rig.node, "web", &form).json_ok();
        assert_eq!(introspected(&rig.node, access(&second))["aud"], serde_json::json!([resource]));
    }
}

#[test]
fn they_expire_and_so_does_their_denial() {
    use crate::support::in_process::Server;
    let server = Server::start(&[TENANT]);
    let send = |endpoint: &str, client: &str, form: &[(&str, &str)]| {
        let secret =
            if client == "jwt" { "6f1d0c9be2a74e58-jwt" } else { "acme-m2m-secret-0b7c41d2f98e4a63" };
        http().post(server.tenant("acme", endpoint)).basic_auth(client, Some(secret)).form(form).said()
    };
    let machine = || send("token", "jwt", MACHINE).json();
    let active = |answer: &Value| {
        send("introspect", "acme-m2m", &[("token", access(answer))]).json()["active"].as_bool().unwrap()
    };
    let (one, two) = (machine(), machine());
    assert_eq!(send("revoke", "jwt", &[("token", access(&one))]).status, 200);
    assert!(!active(&one) && active(&two));
    let removed = || server.metric("countersign_expired_rows_total{table=\"remembered_ids\"}");
    let before = removed();
    server.later(3599);
    assert!(!active(&one) && active(&two));
    server.later(1);
    assert!(!active(&two), "exp has no leeway");
    server.later(7 * 24 * 3600);
    assert!(wait_for(std::time::Duration::from_secs(10), || (removed() > before).then_some(())).is_some());
}

const SOON: std::time::Duration = std::time::Duration::from_secs(10);

fn until(done: &dyn Fn() -> bool) {
    assert!(wait_for(SOON, || done().then_some(())).is_some());
}

fn granted(ask: impl Fn() -> Said) -> Value {
    wait_for(SOON, || Some(ask()).filter(|said| said.status == 200)).unwrap().json()
}

/// Clients and users go without a trace, and their names are free again.
#[test]
fn those_of_a_client_or_user_that_is_gone_do_not_come_back_with_the_name() {
    let tenant = TENANT.replace("profile = \"openid\"", "profile = \"hid\"");
    let rig = Rig::start_with(&tenant);
    let (machine, users) = (ask(&rig.node, "jwt", MACHINE).json_ok(), ask(&rig.node, "jwt", BOB).json_ok());
    let active = |answer: &Value| introspected(&rig.node, access(answer))["active"].as_bool().unwrap();
    assert!(active(&machine) && active(&users));
    let without = |marks: [&str; 2]| {
        let kept = |part: &&str| !marks.iter().any(|mark| part.contains(mark));
        tenant.split("\n\n[[").filter(kept).collect::<Vec<_>>().join("\n\n[[")
    };
    let prune = |text: &str| {
        std::fs::write(rig.dir.path().join("acme.toml"), text).unwrap();
        countersign(rig.dir.path(), &["tenant", "apply", "--prune", "acme.toml", "--config", "c.toml"]);
    };
    prune(&without(["user_name = \"bob\"", "users.authenticators"]));
    until(&|| !active(&users));
    assert!(active(&machine));
    rig.apply(&tenant);
    let anew = granted(|| ask(&rig.node, "jwt", BOB).said());
    assert!(active(&anew), "another of that name has tokens of his own");
    assert_eq!(userinfo(&rig.node, "Bearer", access(&users), None).status, 401);
    assert!(!active(&users));

    prune(&without(["client_id = \"jwt\"", "client_id = \"jwt\""]));
    until(&|| !active(&machine));
    rig.apply(&tenant);
    let anew = granted(|| ask(&rig.node, "jwt", MACHINE).said());
    assert!(active(&anew) && !active(&machine));
}

#[test]
fn no_session_stands_behind_one() {
    use crate::support::in_process::Server;
    let server = Server::start(&[TENANT]);
    let rows = || server.metric("countersign_sql_statements_per_request_sum{kind=\"write\",route=\"token\"}");
    let ask = |client: &str| {
        let secret = format!("6f1d0c9be2a74e58-{client}");
        let before = rows();
        http().post(server.tenant("acme", "token")).basic_auth(client, Some(secret)).form(MACHINE).json_ok();
        // The audit row is written for both (docs/decisions/0013).
        rows() - before
    };
    assert!((ask("web") - 2.0).abs() < 0.1, "a session and its audit row");
    assert!((ask("jwt") - 1.0).abs() < 0.1, "the audit row alone");
}
