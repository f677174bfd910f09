//! How often registrations are made and changed (docs/decisions/0045).

use reqwest::Method;
use serde_json::json;

use super::{
    super::support::{Ask as _, http},
    World, machine, own, text, update,
};

/// Who loses a race for a number of the quota begins anew, and has asked once.
#[test]
fn a_registration_that_is_tried_again_takes_from_its_bucket_once() {
    let tenant = "name = 'std'\nprofile = 'openid'\n[settings]\nsigning_algs = ['ES256']\n\
        open_registrations_per_day = 1000\nopen_registrations_per_source = 1000\n";
    let world = World::over(&[tenant]);
    let members = json!({
        "redirect_uris": ["https://client.example/cb"], "token_endpoint_auth_method": "private_key_jwt",
        "jwks": { "keys": [crate::bound::key::Key::es256().jwk] },
    });
    let register = || http().post(world.url("std")).json(&members).said().status;
    for _ in 0..16 {
        assert_eq!(register(), 201);
    }
    // Four are left in the bucket, and as many are filled in again each time.
    for _ in 0..12 {
        let statuses = std::thread::scope(|scope| {
            [(); 4].map(|()| scope.spawn(register)).map(|one| one.join().unwrap())
        });
        assert_eq!(statuses, [201; 4]);
        world.server.later(10);
    }
}

/// Each change is written, audited, and makes nodes read the tenant again.
#[test]
fn a_client_that_changes_itself_over_and_over_is_told_to_wait() {
    let world = World::start();
    let mut client = world.machine();
    for _ in 0..5 {
        let said = update(&client, machine());
        assert_eq!(said.status, 200, "{}", said.text);
        client = said.json();
    }
    let said = update(&client, machine());
    assert_eq!(said.error().0, 429, "{}", said.text);
    assert!(said.header("retry-after").parse::<i64>().is_ok_and(|wait| (1..=11).contains(&wait)));
    assert_eq!(own(&client, Method::DELETE).said().status, 429);
    assert_eq!(own(&client, Method::GET).said().status, 200, "what is read costs no write");
    // Others, and an administrator, are not kept waiting.
    assert_eq!(update(&world.machine(), machine()).status, 200);
    let mut members = machine();
    members["client_id"] = client["client_id"].clone();
    let request = http().put(text(&client, "registration_client_uri")).bearer_auth(world.admin("std"));
    let said = request.json(&members).said();
    assert_eq!(said.status, 200, "{}", said.text);
    world.server.later(11);
    assert_eq!(update(&said.json(), machine()).status, 200);
}

/// One source cannot get around it with many clients.
#[test]
fn a_source_that_changes_many_clients_is_told_to_wait() {
    let world = World::start();
    let statuses: Vec<u16> = (0..5)
        .flat_map(|_| {
            let mut client = world.machine();
            let mut said = Vec::new();
            for _ in 0..5 {
                let answer = update(&client, machine());
                said.push(answer.status);
                if answer.status == 200 {
                    client = answer.json();
                }
            }
            said
        })
        .collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 20, "{statuses:?}");
    assert!(statuses.iter().rev().take(5).all(|status| *status == 429), "{statuses:?}");
}
