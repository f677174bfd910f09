//! Which grants a client has that names none (CONTRACT 4.1.1, RFC 7591 §2).

use serde_json::{Value, json};

use super::{
    super::support::{Ask as _, http},
    World, text, update,
};

/// As the vendor's samples register (CONTRACT 4.16).
fn sample(method: &str) -> Value {
    json!({ "redirect_uris": ["https://client.example/cb"], "token_endpoint_auth_method": method })
}

const CODE: &str = "authorization_code";
const MACHINE: &str = "client_credentials";
const PASSWORD: &str = "password";

#[test]
fn in_hid_they_are_the_vendors_as_far_as_whoever_registers_may_give_them() {
    let world = World::start();
    let (token, _) = world.initial("bank", |token| token.max_uses = 9);
    let admin = world.admin("bank");
    for (method, by_admin, by_others) in [
        ("client_secret_basic", json!([CODE, MACHINE, PASSWORD]), json!([CODE, MACHINE])),
        ("none", json!([CODE, PASSWORD]), json!([CODE])),
    ] {
        let given = |said: super::Said| {
            assert_eq!(said.status, 200, "{}", said.text);
            said.json()["grant_types"].clone()
        };
        assert_eq!(given(world.register("bank", &admin, &sample(method))), by_admin);
        assert_eq!(given(world.register("bank", &token, &sample(method))), by_others);
        assert_eq!(given(http().post(world.url("open")).json(&sample(method)).said()), by_others);
    }
    // Named, what may not be given is refused and not left out.
    let mut named = sample("client_secret_basic");
    named["grant_types"] = json!([CODE, PASSWORD]);
    assert_eq!(world.register("bank", &token, &named).status, 400);
    // The standard has one default.
    let said = world.register("std", &world.admin("std"), &sample("client_secret_basic"));
    assert_eq!((said.status, &said.json()["grant_types"]), (201, &json!([CODE])));
}

#[test]
fn in_hid_an_update_that_names_none_leaves_them() {
    let world = World::start();
    let client = world.register("bank", &world.admin("bank"), &sample("client_secret_basic")).json();
    let ask = |client: &Value| {
        let request = http().post(world.server.tenant("bank", "token"));
        let request = request.basic_auth(text(client, "client_id"), Some(text(client, "client_secret")));
        request.form(&[("grant_type", MACHINE)]).said().status
    };
    assert_eq!(ask(&client), 200, "it is of use as it was registered");
    let mut fewer = sample("client_secret_basic");
    fewer["grant_types"] = json!([MACHINE]);
    let fewer = update(&client, fewer).json();
    assert_eq!(fewer["grant_types"], json!([MACHINE]));
    let kept = update(&fewer, sample("client_secret_basic"));
    assert_eq!((kept.status, &kept.json()["grant_types"]), (200, &json!([MACHINE])), "{}", kept.text);
    // An administrator changes what it names, too.
    let mut members = sample("client_secret_basic");
    members["client_id"] = client["client_id"].clone();
    let url = text(&client, "registration_client_uri");
    let said = http().put(url).bearer_auth(world.admin("bank")).json(&members).said();
    assert_eq!((said.status, &said.json()["grant_types"]), (200, &json!([MACHINE])), "{}", said.text);
}
