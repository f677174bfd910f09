//! A matrix of endpoint × credential of another tenant or client: it leaks nothing and changes nothing
//! (DECISIONS 4.1, 5.2–5.4).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::blocking::Client;
use serde_json::Value;

use super::support::{Ask as _, Said, http, http_from, in_process::Server};

/// The tenants have clients and users of the same names; only their secrets differ.
fn tenant(name: &str, profile: &str) -> String {
    format!(
        r#"
name = "{name}"
profile = "{profile}"

[[policies]]
code = "AT_SYSLOG"
passwordPolicy = {{ notUserAttribute = false }}

[[clients]]
client_id = "web"
client_secret = "Web.Of-{name}-7391"
auth_methods = ["client_secret_basic", "client_secret_post"]
grant_types = ["client_credentials", "password", "refresh_token"]
scopes = ["openid", "profile", "offline_access"]
hid_user_authn_policy = "AT_STDPWD"

[[clients]]
client_id = "peer"
client_secret = "Peer.Of-{name}-8264"
auth_methods = ["client_secret_basic", "client_secret_post"]
grant_types = ["client_credentials", "password", "refresh_token"]
scopes = ["openid", "profile", "offline_access"]
hid_user_authn_policy = "AT_STDPWD"

[[clients]]
client_id = "watch"
client_secret = "Watch.Of-{name}-9153"
auth_methods = ["client_secret_basic", "client_secret_post"]
grant_types = ["client_credentials", "refresh_token"]
permissions = ["introspect"]

[[clients]]
client_id = "app"
auth_methods = ["none"]
grant_types = ["password", "refresh_token"]
scopes = ["openid", "profile", "offline_access"]
hid_user_authn_policy = "AT_STDPWD"

[[clients]]
client_id = "rival"
auth_methods = ["none"]
grant_types = ["password", "refresh_token"]
scopes = ["openid", "profile", "offline_access"]
hid_user_authn_policy = "AT_STDPWD"

[[users]]
user_name = "quinn"
[[users.authenticators]]
policy = "AT_STDPWD"
password = "Wren.Sings-41"
"#
    )
}

const TENANTS: [(&str, &str); 3] = [("one", "hid"), ("two", "hid"), ("std", "openid")];

fn secret(tenant: &str, client: &str) -> String {
    match client {
        "web" => format!("Web.Of-{tenant}-7391"),
        "peer" => format!("Peer.Of-{tenant}-8264"),
        _ => format!("Watch.Of-{tenant}-9153"),
    }
}

/// How a request authenticates its client.
#[derive(Clone, Debug)]
enum By {
    Nothing,
    Basic(String, String),
    Post(String, String),
    Public(&'static str),
    Bearer(String),
}

impl By {
    fn own(tenant: &str, client: &str) -> Self {
        Self::Basic(client.to_owned(), secret(tenant, client))
    }
}

struct World {
    server: Server,
    http: Client,
}

impl World {
    fn start() -> Self {
        let files = TENANTS.map(|(name, profile)| tenant(name, profile));
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        Self { server: Server::start(&files), http: http() }
    }

    fn ask(&self, tenant: &str, endpoint: &str, by: &By, form: &[(&str, &str)]) -> Said {
        ask(&self.http, &self.server.tenant(tenant, endpoint), by, form)
    }

    fn machine(&self, tenant: &str, client: &str) -> String {
        let said =
            self.ask(tenant, "token", &By::own(tenant, client), &[("grant_type", "client_credentials")]);
        text(&said, "access_token")
    }

    fn grant(&self, tenant: &'static str, client: &'static str) -> Grant {
        let by = if client == "app" { By::Public("app") } else { By::own(tenant, client) };
        let form = [
            ("grant_type", "password"),
            ("username", "quinn"),
            ("password", "Wren.Sings-41"),
            ("scope", "openid profile offline_access"),
        ];
        let said = self.ask(tenant, "token", &by, &form);
        Grant {
            tenant,
            client,
            by,
            access: text(&said, "access_token"),
            refresh: text(&said, "refresh_token"),
        }
    }

    /// All the tokens that a tenant's owners hold.
    fn grants(&self, tenant: &'static str) -> [Grant; 2] {
        [self.grant(tenant, "web"), self.grant(tenant, "app")]
    }

    fn refresh(&self, tenant: &str, by: &By, token: &str) -> Said {
        self.ask(tenant, "token", by, &[("grant_type", "refresh_token"), ("refresh_token", token)])
    }

    fn userinfo(&self, tenant: &str, token: &str) -> Said {
        self.http.get(self.server.tenant(tenant, "userinfo")).bearer_auth(token).said()
    }

