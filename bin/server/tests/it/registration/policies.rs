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

/// Members for features to come, as an integrator's script sends them (CONTRACT 4.16).
fn script() -> Value {
    json!({
        "redirect_uris": ["https://client.example/cb"],
        "backchannel_token_delivery_mode": "poll",
        "hid_client_channel": "CH_SSP",
        "hid_client_group": "USG_SYS",
        "hid_sessiontransfer_type": "NUM002",
        "hid_federation_audiences": "bank.example",
        "hid_federation_roles": ".*",
        "hid_federation_atttype": "OAUTHFEDID",
        "hid_federation_channel": "CH_SSP|CH_DIRECT",
    })
}

#[test]
fn the_vendors_members_for_features_to_come_are_checked_kept_and_told() {
    let world = World::start();
    let admin = world.admin("bank");
    let said = world.register("bank", &admin, &script());
    assert_eq!(said.status, 200, "{}", said.text);
    let client = said.json();
    let read = own(&client, reqwest::Method::GET).json_ok();
    let members = script();
    for (name, value) in members.as_object().unwrap() {
        assert_eq!((&client[name], &read[name]), (value, value), "{name}");
    }
    for (name, wrong) in [
        ("backchannel_token_delivery_mode", json!("pull")),
        ("hid_client_channel", json!("CH_NOWHERE")),
        ("hid_client_group", json!("a\u{0}b")),
        ("hid_client_group", json!("x".repeat(256))),
        ("hid_sessiontransfer_type", json!("NUM003")),
        ("hid_federation_channel", json!("CH_SSP|")),
        ("hid_federation_roles", json!(["RL_X"])),
    ] {
        let mut members = script();
        members[name] = wrong;
        assert_eq!(world.register("bank", &admin, &members).status, 400, "{name}");
    }
    // The other dialect does not know them.
    let mut members = script();
    members["hid_client_channel"] = "CH_NOWHERE".into();
    let said = world.register("std", &world.admin("std"), &members);
    assert_eq!((said.status, said.json().get("hid_client_group")), (201, None));
}

#[test]
fn a_client_keeps_the_vendors_members_and_changes_none_but_its_own() {
    let world = World::start();
    let client = world.register("bank", &world.admin("bank"), &script()).json();
    let mut members = script();
    members["hid_client_group"] = "USG_ADMIN".into();
    assert_eq!(update(&client, members).status, 400);
    let bare =
        json!({ "redirect_uris": ["https://client.example/cb"], "backchannel_token_delivery_mode": "push" });
    let kept = update(&client, bare);
    assert_eq!(kept.status, 200, "{}", kept.text);
    assert_eq!(kept.json()["hid_client_group"], "USG_SYS");
    assert_eq!(kept.json()["backchannel_token_delivery_mode"], "push");
}
