//! What someone would try who has an account of another client or tenant, or none.

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    super::support::{Ask as _, http},
    World, machine, own, text, update,
};

fn anyone(world: &World, members: &Value) -> super::Said {
    http().post(world.url("std")).json(members).said()
}

#[test]
fn registration_needs_the_permission_and_a_bearer_of_this_tenant() {
    let world = World::start();
    assert_eq!(
        world.register("std", &world.bearer_of("std", "plain"), &machine()).error(),
        (403, "access_denied".into())
    );
    for bearer in [world.admin("closed"), world.admin("bank"), "cat_x".to_owned(), String::new()] {
        assert_eq!(world.register("std", &bearer, &machine()).error(), (401, "invalid_token".into()));
    }
    let closed = http().post(world.url("closed")).json(&machine()).said();
    assert_eq!(closed.error(), (401, "invalid_token".into()));
    assert!(closed.header("www-authenticate").starts_with("Bearer "));
}

#[test]
fn another_clients_token_and_an_unknown_client_get_one_answer() {
    let world = World::start();
    let (one, other) = (world.machine(), world.machine());
    let ask = |uri: &str, method: Method| {
        let request = http().request(method, uri).bearer_auth(text(&one, "registration_access_token"));
        let said = request.json(&machine()).said();
        (said.status, said.text, said.headers.get("www-authenticate").cloned())
    };
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let foreign = ask(text(&other, "registration_client_uri"), method.clone());
        assert_eq!(foreign.0, 401);
        assert_eq!(foreign, ask(&format!("{}/nobody", world.url("std")), method.clone()));
        assert_eq!(foreign, ask(&format!("{}/plain", world.url("std")), method.clone()));
        let id = text(&one, "client_id");
        assert_eq!(foreign.0, ask(&format!("{}/{id}", world.url("closed")), method).0);
    }
    assert!(world.works(&other));
}

#[test]
fn a_client_made_by_hand_is_out_of_reach_even_for_an_administrator() {
    let world = World::start();
    let uri = format!("{}/plain", world.url("std"));
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let said = http().request(method, &uri).bearer_auth(world.admin("std")).json(&machine()).said();
        assert_eq!((said.status, &said.json()["error_description"]), (400, &json!("No client found")));
    }
}

#[test]
fn nobody_gives_away_more_than_they_have() {
    let world = World::start();
    let wants = |more: Value| {
        let mut members = machine();
        for (name, value) in more.as_object().unwrap() {
            members[name] = value.clone();
        }
        members
    };
    let refused = (400, "invalid_client_metadata".to_owned());
    let admin = world.admin("std");
    assert_eq!(world.register("std", &admin, &wants(json!({ "scope": "api root" }))).error(), refused);
    assert_eq!(anyone(&world, &machine()).error(), refused, "open registration gives no scope");
    let password = json!({ "scope": null, "grant_types": ["password"] });
    assert_eq!(anyone(&world, &wants(password)).error(), refused);
    let client = world.machine();
    assert_eq!(update(&client, wants(json!({ "scope": "api openid" }))).error(), refused);
    // Roles and permissions are no members: what a client says of them is not heard.
    let roles = json!({ "roles": ["RL_ORGADMIN"], "permissions": ["register_clients"], "enabled": true });
    let sly = update(&client, wants(roles)).json();
    let form = [("grant_type", "client_credentials")];
    let secret = text(&client, "client_secret");
    let token =
        http().post(world.server.tenant("std", "token")).basic_auth(text(&sly, "client_id"), Some(secret));
    let token = token.form(&form).json_ok();
    assert_eq!(world.register("std", text(&token, "access_token"), &machine()).error().0, 403);
}

#[test]
fn members_that_will_not_do_are_refused_and_unknown_ones_ignored() {
    let world = World::start();
    let admin = world.admin("std");
    let code = |uri: &str| json!({ "redirect_uris": [uri] });
    for uri in [
        "http://client.example/cb",
        "https://client.example/cb#x",
        "https://*.example/cb",
        "https://u@client.example/",
        "myapp:/cb",
        "javascript:alert(1)",
    ] {
        assert_eq!(
            world.register("std", &admin, &code(uri)).error(),
            (400, "invalid_redirect_uri".into()),
            "{uri}"
        );
    }
    assert_eq!(world.register("std", &admin, &json!({})).error(), (400, "invalid_redirect_uri".into()));
    let many: Vec<String> = (0..33).map(|number| format!("https://client.example/{number}")).collect();
    assert_eq!(world.register("std", &admin, &json!({ "redirect_uris": many })).error().0, 400);
    for bad in [
        json!({ "grant_types": ["implicit"] }),
        json!({ "grant_types": ["client_credentials"], "response_types": ["code"] }),
        json!({ "grant_types": ["client_credentials"], "token_endpoint_auth_method": "none" }),
        json!({ "grant_types": ["client_credentials"], "token_endpoint_auth_method": "private_key_jwt" }),
        json!({ "grant_types": ["client_credentials"], "token_endpoint_auth_method": "tls_client_auth" }),
        json!({ "grant_types": ["client_credentials"], "jwks": { "keys": [] }, "jwks_uri": "https://a.example/" }),
        json!({ "grant_types": ["client_credentials"], "jwks_uri": "http://127.0.0.1/keys" }),
        json!({ "grant_types": ["client_credentials"], "id_token_signed_response_alg": "none" }),
        json!({ "grant_types": ["client_credentials"], "client_name": "a\nb" }),
        json!([]),
    ] {
        assert_eq!(
            world.register("std", &admin, &bad).error(),
            (400, "invalid_client_metadata".into()),
            "{bad}"
        );
    }
    let statement = json!({ "grant_types": ["client_credentials"], "software_statement": "x" });
    assert_eq!(
        world.register("std", &admin, &statement).error(),
        (400, "unapproved_software_statement".into())
    );
    let unknown = json!({ "grant_types": ["client_credentials"], "x_color": "blue", "client_id": "mine" });
    let said = world.register("std", &admin, &unknown);
    assert_eq!(said.status, 201, "{}", said.text);
    assert!(said.json().get("x_color").is_none() && said.json()["client_id"] != "mine");
}

