//! Client registration (RFC 7591, RFC 7592; CONTRACT 4.16) over real HTTP.

mod attacks;
mod grants;
mod layouts;
mod members;
mod nodes;
mod pace;
mod policies;
mod recovery;
mod refusals;
mod resources;
mod tokens;

use std::collections::BTreeSet;

use domain::{AdminWrite, Applied, Env, Locator, RegistrationToken, TokenKind, Ttl};
use serde_json::{Value, json};

use super::support::{Ask as _, Said, http, in_process::Server};

const TENANTS: [&str; 4] = [
    "name = 'std'\nprofile = 'openid'\n[settings]\nsigning_algs = ['ES256']\nopen_registrations_per_day = 4\n\
     open_registrations_per_source = 3\nresources = { 'https://api.example' = 'opaque' }\n\
     [[clients]]\nclient_id = 'admin'\nclient_secret = 'Quite-long-Word-71'\ngrant_types = ['client_credentials']\n\
     scopes = ['openid', 'api']\npermissions = ['register_clients']\n\
     [[clients]]\nclient_id = 'plain'\nclient_secret = 'Quite-long-Word-71'\ngrant_types = ['client_credentials']\n",
    "name = 'closed'\nprofile = 'openid'\n[settings]\nsigning_algs = ['ES256']\n\
     [[clients]]\nclient_id = 'admin'\nclient_secret = 'Quite-long-Word-71'\ngrant_types = ['client_credentials']\n\
     permissions = ['register_clients']\n",
    "name = 'bank'\nprofile = 'hid'\n[settings]\nsigning_algs = ['ES256']\n\
     [[clients]]\nclient_id = 'admin'\nclient_secret = 'Quite-long-Word-71'\nroles = ['RL_ORGADMIN']\n\
     scopes = ['openid', 'profile']\n\
     [[users]]\nuser_name = 'alice'\n",
    "name = 'open'\nprofile = 'hid'\n[settings]\nsigning_algs = ['ES256']\nopen_registrations_per_day = 4\n\
     [[clients]]\nclient_id = 'admin'\nclient_secret = 'Quite-long-Word-71'\nroles = ['RL_ORGADMIN']\n",
];

struct World {
    server: Server,
}

impl World {
    fn start() -> Self {
        Self::over(&TENANTS)
    }

    fn over(tenants: &[&str]) -> Self {
        Self { server: Server::start(tenants) }
    }

    fn url(&self, tenant: &str) -> String {
        self.server.tenant(tenant, "register")
    }

    fn bearer_of(&self, tenant: &str, client: &str) -> String {
        let form = [("grant_type", "client_credentials")];
        let request =
            http().post(self.server.tenant(tenant, "token")).basic_auth(client, Some("Quite-long-Word-71"));
        request.form(&form).json_ok()["access_token"].as_str().unwrap().to_owned()
    }

    /// The administrator's token, with less in it.
    fn narrowed(&self, tenant: &str, more: &[(&str, &str)]) -> String {
        let form: Vec<_> = [("grant_type", "client_credentials")].iter().chain(more).copied().collect();
        let request =
            http().post(self.server.tenant(tenant, "token")).basic_auth("admin", Some("Quite-long-Word-71"));
        request.form(&form).json_ok()["access_token"].as_str().unwrap().to_owned()
    }

    fn admin(&self, tenant: &str) -> String {
        self.bearer_of(tenant, "admin")
    }

    fn register(&self, tenant: &str, bearer: &str, members: &Value) -> Said {
        http().post(self.url(tenant)).bearer_auth(bearer).json(members).said()
    }

    /// A machine client of tenant `std`, as an administrator registered it.
    fn machine(&self) -> Value {
        let said = self.register("std", &self.admin("std"), &machine());
        assert_eq!(said.status, 201, "{}", said.text);
        said.json()
    }

    /// An initial access token, as the command line makes it.
    fn initial(&self, tenant: &str, change: impl FnOnce(&mut RegistrationToken)) -> (String, Locator) {
        let env = Env { now: self.server.clock.now(), entropy: self.server.setup.entropy.as_ref() };
        let minted = domain::token_text::mint(TokenKind::InitialAccess, &env).unwrap();
        let mut token = RegistrationToken {
            locator: minted.locator,
            digest: minted.digest,
            label: String::new(),
            max_uses: 1,
            uses: 0,
            created_at: env.now,
            expires_at: env.now.plus(Ttl::from_secs(60)),
            scopes: testkit::scopes("api"),
            auth_methods: BTreeSet::new(),
        };
        change(&mut token);
        let write = AdminWrite::InsertRegistrationToken(Box::new(token));
        assert_eq!(self.server.store(tenant).change(vec![write], vec![]).unwrap(), Applied::Committed);
        (minted.text.expose().to_owned(), minted.locator)
    }

    /// What the audit log says of clients: outcome, reason, client, detail.
    fn audited(&self, tenant: &str) -> Vec<(String, String, Option<String>, String)> {
        let all = storage::AuditFilter { limit: 1000, ..storage::AuditFilter::default() };
        let rows = self.server.store(tenant).audit(&all).unwrap();
        let rows = rows.into_iter().filter(|row| row.kind == "client_change" && row.source.is_some());
        rows.map(|row| (row.outcome, row.reason, row.client_id, row.detail)).collect()
    }

