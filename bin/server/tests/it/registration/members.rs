//! What members may say: keys, redirect URIs, and what is nobody's to say.

use serde_json::{Value, json};

use super::{
    super::support::{Ask as _, http},
    World, machine, text, update,
};
use crate::assertions::keys::Key;

fn with(more: &Value) -> Value {
    let mut members = machine();
    members.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    members
}

#[test]
fn redirect_uris_on_which_two_readers_could_differ_are_refused() {
    let world = World::start();
    let admin = world.admin("std");
    let said = |uri: &str| world.register("std", &admin, &json!({ "redirect_uris": [uri] }));
    for bad in [
        "https://client.example\\@evil.example/cb",
        "https:client.example/cb",
        "https:///client.example/cb",
        "https://client.example@evil.example/cb",
        "https://cl%69ent.example/cb",
        "https://clıent.example/cb",
        "https://client.example/cb#",
        "https://client.example/*",
        "http://127.1/cb",
        "http://127.0.0.1.evil.example/cb",
        "http://localhost.evil.example/cb",
        "http://[::ffff:127.0.0.1]/cb",
        "http://[::]/cb",
        "http://10.0.0.1/cb",
        "com.example.app://user:pw@host/cb",
        "app://cb",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "//client.example/cb",
        " https://client.example/cb",
        "https://client.example/cb\r\nSet-Cookie: a=b",
        "",
    ] {
        assert_eq!(said(bad).error(), (400, "invalid_redirect_uri".into()), "{bad}");
    }
    for fine in [
        "https://client.example/cb?a=b",
        "http://127.0.0.1:50123/cb",
        "http://[::1]:9/cb",
        "com.example.app:/cb",
    ] {
        let registered = said(fine);
        assert_eq!(registered.status, 201, "{fine}: {}", registered.text);
        assert_eq!(registered.json()["redirect_uris"], json!([fine]), "kept letter by letter");
    }
}

#[test]
fn private_and_symmetric_keys_two_key_sets_and_inner_addresses_are_refused() {
    let world = World::start();
    let admin = world.admin("std");
    let public = Key::ec().jwk(&json!({}));
    let mut private = public.clone();
    private["d"] = json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    let secret = json!({ "kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA" });
    let many: Vec<Value> = (0..400)
        .map(|number| {
            let mut key = public.clone();
            key["kid"] = json!(number.to_string());
            key
        })
        .collect();
    for bad in [
        json!({ "jwks": { "keys": [private] } }),
        json!({ "jwks": { "keys": [public, secret] } }),
        json!({ "jwks": { "keys": many } }),
        json!({ "jwks": [public] }),
        json!({ "jwks": { "keys": [public] }, "jwks_uri": "https://client.example/jwks" }),
        json!({ "jwks_uri": "https://169.254.169.254/latest/meta-data" }),
        json!({ "jwks_uri": "https://[::ffff:127.0.0.1]/jwks" }),
        json!({ "jwks_uri": "https://0x7f000001/jwks" }),
        json!({ "jwks_uri": "https://user:pw@client.example/jwks" }),
        json!({ "jwks_uri": ["https://client.example/jwks"] }),
    ] {
        let asked = with(&bad);
        assert_eq!(
            world.register("std", &admin, &asked).error(),
            (400, "invalid_client_metadata".into()),
            "{bad}"
        );
    }
    let keys =
        with(&json!({ "jwks": { "keys": [public] }, "token_endpoint_auth_method": "private_key_jwt" }));
    assert_eq!(world.register("std", &admin, &keys).status, 201);
}