#[test]
fn open_registration_ends_with_its_quota_even_in_parallel_and_begins_again_the_next_day() {
    let world = World::start();
    let members = json!({ "redirect_uris": ["https://client.example/cb"] });
    let made = |world: &World| {
        std::thread::scope(|scope| {
            let all: Vec<_> = (0..8).map(|_| scope.spawn(|| anyone(world, &members).status)).collect();
            let mut statuses: Vec<u16> = all.into_iter().map(|one| one.join().unwrap()).collect();
            statuses.sort_unstable();
            statuses
        })
    };
    assert_eq!(made(&world), [201, 201, 201, 429, 429, 429, 429, 429]);
    assert!(!anyone(&world, &members).header("retry-after").is_empty());
    world.server.later(86_400);
    assert_eq!(anyone(&world, &members).status, 201);
}

#[test]
fn of_parallel_updates_with_one_token_one_wins_and_none_survives_a_removal() {
    let world = World::start();
    for _ in 0..3 {
        let client = world.machine();
        let race = |methods: [Method; 2]| {
            let client = &client;
            std::thread::scope(|scope| {
                let all = methods.map(|method| {
                    scope.spawn(move || match method {
                        Method::PUT => update(client, machine()).status,
                        method => own(client, method).said().status,
                    })
                });
                all.map(|one| one.join().unwrap())
            })
        };
        let mut both = race([Method::PUT, Method::PUT]);
        both.sort_unstable();
        assert_eq!(both, [200, 401]);
        let client = world.machine();
        let statuses = std::thread::scope(|scope| {
            let put = scope.spawn(|| update(&client, machine()).status);
            let delete = scope.spawn(|| own(&client, Method::DELETE).said().status);
            (put.join().unwrap(), delete.join().unwrap())
        });
        assert!(matches!(statuses, (200, 401) | (401, 204)), "{statuses:?}");
    }
}

#[test]
fn an_administrator_does_not_take_over_a_client_that_may_do_more() {
    let world = World::start();
    let client = world.machine();
    let id = text(&client, "client_id").to_owned();
    // What a tenant file gave it since.
    let mut store = world.server.store("std");
    let known = domain::port::ClientLookup::client(&mut store, &domain::ClientId::parse(&id).unwrap());
    let mut stronger = (*known.unwrap().unwrap().client).clone();
    stronger.permissions.insert(domain::Permission::new(domain::Permission::INTROSPECT));
    let write = domain::AdminWrite::UpdateClient(Box::new(stronger));
    assert_eq!(store.change(vec![write], Vec::new()).unwrap(), domain::Applied::Committed);
    let mut members = machine();
    members["client_id"] = id.into();
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let request = http().request(method, text(&client, "registration_client_uri"));
        let said = request.bearer_auth(world.admin("std")).json(&members).said();
        assert_eq!(said.error(), (403, "access_denied".into()));
    }
    // Itself it may still change, and loses nothing by it.
    assert_eq!(update(&client, machine()).status, 200);
    let kept = domain::port::ClientLookup::client(
        &mut store,
        &domain::ClientId::parse(text(&client, "client_id")).unwrap(),
    );
    assert!(kept.unwrap().unwrap().client.may(domain::Permission::INTROSPECT));
}