    fn works(&self, client: &Value) -> bool {
        let request = http()
            .post(self.server.tenant("std", "token"))
            .basic_auth(text(client, "client_id"), Some(text(client, "client_secret")));
        request.form(&[("grant_type", "client_credentials")]).said().status == 200
    }
}

fn machine() -> Value {
    json!({ "client_name": "Robot", "grant_types": ["client_credentials"], "scope": "api" })
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} in {value}"))
}

fn own(client: &Value, method: reqwest::Method) -> reqwest::blocking::RequestBuilder {
    http()
        .request(method, text(client, "registration_client_uri"))
        .bearer_auth(text(client, "registration_access_token"))
}

fn update(client: &Value, members: Value) -> Said {
    let mut members = members;
    members["client_id"] = client["client_id"].clone();
    own(client, reqwest::Method::PUT).json(&members).said()
}

#[test]
fn a_client_is_registered_works_is_read_changed_and_removed() {
    let world = World::start();
    let document = http().get(world.server.tenant("std", ".well-known/openid-configuration")).json_ok();
    assert_eq!(document["registration_endpoint"], world.url("std"));
    let said = world.register("std", &world.admin("std"), &machine());
    assert_eq!((said.status, said.header("cache-control")), (201, "no-store"));
    let client = said.json();
    assert!(text(&client, "client_secret").starts_with("csk_"));
    assert!(text(&client, "registration_access_token").starts_with("crg_"));
    assert_eq!((&client["client_secret_expires_at"], &client["scope"]), (&json!(0), &json!("api")));
    assert!(world.works(&client), "it works at once");

    let read = own(&client, reqwest::Method::GET).json_ok();
    assert_eq!(read["registration_access_token"], client["registration_access_token"]);
    assert!(read.get("client_secret").is_none(), "a secret is shown once");

    let changed = update(&client, json!({ "client_name": "Other", "grant_types": ["client_credentials"] }));
    assert_eq!(changed.status, 200, "{}", changed.text);
    let changed = changed.json();
    assert_eq!((&changed["client_name"], &changed["scope"]), (&json!("Other"), &json!("api")));
    assert_ne!(changed["registration_access_token"], client["registration_access_token"]);
    assert_eq!(own(&client, reqwest::Method::GET).said().status, 401, "the old token died");
    assert!(world.works(&client), "the secret stayed");

    assert_eq!(own(&changed, reqwest::Method::DELETE).said().status, 204);
    assert_eq!(own(&changed, reqwest::Method::GET).said().error(), (401, "invalid_token".into()));
    assert!(!world.works(&client));
    let kept = world.server.store("std").audit(&storage::AuditFilter::default()).unwrap();
    let mut told: Vec<&str> =
        kept.iter().map(|row| row.reason.as_str()).filter(|reason| reason.starts_with("regist")).collect();
    // All at one millisecond, between which the log knows no order.
    told.sort_unstable();
    assert_eq!(told, ["registered", "registration_removed", "registration_replaced"]);
}

#[test]
fn the_vendors_dialect_answers_200_with_its_members_and_its_errors() {
    let world = World::start();
    let bearer = world.admin("bank");
    let members = json!({
        "redirect_uris": ["https://client.example/cb"], "hid_client_scopes": "{\"scopes\":[\"openid\"]}",
        "hid_refresh_token_validity": "600", "hid_client_consentprompt": "true",
    });
    let said = world.register("bank", &bearer, &members);
    assert_eq!(said.status, 200, "{}", said.text);
    let client = said.json();
    let id = text(&client, "client_id");
    assert!(id.len() == 48 && id.bytes().all(|byte| byte.is_ascii_digit()), "{id}");
    assert_eq!(client["hid_refresh_token_validity"], "600");
    assert_eq!(client["hid_client_scopes"], "{\"scopes\":[\"openid\"]}");
    assert_eq!(client["tls_client_certificate_bound_access_tokens"], false);
    let mut named = members;
    named["client_id"] = json!("portal");
    assert_eq!(world.register("bank", &bearer, &named).status, 200);
    assert_eq!(world.register("bank", &bearer, &named).error(), (409, "duplicate_client".into()));
    let missing = http().get(format!("{}/nobody", world.url("bank"))).bearer_auth(&bearer).said();
    assert_eq!((missing.status, &missing.json()["error_description"]), (400, &json!("No client found")));
}

#[test]
fn an_export_shows_a_registered_client_and_apply_leaves_it_alone() {
    use countersign_server::tenant_file::{self, ApplyOptions};
    let world = World::start();
    let client = world.machine();
    let options = ApplyOptions { dry_run: false, prune: false };
    let report = tenant_file::apply(&world.server.setup, TENANTS[0], options).unwrap();
    assert_eq!(report.lines, ["= nothing to change"]);
    let name = domain::TenantName::parse("std").unwrap();
    let exported = tenant_file::export(&world.server.setup, &name).unwrap();
    assert!(exported.contains(text(&client, "client_id")));
    tenant_file::apply(&world.server.setup, &exported, options).unwrap();
    assert_eq!(own(&client, reqwest::Method::GET).said().status, 200, "its token still works");
}