    /// The true owner still has all of it.
    #[track_caller]
    fn is_whole(&self, grant: &Grant, after: &str) {
        let Grant { tenant, .. } = *grant;
        let said = self.userinfo(tenant, &grant.access);
        assert_eq!(said.status, 200, "{tenant}/{} after {after}: {}", grant.client, said.text);
        // A public client learns nothing by introspection.
        if grant.client != "app" {
            for token in [&grant.access, &grant.refresh] {
                let seen = self.ask(tenant, "introspect", &grant.by, &[("token", token)]).json();
                assert_eq!(seen["active"], true, "{tenant}/{} after {after}", grant.client);
            }
        }
    }

    #[track_caller]
    fn all_are_whole(&self, grants: &[Grant], after: &str) {
        for grant in grants {
            self.is_whole(grant, after);
        }
    }

    #[track_caller]
    fn all_go_on(&self, grants: &[Grant]) {
        for grant in grants {
            self.goes_on(grant);
        }
    }

    /// And can go on with it.
    #[track_caller]
    fn goes_on(&self, grant: &Grant) {
        self.is_whole(grant, "everything");
        let said = self.refresh(grant.tenant, &grant.by, &grant.refresh);
        assert_eq!(said.status, 200, "{}/{}: {}", grant.tenant, grant.client, said.text);
        let again = self.refresh(grant.tenant, &grant.by, &text(&said, "refresh_token"));
        assert_eq!(again.status, 200, "{}", again.text);
    }
}

/// What one log-in gave to its client.
#[derive(Debug)]
struct Grant {
    tenant: &'static str,
    client: &'static str,
    by: By,
    access: String,
    refresh: String,
}

impl Grant {
    fn tokens(&self) -> [&str; 2] {
        [&self.access, &self.refresh]
    }
}

fn ask(http: &Client, url: &str, by: &By, form: &[(&str, &str)]) -> Said {
    let mut form = form.to_vec();
    let request = http.post(url);
    let request = match by {
        By::Nothing => request,
        By::Basic(id, secret) => {
            request.header("authorization", format!("Basic {}", STANDARD.encode(format!("{id}:{secret}"))))
        }
        By::Post(id, secret) => {
            form.extend([("client_id", id.as_str()), ("client_secret", secret.as_str())]);
            request
        }
        By::Public(id) => {
            form.push(("client_id", id));
            request
        }
        By::Bearer(token) => request.bearer_auth(token),
    };
    request.form(&form).said()
}

fn text(said: &Said, name: &str) -> String {
    assert_eq!(said.status, 200, "{}", said.text);
    said.json()[name].as_str().unwrap().to_owned()
}

#[track_caller]
fn knows_nothing(said: &Said) {
    assert_eq!((said.status, said.text.as_str()), (200, r#"{"active":false}"#));
}

#[track_caller]
fn does_nothing(said: &Said) {
    assert_eq!((said.status, said.text.as_str()), (200, ""));
}

/// Refused, with nothing in the answer but the refusal.
#[track_caller]
fn refused(said: &Said, status: u16, error: &str) {
    assert_eq!(said.error(), (status, error.to_owned()), "{}", said.text);
    let Value::Object(members) = said.json() else { panic!("{}", said.text) };
    let mut names: Vec<&str> = members.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["error", "error_description"]);
    for secret in ["cat_", "crt_", "quinn", "Wren"] {
        assert!(!said.text.contains(secret), "{}", said.text);
    }
}

/// Ordered pairs of different tenants.
fn pairs() -> impl Iterator<Item = (&'static str, &'static str)> {
    let names = || TENANTS.map(|(name, _)| name).into_iter();
    names()
        .flat_map(move |home| names().map(move |foreign| (home, foreign)))
        .filter(|(home, foreign)| home != foreign)
}

/// What a token says it is, without the rest.
fn kind(token: &str) -> &str {
    token.get(..4).unwrap()
}

fn is_hid(tenant: &str) -> bool {
    tenant != "std"
}

#[test]
fn another_tenants_tokens_are_unknown_everywhere() {
    let world = World::start();
    for (home, foreign) in pairs() {
        let grants = world.grants(home);
        let machine = world.machine(home, "watch");
        let tokens = grants.iter().flat_map(Grant::tokens).chain([machine.as_str(), "IA=="]);
        for token in tokens {
            let what = format!("{home}'s {} at {foreign}", kind(token));
            // The client of the same id, and one that may introspect everything of its tenant.
            for client in ["web", "watch", "peer"] {
                let by = By::own(foreign, client);
                knows_nothing(&world.ask(foreign, "introspect", &by, &[("token", token)]));
                does_nothing(&world.ask(foreign, "revoke", &by, &[("token", token)]));
            }
            refused(&world.userinfo(foreign, token), 401, "invalid_token");
            for by in [By::own(foreign, "web"), By::own(foreign, "peer"), By::Public("app")] {
                refused(&world.refresh(foreign, &by, token), 400, "invalid_grant");
            }
            let unnamed = world.refresh(foreign, &By::Nothing, token);
            if is_hid(foreign) {
                refused(&unnamed, 400, "invalid_grant");
            } else {
                refused(&unnamed, 400, "invalid_request");
            }
            world.all_are_whole(&grants, &what);
        }
        world.all_go_on(&grants);
        let seen = world.ask(home, "introspect", &By::own(home, "watch"), &[("token", &machine)]).json();
        assert_eq!(seen["active"], true);
    }
}

#[test]
fn another_tenants_token_authenticates_no_client() {
    let world = World::start();
    for (home, foreign) in pairs() {
        let grants = world.grants(home);
        let machines = ["web", "watch"].map(|client| world.machine(home, client));
        let tokens = grants.iter().flat_map(Grant::tokens).chain(machines.iter().map(String::as_str));
        for token in tokens {
            for (endpoint, form) in [
                ("token", ("grant_type", "client_credentials")),
                ("introspect", ("token", token)),
                ("revoke", ("token", token)),
            ] {
                let by = By::Bearer(token.to_owned());
                refused(&world.ask(foreign, endpoint, &by, &[form]), 401, "invalid_client");
                let named = [form, ("client_id", "web")];
                refused(&world.ask(foreign, endpoint, &by, &named), 401, "invalid_client");
            }
        }
        world.all_go_on(&grants);
    }
}

#[test]
fn another_tenants_secrets_are_wrong_secrets() {
    let world = World::start();
    let mut address = 1_u8;
    for (home, foreign) in pairs() {
        let grants = world.grants(foreign);
        for client in ["web", "peer", "watch"] {
            // Every guess counts against its source, so each comes from its own.
            let (id, secret) = (client.to_owned(), secret(home, client));
            for by in [By::Basic(id.clone(), secret.clone()), By::Post(id, secret)] {
                address += 1;
                let http = http_from(&format!("127.0.1.{address}"));
                let unknown =
                    ask(&http, &world.server.tenant(foreign, "introspect"), &unknown(&by), &[("token", "x")]);
                for (endpoint, form) in [
                    ("token", ("grant_type", "client_credentials")),
                    ("introspect", ("token", grants[0].access.as_str())),
                    ("revoke", ("token", grants[0].access.as_str())),
                ] {
                    let said = ask(&http, &world.server.tenant(foreign, endpoint), &by, &[form]);
                    refused(&said, 401, "invalid_client");
                    assert_eq!(said.text, unknown.text, "a client of that id exists, which must not show");
                    assert_eq!(said.header("www-authenticate"), unknown.header("www-authenticate"));
                }
            }
        }
        world.all_go_on(&grants);
    }
}

/// The same for a client that does not exist.
fn unknown(by: &By) -> By {
    match by {
        By::Basic(_, secret) => By::Basic("nobody".to_owned(), secret.clone()),
        By::Post(_, secret) => By::Post("nobody".to_owned(), secret.clone()),
        other => other.clone(),
    }
}

#[test]
fn another_client_of_the_tenant_learns_and_changes_nothing() {
    let world = World::start();
    for (tenant, _) in TENANTS {
        let grants = world.grants(tenant);
        for token in grants.iter().flat_map(Grant::tokens) {
            let what = format!("{tenant}, {}", kind(token));
            for by in [By::own(tenant, "peer"), By::Public("rival"), By::Public("app")] {
                // A public client learns nothing even of its own (DECISIONS 5.2).
                knows_nothing(&world.ask(tenant, "introspect", &by, &[("token", token)]));
            }
            for by in [By::own(tenant, "peer"), By::own(tenant, "watch"), By::Public("rival")] {
                for hint in ["access_token", "refresh_token", "nonsense"] {
                    does_nothing(&world.ask(
                        tenant,
                        "revoke",
                        &by,
                        &[("token", token), ("token_type_hint", hint)],
                    ));
                }
                refused(&world.refresh(tenant, &by, token), 400, "invalid_grant");
            }
            world.all_are_whole(&grants, &what);
        }
        let [of_web, of_app] = &grants;
        refused(&world.refresh(tenant, &By::Public("app"), &of_web.refresh), 400, "invalid_grant");
        refused(&world.refresh(tenant, &By::own(tenant, "web"), &of_app.refresh), 400, "invalid_grant");
        // The token of a confidential client names it; its proof is still missing.
        // In `openid` nothing names it.
        let unnamed = world.refresh(tenant, &By::Nothing, &of_web.refresh);
        if is_hid(tenant) {
            refused(&unnamed, 401, "invalid_client");
        } else {
            refused(&unnamed, 400, "invalid_request");
        }
        refused(&world.refresh(tenant, &By::Public("web"), &of_web.refresh), 401, "invalid_client");
        // A refresh token is its owner's alone, whatever permission another has.
        knows_nothing(&world.ask(
            tenant,
            "introspect",
            &By::own(tenant, "watch"),
            &[("token", &of_web.refresh)],
        ));
        knows_nothing(&world.ask(
            tenant,
            "introspect",
            &By::own(tenant, "watch"),
            &[("token", &of_app.refresh)],
        ));
        world.all_go_on(&grants);
    }
}

#[test]
fn no_token_of_a_user_authenticates_a_client() {
    let world = World::start();
    for (tenant, _) in TENANTS {
        let grants = world.grants(tenant);
        let tokens = grants.iter().flat_map(Grant::tokens).chain(["IA==", "", "x"]);
        for token in tokens {
            let by = By::Bearer(token.to_owned());
            for (endpoint, form) in [
                ("token", ("grant_type", "client_credentials")),
                ("introspect", ("token", token)),
                ("revoke", ("token", token)),
            ] {
                for named in [None, Some(("client_id", "web")), Some(("client_id", "app"))] {
                    let form: Vec<_> = [form].into_iter().chain(named).collect();
                    refused(&world.ask(tenant, endpoint, &by, &form), 401, "invalid_client");
                }
            }
        }
        world.all_go_on(&grants);
    }
}

#[test]
fn a_machines_token_is_nobody_elses_proof() {
    let world = World::start();
    let machine = world.machine("one", "web");
    let grant = world.grant("one", "web");
    let by = By::Bearer(machine.clone());
    // It is web, and may do what web may.
    let seen = world.ask("one", "introspect", &by, &[("token", &grant.access)]).json();
    assert_eq!(seen["active"], true);
    for other in ["peer", "watch", "app", "nobody"] {
        let said = world.ask("one", "introspect", &by, &[("token", &grant.access), ("client_id", other)]);
        refused(&said, 401, "invalid_client");
    }
    refused(&world.userinfo("one", &machine), 403, "insufficient_scope");
    world.goes_on(&grant);
}

#[test]
fn an_introspection_that_is_not_allowed_is_no_activity() {
    let world = World::start();
    let (seen_by_owner, seen_by_peer) = (world.grant("one", "web"), world.grant("one", "web"));
    let (owner, peer) = (By::own("one", "web"), By::own("one", "peer"));
    let introspect = |by: &By, token: &str| {
        world.ask("one", "introspect", by, &[("token", token)]).json()["active"].clone()
    };
    // AT_STDPWD: 600 s without activity, and 30 s of grace.
    world.server.later(600);
    assert_eq!(introspect(&peer, &seen_by_peer.access), false);
    assert_eq!(introspect(&owner, &seen_by_owner.access), true);
    world.server.later(30);
    assert_eq!(introspect(&owner, &seen_by_peer.access), false);
    assert_eq!(introspect(&owner, &seen_by_owner.access), true);
}

#[test]
fn a_code_or_secret_in_the_place_of_a_token_is_nothing() {
    let world = World::start();
    let grant = world.grant("one", "web");
    let body = grant.access.strip_prefix("cat_").unwrap();
    // The right bytes under another kind's prefix, halves, doubles, and another letter case.
    let texts = [
        format!("crt_{body}"),
        format!("cac_{body}"),
        format!("csk_{body}"),
        body.to_owned(),
        format!("{}{}", grant.access, grant.access),
        format!("{} ", grant.access),
        grant.access.get(..67).unwrap().to_owned(),
        grant.access.to_uppercase(),
        format!("{}=", grant.access),
    ];
    for text in &texts {
        knows_nothing(&world.ask("one", "introspect", &grant.by, &[("token", text)]));
        does_nothing(&world.ask("one", "revoke", &grant.by, &[("token", text)]));
        refused(&world.refresh("one", &grant.by, text), 400, "invalid_grant");
    }
    world.goes_on(&grant);
}