/// What was given for users to delegate, or to a key, is not for the client to loosen.
#[test]
fn a_client_makes_itself_no_stronger_and_no_weaker() {
    let world = World::start();
    let key = crate::bound::key::Key::es256();
    let strong = json!({
        "grant_types": ["authorization_code"], "redirect_uris": ["https://app.example/cb"], "scope": "api",
        "token_endpoint_auth_method": "private_key_jwt", "jwks": { "keys": [key.jwk] },
        "dpop_bound_access_tokens": true,
    });
    let said = world.register("std", &world.admin("std"), &strong);
    assert_eq!(said.status, 201, "{}", said.text);
    let client = said.json();
    let with = |more: Value| {
        let mut members = strong.clone();
        for (name, value) in more.as_object().unwrap() {
            members[name] = value.clone();
        }
        members
    };
    for (more, why) in [
        (json!({ "grant_types": ["client_credentials"], "response_types": [] }), "a grant"),
        (json!({ "grant_types": ["authorization_code", "client_credentials"] }), "a grant"),
        (json!({ "token_endpoint_auth_method": null, "jwks": null }), "weaker"),
        (json!({ "token_endpoint_auth_method": "client_secret_jwt" }), "weaker"),
        (json!({ "token_endpoint_auth_method": "none" }), "weaker"),
        (json!({ "dpop_bound_access_tokens": false }), "bound"),
        (json!({ "dpop_bound_access_tokens": null }), "bound"),
    ] {
        world.server.later(10);
        let said = update(&client, with(more.clone()));
        assert_eq!(said.error(), (400, "invalid_client_metadata".into()), "{more}");
        assert!(text(&said.json(), "error_description").contains(why), "{more}: {}", said.text);
    }
    let said = update(&client, with(json!({ "grant_types": ["authorization_code", "refresh_token"] })));
    assert_eq!(said.status, 200, "{}", said.text);
}

#[test]
fn an_administrator_does_not_take_over_a_client_that_has_more_scopes() {
    let world = World::start();
    let client = world.machine();
    let narrow = world.narrowed("std", &[("scope", "openid")]);
    let mut members = machine();
    members["client_id"] = client["client_id"].clone();
    members["scope"] = json!("openid");
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let request = http().request(method, text(&client, "registration_client_uri"));
        let said = request.bearer_auth(&narrow).json(&members).said();
        assert_eq!(said.error(), (403, "access_denied".into()), "{}", said.text);
    }
    assert!(world.works(&client));
    // Nor does a token that was narrowed give what it has not.
    assert_eq!(world.register("std", &narrow, &machine()).error().0, 400);
}

#[test]
fn a_token_for_another_resource_registers_nobody() {
    let world = World::start();
    let elsewhere = world.narrowed("std", &[("resource", "https://api.example")]);
    let said = world.register("std", &elsewhere, &machine());
    assert_eq!(said.error(), (401, "invalid_token".into()));
}

/// In `hid` users and machines share the names that stand in tokens.
#[test]
fn nobody_registers_under_the_name_of_a_user() {
    let world = World::start();
    let (admin, open) = (world.admin("bank"), world.admin("open"));
    let named = |id: &str| json!({ "client_id": id, "redirect_uris": ["https://app.example/cb"] });
    let said = world.register("bank", &admin, &named("alice"));
    assert_eq!(
        (said.status, &said.json()["error_description"]),
        (409, &json!("There is a client of that id")),
        "{}",
        said.text
    );
    for id in [".", ".."] {
        assert_eq!(world.register("bank", &admin, &named(id)).status, 400, "{id}");
    }
    assert_eq!(world.register("bank", &admin, &named("alice2")).status, 200);
    drop(open);
    let said = http().post(world.url("open")).json(&named("carol")).said();
    assert_eq!(said.status, 400, "{}", said.text);
    let said =
        http().post(world.url("open")).json(&json!({ "redirect_uris": ["https://app.example/cb"] })).said();
    assert_eq!(said.status, 200, "{}", said.text);
}

#[test]
fn a_client_that_calls_from_elsewhere_than_it_may_does_not_touch_its_registration() {
    let world = World::start();
    let members = json!({
        "redirect_uris": ["https://client.example/cb"], "hid_client_authentication_constraints": "192.0.2.0/24",
    });
    let said = world.register("bank", &world.admin("bank"), &members);
    assert_eq!(said.status, 200, "{}", said.text);
    let client = said.json();
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let mut members = members.clone();
        members["client_id"] = client["client_id"].clone();
        let said = own(&client, method).json(&members).said();
        assert_eq!(said.error(), (401, "invalid_token".into()), "{}", said.text);
    }
    // An administrator is bound by its own constraints.
    let request = http().get(text(&client, "registration_client_uri")).bearer_auth(world.admin("bank"));
    assert_eq!(request.said().status, 200);
}

/// A bad member is told before any key is looked at, and there are few keys to look at.
#[test]
fn keys_are_looked_at_last_and_are_few() {
    let world = World::start();
    let admin = world.admin("std");
    let keys = |jwk: &Value, count: usize, scope: &str| {
        json!({
            "grant_types": ["client_credentials"], "scope": scope,
            "token_endpoint_auth_method": "private_key_jwt", "jwks": { "keys": vec![jwk.clone(); count] },
        })
    };
    let why = |members: &Value| {
        let said = world.register("std", &admin, members);
        assert_eq!(said.error(), (400, "invalid_client_metadata".into()), "{}", said.text);
        text(&said.json(), "error_description").to_owned()
    };
    let wrong = json!({ "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" });
    assert!(why(&keys(&wrong, 1, "root")).contains("scope"));
    assert!(why(&keys(&wrong, 1, "api")).contains("jwks"));
    let key = crate::bound::key::Key::es256().jwk;
    assert!(why(&keys(&key, 11, "api")).contains("1 to 10"));
    assert_eq!(world.register("std", &admin, &keys(&key, 10, "api")).status, 201);
}
