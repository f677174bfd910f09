//! Registration under `/auth/realms/{tenant}` (docs/decisions/0035).

use reqwest::Method;
use serde_json::json;

use super::{TENANTS, World, machine, own, text, update};
use crate::support::{Ask as _, http, in_process::Server};

#[test]
fn a_client_is_registered_read_changed_and_removed_where_keycloak_has_it() {
    let with_realms = TENANTS[0].replace("[settings]", "[settings]\nrealms_layout = true");
    let world = World { server: Server::start(&[&with_realms, TENANTS[1]]) };
    let issuer = format!("{}/auth/realms/std", world.server.url);
    let document = http().get(format!("{issuer}/.well-known/openid-configuration")).json_ok();
    let endpoint = format!("{issuer}/clients-registrations/openid-connect");
    assert_eq!(document["registration_endpoint"], endpoint);
    let register = |url: &str| http().post(url).bearer_auth(world.admin("std")).json(&machine()).said();
    let said = register(&endpoint);
    assert_eq!(said.status, 201, "{}", said.text);
    let client = said.json();
    let uri = text(&client, "registration_client_uri");
    assert_eq!(uri, format!("{endpoint}/{}", text(&client, "client_id")));
    assert!(world.works(&client));
    let read = own(&client, Method::GET).json_ok();
    assert_eq!(read["registration_client_uri"], uri);
    // It is the tenant's: the other layout knows it, and names it by its own path.
    let other = format!("{}/{}", world.url("std"), text(&client, "client_id"));
    let token = text(&client, "registration_access_token");
    let read = http().get(&other).bearer_auth(token).json_ok();
    assert_eq!(read["registration_client_uri"], other);
    let changed = update(&client, json!({ "client_name": "Renamed", "grant_types": ["client_credentials"] }));
    assert_eq!(changed.status, 200, "{}", changed.text);
    let changed = changed.json();
    assert_eq!(
        (&changed["client_name"], &changed["registration_client_uri"]),
        (&json!("Renamed"), &json!(uri))
    );
    assert_eq!(own(&changed, Method::DELETE).said().status, 204);
    assert!(!world.works(&client));
    // Nobody is let in who is not in the other layout, and its methods are the same.
    let nobody = http().post(&endpoint).bearer_auth("made-up").json(&machine()).said();
    assert_eq!(nobody.error(), (401, "invalid_token".into()));
    let asked = http().request(Method::OPTIONS, &endpoint).said();
    assert_eq!((asked.status, asked.header("allow")), (204, "POST, OPTIONS"));
    // A tenant without the layout is unknown there, and so is Keycloak's protocol of its own.
    for path in ["closed/clients-registrations/openid-connect", "std/clients-registrations/default"] {
        let said = register(&format!("{}/auth/realms/{path}", world.server.url));
        assert_eq!(said.error(), (404, "invalid_request".into()), "{path}");
    }
}
