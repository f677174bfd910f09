//! Initial access tokens (RFC 7591 §1.2, §3; docs/decisions/0040).

use std::{collections::BTreeSet, time::Duration};

use domain::{AdminWrite, Applied, AuthMethod};
use reqwest::Method;
use serde_json::json;

use super::{
    super::support::{Ask as _, http, wait_for},
    World, machine, own, text, update,
};

#[test]
fn a_token_registers_as_many_clients_as_it_says_even_in_parallel() {
    let world = World::start();
    let (token, id) = world.initial("closed", |token| token.max_uses = 3);
    let mut statuses: Vec<u16> = std::thread::scope(|scope| {
        let ask = || world.register("closed", &token, &machine()).status;
        let all: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 201, 201, 401, 401, 401, 401, 401]);
    let store = world.server.store("closed");
    assert_eq!(store.registration_token(&id).unwrap().unwrap().uses, 3);
    assert_eq!(store.clients(None, 100).unwrap().len(), 1 + 3);
    let by = format!("by registration token {}", domain::encoding::base64url(id.as_bytes()));
    let told = world.audited("closed");
    let count = |outcome: &str, reason: &str, detail: &str| {
        told.iter().filter(|row| (&*row.0, &*row.1, &*row.3) == (outcome, reason, detail)).count()
    };
    assert_eq!(count("success", "registered", &by), 3, "{told:?}");
    assert_eq!(count("refused", "registration_token_spent", &format!("register {by}")), 5, "{told:?}");
}

#[test]
fn a_token_ends_with_its_time_or_when_it_is_revoked_and_is_of_one_tenant() {
    let world = World::start();
    let (token, id) = world.initial("closed", |token| token.max_uses = 9);
    let unknown = world.register("std", &token, &machine());
    assert_eq!(unknown.error(), (401, "invalid_token".into()));
    assert!(unknown.header("www-authenticate").starts_with("Bearer "));
    assert_eq!(world.register("closed", &token, &machine()).status, 201);
    world.server.later(60);
    let late = world.register("closed", &token, &machine());
    assert_eq!((late.status, &late.text), (401, &unknown.text), "late and unknown sound alike");
    let store = world.server.store("closed");
    let gone = || store.registration_token(&id).unwrap().is_none().then_some(());
    assert!(wait_for(Duration::from_secs(10), gone).is_some(), "the expiry job removes it");

    let (token, id) = world.initial("closed", |token| token.max_uses = 9);
    let client = world.register("closed", &token, &machine()).json();
    let revoked = store.change(vec![AdminWrite::RemoveRegistrationToken(id)], vec![]);
    assert_eq!(revoked.unwrap(), Applied::Committed);
    assert_eq!(world.register("closed", &token, &machine()).error(), (401, "invalid_token".into()));
    assert_eq!(own(&client, Method::GET).said().status, 200, "what it registered stays");
}

#[test]
fn a_token_gives_what_it_says_and_no_more_now_and_later() {
    let world = World::start();
    let (token, id) = world.initial("std", |token| {
        token.max_uses = 2;
        token.auth_methods = BTreeSet::from([AuthMethod::ClientSecretPost]);
    });
    let mut members = machine();
    members["token_endpoint_auth_method"] = json!("client_secret_post");
    let refused = (400, "invalid_client_metadata".to_owned());
    for more in [
        json!({ "scope": "api openid" }),
        json!({ "token_endpoint_auth_method": "client_secret_basic" }),
        json!({ "token_endpoint_auth_method": null }),
        json!({ "token_endpoint_auth_method": "none", "grant_types": ["authorization_code"] }),
        json!({ "grant_types": ["password"] }),
    ] {
        let mut asked = members.clone();
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(world.register("std", &token, &asked).error(), refused, "{more}");
    }
    let store = world.server.store("std");
    assert_eq!(store.registration_token(&id).unwrap().unwrap().uses, 0, "a refusal uses nothing up");
    let said = world.register("std", &token, &members);
    assert_eq!(said.status, 201, "{}", said.text);
    let client = said.json();
    assert_eq!(client["scope"], "api");
    assert_eq!(update(&client, machine()).error(), refused, "it does not change to another method either");
    let changed = update(&client, members);
    assert_eq!(changed.status, 200, "{}", changed.text);
    let changed = changed.json();
    assert_eq!(update(&changed, machine()).error(), refused, "nor after it has changed once");
    // An administrator may; then it keeps what it was given.
    let mut basic = machine();
    basic["client_id"] = changed["client_id"].clone();
    let uri = text(&changed, "registration_client_uri");
    let given = http().put(uri).bearer_auth(world.admin("std")).json(&basic).said();
    assert_eq!(given.status, 200, "{}", given.text);
    let kept = update(&given.json(), machine());
    assert_eq!(kept.status, 200, "{}", kept.text);
    let mut other = machine();
    other["token_endpoint_auth_method"] = json!("client_secret_jwt");
    assert_eq!(update(&kept.json(), other).error(), refused);

    // What an administrator sets, its holder does not.
    let (token, _) = world.initial("bank", |token| token.scopes = testkit::scopes("openid"));
    let vendor = |more: serde_json::Value| {
        let mut asked = json!({ "redirect_uris": ["https://client.example/cb"] });
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        world.register("bank", &token, &asked)
    };
    for more in [
        json!({ "hid_refresh_token_validity": "31536000" }),
        json!({ "hid_client_authentication_constraints": "0.0.0.0/0" }),
        json!({ "hid_client_scopes": "{\"scopes\":[\"openid\",\"profile\"]}" }),
    ] {
        assert_eq!(vendor(more.clone()).error(), refused, "{more}");
    }
    assert_eq!(vendor(json!({ "hid_client_scopes": "{\"scopes\":[\"openid\"]}" })).status, 200);
}

#[test]
fn a_token_opens_no_other_door_and_no_other_token_opens_its() {
    let world = World::start();
    let (token, _) = world.initial("std", |token| token.max_uses = 9);
    let client = world.register("std", &token, &machine()).json();
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let uri = text(&client, "registration_client_uri");
        let said = http().request(method, uri).bearer_auth(&token).json(&machine()).said();
        assert_eq!(said.error(), (401, "invalid_token".into()));
    }
    assert_eq!(http().get(world.server.tenant("std", "userinfo")).bearer_auth(&token).said().status, 401);
    let registration = text(&client, "registration_access_token");
    assert_eq!(world.register("std", registration, &machine()).error(), (401, "invalid_token".into()));
    // Nor one letter off, nor twice, though the tenant is open to anyone without a token.
    let mut wrong = token.clone();
    let last = if wrong.pop() == Some('A') { 'B' } else { 'A' };
    wrong.push(last);
    assert_eq!(world.register("std", &wrong, &machine()).status, 401);
    let twice = http().post(world.url("std")).bearer_auth(&token).bearer_auth(&token).json(&machine()).said();
    assert_eq!(twice.status, 401);
    assert!(world.works(&client));
}
