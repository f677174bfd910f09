//! The vendor's members that name policies (CONTRACT 4.16).

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
