//! What a client has lost, an administrator gives it anew.

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    super::support::{Ask as _, Said, http},
    World, machine, own, text, update,
};

/// An update by an administrator.
fn put(world: &World, tenant: &str, client: &Value, members: Value) -> Said {
    let mut members = members;
    members["client_id"] = client["client_id"].clone();
    let request = http().put(text(client, "registration_client_uri"));
    request.bearer_auth(world.admin(tenant)).json(&members).said()
}

fn sample() -> Value {
    json!({ "redirect_uris": ["https://client.example/cb"] })
}

fn works(world: &World, client: &Value, secret: &str) -> bool {
    let request = http().post(world.server.tenant("bank", "token"));
    let request = request.basic_auth(text(client, "client_id"), Some(secret));
    request.form(&[("grant_type", "client_credentials")]).said().status == 200
}

#[test]
fn an_administrators_update_gives_another_registration_access_token() {
    let world = World::start();
    for (tenant, members) in [("std", machine()), ("bank", sample())] {
        let client = world.register(tenant, &world.admin(tenant), &members).json();
        let said = put(&world, tenant, &client, members.clone());
        assert_eq!(said.status, 200, "{}", said.text);
        let given = said.json();
        assert_eq!(own(&client, Method::GET).said().status, 401, "what was lost is good for nobody");
        assert_eq!(own(&given, Method::GET).said().status, 200);
        assert_eq!(given["client_id_issued_at"], client["client_id_issued_at"]);
        let changed = update(&given, members);
        assert_eq!(changed.status, 200, "{}", changed.text);
    }
}

#[test]
fn in_hid_an_administrator_resets_a_secret_and_does_not_choose_it() {
    let world = World::start();
    let client = world.register("bank", &world.admin("bank"), &sample()).json();
    let first = text(&client, "client_secret").to_owned();
    let with = |secret: Value| {
        let mut members = sample();
        members["client_secret"] = secret;
        members
    };
    // Sent back as it was given it stays.
    let said = put(&world, "bank", &client, with(json!(first)));
    assert_eq!((said.status, said.json().get("client_secret")), (200, None), "{}", said.text);
    assert!(works(&world, &client, &first));

    let said = put(&world, "bank", &client, with(json!("letmein")));
    assert_eq!(said.status, 200, "{}", said.text);
    let given = said.json();
    let second = text(&given, "client_secret");
    assert!(second.starts_with("csk_") && second != first);
    assert_eq!(
        [second, &first, "letmein"].map(|secret| works(&world, &client, secret)),
        [true, false, false]
    );

    // Nobody else does, and nothing but text asks for it.
    let refused = (400, "invalid_client_metadata".to_owned());
    assert_eq!(put(&world, "bank", &client, with(json!(7))).error(), refused);
    let given = put(&world, "bank", &client, sample()).json();
    assert_eq!(update(&given, with(json!("letmein"))).error(), refused);
    let mut without = with(json!("letmein"));
    without["token_endpoint_auth_method"] = json!("none");
    assert_eq!(put(&world, "bank", &client, without).error(), refused, "there is none to reset");
    let standard = world.machine();
    let mut members = machine();
    members["client_secret"] = json!("letmein");
    assert_eq!(put(&world, "std", &standard, members).error(), refused);
    assert!(works(&world, &client, second) && world.works(&standard));
}
