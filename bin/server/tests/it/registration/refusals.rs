//! What is refused: precisely, and on record where somebody known is refused.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    super::support::{Ask as _, Said, http},
    World, machine, own, text, update,
};

fn sent(world: &World, body: String) -> Said {
    let request = http().post(world.url("std")).bearer_auth(world.admin("std"));
    request.header("content-type", "application/json").body(body).said()
}

fn described(said: &Said) -> (u16, String, String) {
    let (status, error) = said.error();
    (status, error, text(&said.json(), "error_description").to_owned())
}

#[test]
fn what_is_too_large_too_deep_or_too_many_is_refused_precisely() {
    let world = World::start();
    let large = json!({ "client_name": "a".repeat(70_000) }).to_string();
    let large = sent(&world, large);
    assert_eq!((large.status, text(&large.json(), "error")), (413, "invalid_request"));

    let invalid = "invalid_client_metadata".to_owned();
    let broken = "The body must be a JSON object of client metadata, no name in it twice".to_owned();
    let deep = format!("{{\"jwks\":{}{}}}", "[".repeat(30_000), "]".repeat(30_000));
    let twice = r#"{"grant_types":["client_credentials"],"scope":"api","scope":"api openid"}"#;
    for body in [deep, twice.to_owned(), String::new(), "null".to_owned(), "{\"a\":".to_owned()] {
        assert_eq!(described(&sent(&world, body)), (400, invalid.clone(), broken.clone()));
    }

    let uris: Vec<String> = (0..1000).map(|number| format!("https://client.example/{number}")).collect();
    let many = described(&sent(&world, json!({ "redirect_uris": uris }).to_string()));
    let text = "redirect_uris must be a list of at most 32 texts".to_owned();
    assert_eq!(many, (400, "invalid_redirect_uri".to_owned(), text.clone()));
    for wrong in [json!("https://client.example/"), json!([1]), json!({ "0": "https://client.example/" })] {
        let said = sent(&world, json!({ "redirect_uris": wrong }).to_string());
        assert_eq!(described(&said), (400, "invalid_redirect_uri".to_owned(), text.clone()));
    }
    let grants: Vec<&str> = std::iter::repeat_n("client_credentials", 1000).collect();
    assert_eq!(sent(&world, json!({ "grant_types": grants }).to_string()).error(), (400, invalid));
}

#[test]
fn refusals_of_somebody_known_are_on_record_and_those_of_strangers_are_not() {
    let world = World::start();
    let client = world.machine();
    let id = text(&client, "client_id").to_owned();
    let made = world.audited("std");
    assert_eq!(made, [("success".into(), "registered".into(), Some(id.clone()), "by client admin".into())]);

    // Strangers.
    let post = |bearer: &str| world.register("std", bearer, &machine()).status;
    assert_eq!([post("cat_x"), post(text(&client, "registration_access_token"))], [401, 401]);
    let anyone = http().post(world.url("std")).json(&machine()).said();
    assert_eq!(anyone.status, 400, "open registration gives no scope");
    let other = http().get(format!("{}/nobody", world.url("std")));
    assert_eq!(other.bearer_auth(text(&client, "registration_access_token")).said().status, 401);
    assert_eq!(world.audited("std"), made);

    // Somebody.
    assert_eq!(post(&world.bearer_of("std", "plain")), 403);
    let admin = world.admin("std");
    assert_eq!(world.register("std", &admin, &json!({ "scope": "root" })).status, 400);
    let foreign = http().delete(format!("{}/plain", world.url("std"))).bearer_auth(&admin).said();
    assert_eq!(foreign.status, 400);
    assert_eq!(update(&client, json!({ "grant_types": ["password"] })).status, 400);
    // The clock stands still: rows of one instant are in no order.
    let told: BTreeSet<_> = world.audited("std").into_iter().filter(|row| !made.contains(row)).collect();
    let row = |reason: &str, client: Option<&str>, detail: &str| {
        ("refused".to_owned(), reason.to_owned(), client.map(str::to_owned), detail.to_owned())
    };
    assert_eq!(
        told,
        BTreeSet::from([
            row("permission_missing", None, "register by client plain"),
            row("invalid_redirect_uri", None, "register by client admin"),
            row("no_registered_client", None, "remove by client admin"),
            row("grant_not_granted", Some(&id), "replace by its registration access token"),
        ])
    );
}

#[test]
fn a_flood_of_refusals_is_recorded_at_the_rate_of_a_bucket() {
    let world = World::start();
    let bearer = world.bearer_of("std", "plain");
    for _ in 0..60 {
        assert_eq!(world.register("std", &bearer, &machine()).status, 403);
    }
    let rows = world.audited("std").len();
    assert!((1..60).contains(&rows), "{rows}");
}

#[test]
fn nothing_is_left_to_do_with_what_was_removed() {
    let world = World::start();
    let client = world.machine();
    assert_eq!(own(&client, Method::DELETE).said().status, 204);
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let mut members: Value = machine();
        members["client_id"] = client["client_id"].clone();
        let gone = own(&client, method.clone()).json(&members).said();
        assert_eq!(gone.error(), (401, "invalid_token".into()), "{method}");
        let uri = text(&client, "registration_client_uri");
        let asked = http().request(method, uri).bearer_auth(world.admin("std")).json(&members).said();
        assert_eq!((asked.status, text(&asked.json(), "error_description")), (400, "No client found"));
    }
    assert!(!world.works(&client));
}
