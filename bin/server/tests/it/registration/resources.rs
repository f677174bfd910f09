//! For which resources (RFC 8707) the tokens of registered clients may be.

use countersign_server::tenant_file::{self, ApplyOptions};
use serde_json::{Value, json};

use super::{
    super::support::{Ask as _, Said, http, wait_for},
    TENANTS, World, text,
};

const API: &str = "https://api.example";

fn robot() -> Value {
    json!({ "grant_types": ["client_credentials"] })
}

fn asked(world: &World, client: &Value, resource: &str) -> Said {
    let request = http().post(world.server.tenant("std", "token"));
    let request = request.basic_auth(text(client, "client_id"), Some(text(client, "client_secret")));
    request.form(&[("grant_type", "client_credentials"), ("resource", resource)]).said()
}

fn apply(world: &World, text: &str) -> Vec<String> {
    tenant_file::apply(&world.server.setup, text, ApplyOptions { dry_run: false, prune: false })
        .unwrap()
        .lines
}

#[test]
fn nobody_gets_tokens_for_a_resource_by_registering_without_an_administrator() {
    let world = World::start();
    let (token, _) = world.initial("std", |token| token.max_uses = 1);
    let by_anyone = http().post(world.url("std")).json(&robot()).said().json();
    let by_holder = world.register("std", &token, &robot()).json();
    for client in [&by_anyone, &by_holder] {
        assert_eq!(asked(&world, client, API).error(), (400, "invalid_target".into()));
        assert_eq!(asked(&world, client, "").status, 200, "for this server it is");
    }
    let by_admin = world.register("std", &world.admin("std"), &robot()).json();
    assert_eq!(asked(&world, &by_admin, API).status, 200);
}

#[test]
fn a_tenant_file_gives_a_registered_client_resources_and_silence_does_not() {
    let world = World::start();
    let client = http().post(world.url("std")).json(&robot()).said().json();
    let name = domain::TenantName::parse("std").unwrap();
    let export = || tenant_file::export(&world.server.setup, &name).unwrap();
    let exported = export();
    assert_eq!(exported.matches("resources = []").count(), 1, "{exported}");
    assert_eq!(apply(&world, &exported), ["= nothing to change"]);
    let silent = exported.replace("resources = []\n", "");
    assert_eq!(apply(&world, &silent), ["= nothing to change"]);

    let unknown = exported.replace("resources = []", "resources = ['https://other.example']");
    let options = ApplyOptions { dry_run: false, prune: false };
    assert!(
        tenant_file::apply(&world.server.setup, &unknown, options).is_err(),
        "the tenant has no such one"
    );
    let given = exported.replace("resources = []", &format!("resources = ['{API}']"));
    let lines = apply(&world, &given);
    assert_eq!(lines, [format!("~ client {}: resources", text(&client, "client_id"))]);
    let done = || (asked(&world, &client, API).status == 200).then_some(());
    assert!(wait_for(std::time::Duration::from_secs(10), done).is_some());
    assert_eq!(apply(&world, &export()), ["= nothing to change"]);
}

#[test]
fn an_administrator_gives_no_resource_that_it_has_not() {
    let tenant = TENANTS[0].replacen("permissions =", "resources = []\npermissions =", 1);
    let world = World::over(&[&tenant]);
    let narrow = world.register("std", &world.admin("std"), &robot()).json();
    assert_eq!(asked(&world, &narrow, API).error(), (400, "invalid_target".into()));
    // Nor does it take over a client that has more.
    let mut store = world.server.store("std");
    let id = domain::ClientId::parse(text(&narrow, "client_id")).unwrap();
    let known = domain::port::ClientLookup::client(&mut store, &id).unwrap().unwrap();
    let wider = domain::Client { resources: None, ..(*known.client).clone() };
    let write = domain::AdminWrite::UpdateClient(Box::new(wider));
    assert_eq!(store.change(vec![write], Vec::new()).unwrap(), domain::Applied::Committed);
    let said = http().get(text(&narrow, "registration_client_uri")).bearer_auth(world.admin("std")).said();
    assert_eq!(said.error(), (403, "access_denied".into()));
}