#[test]
fn algorithms_and_protections_that_are_not_there_are_refused() {
    let world = World::start();
    let admin = world.admin("std");
    for bad in [
        json!({ "id_token_signed_response_alg": "none" }),
        json!({ "id_token_signed_response_alg": "HS256" }),
        json!({ "id_token_signed_response_alg": "RS256" }),
        json!({ "userinfo_signed_response_alg": "none" }),
        json!({ "introspection_signed_response_alg": "ES512" }),
        json!({ "token_endpoint_auth_signing_alg": "none" }),
        json!({ "token_endpoint_auth_method": "client_secret_jwt", "token_endpoint_auth_signing_alg": "none" }),
        json!({ "token_endpoint_auth_method": "client_secret_jwt", "token_endpoint_auth_signing_alg": "ES256" }),
        json!({ "id_token_encrypted_response_alg": "RSA-OAEP-256" }),
        json!({ "userinfo_encrypted_response_enc": "A256GCM" }),
        json!({ "subject_type": "pairwise" }),
        json!({ "subject_type": "pairwise", "sector_identifier_uri": "http://169.254.169.254/" }),
    ] {
        let asked = with(&bad);
        assert_eq!(
            world.register("std", &admin, &asked).error(),
            (400, "invalid_client_metadata".into()),
            "{bad}"
        );
    }
    for statement in ["eyJhbGciOiJub25lIn0.e30.", "x"] {
        let said = world.register("std", &admin, &with(&json!({ "software_statement": statement })));
        assert_eq!(said.error(), (400, "unapproved_software_statement".into()));
    }
    assert_eq!(world.register("std", &admin, &with(&json!({ "subject_type": "public" }))).status, 201);
}

#[test]
fn what_is_no_member_is_not_assigned() {
    let world = World::start();
    let client = world.machine();
    let id = domain::ClientId::parse(text(&client, "client_id")).unwrap();
    let stored = || {
        let mut store = world.server.store("std");
        let found = domain::port::ClientLookup::client(&mut store, &id).unwrap().unwrap();
        (*found.client).clone()
    };
    let before = stored();
    let sly = json!({
        "enabled": false, "profile": "hid", "auth_methods": ["none"], "roles": ["RL_ORGADMIN"],
        "permissions": ["register_clients"], "allowed_sources": ["0.0.0.0/0"], "access_token_format": "jwt",
        "dpop_nonce_required": true, "attributes": { "a": "b" }, "registration": { "token": "x", "issued_at": 0 },
        "hid_client_scopes": "{\"scopes\":[\"openid\"]}", "hid_refresh_token_validity": "31536000",
        "hid_user_authn_policy": "AT_STDPWD", "hid_client_authentication_constraints": "0.0.0.0/0",
        "client_secret_hash": "x", "secret_generated": "x", "tenant": "bank", "tenant_id": 1,
    });
    let said = update(&client, with(&sly));
    assert_eq!(said.status, 200, "{}", said.text);
    let mut after = stored();
    assert_ne!(after.registration, before.registration, "the token is another");
    after.registration = before.registration.clone();
    assert_eq!(after, before);
}

#[test]
fn a_chosen_id_that_leads_elsewhere_is_refused() {
    let world = World::start();
    let admin = world.admin("bank");
    for id in [".", "..", "a/b", "a b", "a%2Fb", "", "é", "a?b", "a#b"] {
        let members = json!({ "client_id": id, "redirect_uris": ["https://client.example/cb"] });
        assert_eq!(
            world.register("bank", &admin, &members).error(),
            (400, "invalid_client_metadata".into()),
            "{id}"
        );
    }
}

#[test]
fn an_id_is_an_administrators_to_choose_and_never_a_users_name() {
    let world = World::start();
    let redirect = ["https://client.example/cb"];
    let (token, _) = world.initial("bank", |token| token.max_uses = 9);
    let asked = |bearer: &str, id: &str| {
        world.register("bank", bearer, &json!({ "client_id": id, "redirect_uris": redirect })).error()
    };
    // Whoever holds a token does not take a name that an operator is about to use.
    assert_eq!(asked(&token, "payments"), (400, "invalid_client_metadata".into()));
    let admin = world.admin("bank");
    assert_eq!(asked(&admin, "alice"), (409, "duplicate_client".into()), "a user's name is a sub");
    assert_eq!(asked(&admin, "admin"), (409, "duplicate_client".into()));
    assert_eq!(asked(&admin, "payments").0, 200);
}

#[test]
fn unknown_clients_and_wrong_tokens_cost_and_say_the_same() {
    let world = World::start();
    let (one, other) = (world.machine(), world.machine());
    let reads = |uri: &str| {
        let name = "countersign_sql_statements_per_request_sum{kind=\"read\",route=\"register\"}";
        let before = world.server.metric(name);
        let said = http().get(uri).bearer_auth(text(&one, "registration_access_token")).said();
        (said.status, said.text, world.server.metric(name) - before)
    };
    let foreign = reads(text(&other, "registration_client_uri"));
    assert!(foreign.0 == 401 && foreign.2 > 0.0, "{foreign:?}");
    assert_eq!(foreign, reads(&format!("{}/nobody", world.url("std"))), "one statement for either");
}
