//! Members that name policies (CONTRACT 4.16), and those that tell of the application.

use super::*;

#[test]
fn the_policy_of_a_clients_keys_is_an_administrators_to_name() {
    let world = World::start();
    let admin = world.admin("bank");
    let asked = |policy: &str| json!({ "redirect_uris": ["https://client.example/cb"], "hid_client_pki_policy": policy });
    let said = world.register("bank", &admin, &asked("AT_SYSPKI"));
    assert_eq!(
        (said.status, &said.json()["hid_client_pki_policy"]),
        (200, &json!("AT_SYSPKI")),
        "{}",
        said.text
    );
    assert_eq!(world.register("bank", &admin, &asked("AT_NOWHERE")).status, 400);
    // A client keeps it, and cannot change it.
    let client = said.json();
    let update = |policy: &str| {
        let (url, token) =
            (text(&client, "registration_client_uri"), text(&client, "registration_access_token"));
        let mut members = asked(policy);
        members["client_id"] = client["client_id"].clone();
        http().put(url).bearer_auth(token).json(&members).said()
    };
    assert_eq!(update("AT_JWT").status, 400);
    let kept = update("AT_SYSPKI");
    assert_eq!(
        (kept.status, &kept.json()["hid_client_pki_policy"]),
        (200, &json!("AT_SYSPKI")),
        "{}",
        kept.text
    );
}

#[test]
fn what_is_said_of_the_application_is_kept_and_told() {
    let world = World::start();
    let admin = world.admin("std");
    let members = json!({
        "redirect_uris": ["com.example.app:/cb"], "application_type": "native",
        "post_logout_redirect_uris": ["com.example.app:/out"],
    });
    let said = world.register("std", &admin, &members);
    assert_eq!(said.status, 201, "{}", said.text);
    let client = said.json();
    let read = own(&client, reqwest::Method::GET).json_ok();
    for answer in [&client, &read] {
        assert_eq!(answer["application_type"], "native");
        assert_eq!(answer["post_logout_redirect_uris"], json!(["com.example.app:/out"]));
    }
    let mut web = members;
    web["application_type"] = "web".into();
    assert_eq!(update(&client, web).error(), (400, "invalid_redirect_uri".into()));
    // What an update leaves out is no more (RFC 7592 §2.2).
    let said = update(&client, json!({ "redirect_uris": ["https://client.example/cb"] }));
    assert_eq!(said.status, 200, "{}", said.text);
    assert!(
        said.json().get("application_type").is_none()
            && said.json().get("post_logout_redirect_uris").is_none()
    );
}
