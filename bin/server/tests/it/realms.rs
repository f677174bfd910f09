//! The second layout of paths: `/auth/realms/{tenant}` (seed 001; docs/decisions/0035).

use std::{process::Command, time::Duration};

use reqwest::blocking::RequestBuilder;
use serde_json::{Value, json};

use super::assertions::{TYPE, keys::Key};
use super::support::{Ask as _, Demo, Said, http, in_process::Server, jwt_part, wait_for};

/// Seed 001's first example, letter by letter; only the host differs.
const SCRIPT: &str = r#"BASEURL="https://auth.buypass.no/auth/realms/SECURITYDOMAIN/protocol/openid-connect";
CLIENT_ID="oidc-client"
CLIENT_SECRET="mysecret"
BASIC_AUTH=`echo -n "${CLIENT_ID}:${CLIENT_SECRET}"| base64`
SCOPE="service-api"
 
curl -i -w "\n" \
-H "Content-Type: application/x-www-form-urlencoded" \
-H "Authorization: Basic ${BASIC_AUTH}" \
-X POST "${BASEURL}/token" \
-d "grant_type=client_credentials"\
"&scope=${SCOPE}"
"#;

#[test]
fn the_seeds_first_script_runs_unchanged_but_for_its_host() {
    let demo = Demo::start();
    let script = SCRIPT.replace("https://auth.buypass.no", &demo.url);
    let out = Command::new("bash").args(["-c", &script]).output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    let (head, body) = said.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{said}"));
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{said}");
    assert!(head.contains("cache-control: no-store"), "{said}");
    let answer: Value = serde_json::from_str(body).unwrap();
    assert!(answer["access_token"].as_str().unwrap().starts_with("cat_"), "{said}");
    assert_eq!(answer["token_type"], "Bearer");
}

/// Its second example: the keystore's password, host and `--cacert` are what differs.
const SECOND: &str = r#"SD="SECURITYDOMAIN"
ISSUER_URL="https://auth.buypass.no/auth/realms/${SD}";
# Note: Parameter to trigger MTLS inly when requested
TOKEN_URL="${ISSUER_URL}/protocol/openid-connect/token?_tlsclientauth=1";
CLIENT_ID="oidc-client";

# Assuming private key and certificate is available in the keystore named:
# ${CLIENT_ID}-keystore.p12

# Export the certificate
openssl pkcs12 -in ${CLIENT_ID}-keystore.p12 -nokeys -out ${CLIENT_ID}-cert.pem
# Export the private key (unencrypted)
openssl pkcs12 -in ${CLIENT_ID}-keystore.p12 -nodes -nocerts -out ${CLIENT_ID}-key.pem

# Post client authorization request using curl
curl -v -i -w "\n" \
--cert ${CLIENT_ID}-cert.pem \
--key ${CLIENT_ID}-key.pem \
-H "Content-Type: application/x-www-form-urlencoded" \
-X POST "${TOKEN_URL}" \
-d "grant_type=client_credentials"\
"&client_id=${CLIENT_ID}"
"#;

#[test]
fn the_seeds_second_script_runs_unchanged_but_for_its_host() {
    let demo = Demo::start();
    let dir = tempfile::tempdir().unwrap();
    let run = |script: &str| {
        let out = Command::new("bash").args(["-c", script]).current_dir(dir.path()).output().unwrap();
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    let pki = demo.data.path().join("pki");
    let (cert, key) = (pki.join("oidc-client.pem"), pki.join("oidc-client.key"));
    run(&format!(
        "openssl pkcs12 -export -in {} -inkey {} -out oidc-client-keystore.p12 -passout pass:mysecret",
        cert.display(),
        key.display()
    ));
    let script = SECOND
        .replace("https://auth.buypass.no", &demo.tls)
        .replace("openssl pkcs12 ", "openssl pkcs12 -passin pass:mysecret ")
        .replace("curl -v", &format!("curl --cacert {} -v", pki.join("ca.pem").display()));
    let granted = |said: &str| -> Value {
        let (head, body) = said.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{said}"));
        assert!(head.contains(" 200"), "{said}");
        serde_json::from_str(body).unwrap()
    };
    assert!(granted(&run(&script))["access_token"].as_str().unwrap().starts_with("cat_"));
    // The line that the demo prints, as it stands.
    let line = demo.printed.iter().find(|line| line.contains("-d client_id=oidc-client")).unwrap();
    let said = run(line);
    assert!(said.contains("access_token"), "{said}");
    // And without the certificate nobody is taken for the client.
    let said =
        run(&script.replace("--cert ${CLIENT_ID}-cert.pem", "").replace("--key ${CLIENT_ID}-key.pem", ""));
    assert!(said.contains(" 401") && said.contains("invalid_client"), "{said}");
}

const BOTH: &str = "name = 'both'\nprofile = 'openid'\n[settings]\nrealms_layout = true\n\
    signing_algs = ['ES256']\ncors_origins = ['https://app.example']\n\
    [[policies]]\ncode = 'AT_SYSLOG'\n[policies.passwordPolicy]\nnotBlackListed = false\nminDiffChars = 1\n\
    [[policies]]\ncode = 'AT_STDPWD'\n[policies.passwordPolicy]\nnotBlackListed = false\n\
    [[clients]]\nclient_id = 'legacy'\nclient_secret = 'Ab-100%25+x/9'\nauth_methods = ['client_secret_basic']\n\
    grant_types = ['password', 'client_credentials', 'refresh_token']\nscopes = ['openid', 'offline_access']\n\
    permissions = ['introspect']\nhid_user_authn_policy = 'AT_STDPWD'\n\
    [[clients]]\nclient_id = 'jwt'\nclient_secret = 'Ab-100%25+x/9'\naccess_token_format = 'jwt'\n\
    grant_types = ['password', 'refresh_token']\nscopes = ['openid', 'offline_access']\n\
    hid_user_authn_policy = 'AT_STDPWD'\n\
    [[users]]\nuser_name = 'bob'\n[[users.authenticators]]\npolicy = 'AT_STDPWD'\n\
    password = 'correct-horse-battery-staple'\n";

/// `legacy`'s secret as it is, and as form-url-encoding writes it.
const RAW: &str = "Ab-100%25+x/9";
const ENCODED: &str = "Ab-100%2525%2Bx%2F9";

struct World {
    server: Server,
    key: Key,
}

impl World {
    fn start() -> Self {
        let key = Key::ec();
        let set = json!({ "keys": [key.jwk(&json!({}))] });
        let robot = format!(
            "[[clients]]\nclient_id = 'robot'\nauth_methods = ['private_key_jwt']\njwks = '''{set}'''\n"
        );
        let server = Server::start(&[
            &format!("{BOTH}{robot}"),
            "name = 'plain'\nprofile = 'openid'\n[settings]\nsigning_algs = ['ES256']\n",
        ]);
        Self { server, key }
    }

    fn issuer(&self, realms: bool) -> String {
        let path = if realms { "/auth/realms/both" } else { "/idp/both/authn" };
        format!("{}{path}", self.server.url)
    }

    fn at(&self, realms: bool, endpoint: &str) -> String {
        let middle = if realms { "/protocol/openid-connect" } else { "" };
        format!("{}{middle}/{endpoint}", self.issuer(realms))
    }

    fn password(&self, realms: bool) -> Value {
        self.logged_in("legacy", realms, "openid")
    }

    fn logged_in(&self, client: &str, realms: bool, scope: &str) -> Value {
        let form = [
            ("grant_type", "password"),
            ("username", "bob"),
            ("password", "correct-horse-battery-staple"),
            ("scope", scope),
        ];
        self.ask(client, realms, "token").form(&form).json_ok()
    }

    /// A request by a client with its secret as the layout writes it.
    fn ask(&self, client: &str, realms: bool, endpoint: &str) -> RequestBuilder {
        let path = if realms && endpoint == "introspect" { "token/introspect" } else { endpoint };
        let secret = if realms { RAW } else { ENCODED };
        http().post(self.at(realms, path)).basic_auth(client, Some(secret))
    }

    fn refresh(&self, client: &str, realms: bool, tokens: &Value) -> Said {
        let token = tokens["refresh_token"].as_str().unwrap();
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.ask(client, realms, "token").form(&form).said()
    }

    fn active(&self, realms: bool, token: &str) -> Value {
        self.ask("legacy", realms, "introspect").form(&[("token", token)]).json_ok()
    }

    /// Switches the layout on or off, and waits until that is obeyed.
    fn reached_as_a_realm(&self, on: bool) {
        use countersign_server::tenant_file::{self, ApplyOptions};
        let name = domain::TenantName::parse("both").unwrap();
        let exported = tenant_file::export(&self.server.setup, &name).unwrap();
        let (was, is) = (format!("realms_layout = {}", !on), format!("realms_layout = {on}"));
        assert!(exported.contains(&was), "{exported}");
        let changed = exported.replace(&was, &is);
        tenant_file::apply(&self.server.setup, &changed, ApplyOptions { dry_run: false, prune: false })
            .unwrap();
        let there = format!("{}/.well-known/openid-configuration", self.issuer(true));
        let status = if on { 200 } else { 404 };
        let seen = || (http().get(&there).said().status == status).then_some(());
        assert!(wait_for(Duration::from_secs(10), seen).is_some());
    }

    fn assert(&self, realms: bool, audience: &str, jti: &str) -> Said {
        let now = self.server.clock.now().millis() / 1000;
        let claims = json!({
            "iss": "robot", "sub": "robot", "aud": audience, "exp": now + 60, "iat": now, "jti": jti,
        });
        let assertion = self.key.jwt("ES256", &json!({}), &claims);
        let form = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", TYPE),
            ("client_assertion", &assertion),
        ];
        http().post(self.at(realms, "token")).form(&form).said()
    }
}

#[test]
fn each_layout_has_its_own_issuer_and_metadata_whose_endpoints_answer() {
    let world = World::start();
    for realms in [false, true] {
        let issuer = world.issuer(realms);
        let document = http().get(format!("{issuer}/.well-known/openid-configuration")).json_ok();
        assert_eq!(document["issuer"], issuer);
        let path = issuer.strip_prefix(&world.server.url).unwrap();
        for place in ["oauth-authorization-server", "openid-configuration"] {
            let url = format!("{}/.well-known/{place}{path}", world.server.url);
            assert_eq!(http().get(url).json_ok(), document);
        }
        for (member, value) in document.as_object().unwrap() {
            if member.ends_with("_endpoint") || member == "jwks_uri" {
                let url = value.as_str().unwrap();
                assert!(url.starts_with(&format!("{issuer}/")), "{member} is {url}");
                let status = http().get(url).said().status;
                assert!(matches!(status, 200 | 401 | 405), "{member} answers {status}");
            }
        }
        let keys = http().get(document["jwks_uri"].as_str().unwrap()).said();
        assert_eq!(keys.header("cache-control"), "public, max-age=3600");
        let cors = http().get(document["jwks_uri"].as_str().unwrap()).header("origin", "https://app.example");
        assert_eq!(cors.said().header("access-control-allow-origin"), "https://app.example");
        let asked = http().request(reqwest::Method::OPTIONS, world.at(realms, "token")).said();
        assert_eq!((asked.status, asked.header("allow")), (204, "POST, OPTIONS"));
    }
    for (name, path) in [("introspection_endpoint", "token/introspect"), ("jwks_uri", "certs")] {
        let document =
            http().get(format!("{}/.well-known/openid-configuration", world.issuer(true))).json_ok();
        assert_eq!(document[name], world.at(true, path));
    }
}

#[test]
fn a_tenant_without_the_layout_is_unknown_there() {
    let world = World::start();
    for path in [
        "/auth/realms/plain/protocol/openid-connect/token",
        "/auth/realms/plain/protocol/openid-connect/certs",
        "/auth/realms/plain/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server/auth/realms/plain",
        "/auth/realms/nobody/protocol/openid-connect/token",
    ] {
        let url = format!("{}{path}", world.server.url);
        for method in [reqwest::Method::GET, reqwest::Method::POST, reqwest::Method::OPTIONS] {
            assert_eq!(http().request(method, &url).said().status, 404, "{path}");
        }
    }
    let idp = world.server.tenant("plain", ".well-known/openid-configuration");
    assert_eq!(http().get(idp).said().status, 200);
}

#[test]
fn an_assertion_for_the_issuer_of_one_layout_is_refused_at_the_other() {
    let world = World::start();
    let mut number = 0_u32;
    for realms in [false, true] {
        for (audience, good) in [
            (world.issuer(realms), true),
            (world.at(realms, "token"), true),
            (world.issuer(!realms), false),
            (world.at(!realms, "token"), false),
        ] {
            number += 1;
            let said = world.assert(realms, &audience, &format!("a-{number}"));
            assert_eq!(said.status, if good { 200 } else { 401 }, "{audience}: {}", said.text);
        }
    }
    // One identifier is good once, whatever the layout.
    assert_eq!(world.assert(true, &world.issuer(true), "again").status, 200);
    assert_eq!(world.assert(false, &world.issuer(false), "again").status, 401);
}

#[test]
fn basic_credentials_are_taken_as_they_are_there_and_decoded_elsewhere() {
    let world = World::start();
    let ask = |realms, secret| {
        let form = [("grant_type", "client_credentials")];
        http().post(world.at(realms, "token")).basic_auth("legacy", Some(secret)).form(&form).said().status
    };
    assert_eq!([ask(true, RAW), ask(true, ENCODED)], [200, 401]);
    assert_eq!([ask(false, ENCODED), ask(false, RAW)], [200, 401]);
}

#[test]
fn id_tokens_name_the_issuer_that_gave_them_and_introspection_the_one_that_is_asked() {
    let world = World::start();
    for realms in [false, true] {
        let tokens = world.password(realms);
        assert_eq!(jwt_part(tokens["id_token"].as_str().unwrap(), 1)["iss"], world.issuer(realms));
        let token = tokens["access_token"].as_str().unwrap();
        for asked in [false, true] {
            let secret = if asked { RAW } else { ENCODED };
            let path = if asked { "token/introspect" } else { "introspect" };
            let request = http().post(world.at(asked, path)).basic_auth("legacy", Some(secret));
            let answer = request.form(&[("token", token)]).json_ok();
            assert_eq!((&answer["active"], &answer["iss"]), (&json!(true), &json!(world.issuer(asked))));
            let user = http().get(world.at(asked, "userinfo")).bearer_auth(token).said();
            assert_eq!(user.status, 200, "{}", user.text);
        }
    }
}

const OFFLINE: &str = "openid offline_access";

fn iss(token: &Value) -> Value {
    jwt_part(token.as_str().unwrap(), 1)["iss"].clone()
}

#[test]
fn a_refresh_at_the_other_layout_keeps_the_issuer_of_the_log_in() {
    let world = World::start();
    for realms in [false, true] {
        let mut tokens = world.logged_in("jwt", realms, OFFLINE);
        let first = jwt_part(tokens["id_token"].as_str().unwrap(), 1);
        // There and back again: the second answer rests on the first one's token.
        for asked in [!realms, realms, !realms] {
            let said = world.refresh("jwt", asked, &tokens);
            assert_eq!(said.status, 200, "{}", said.text);
            tokens = said.json();
            let claims = jwt_part(tokens["id_token"].as_str().unwrap(), 1);
            assert_eq!(claims["iss"], world.issuer(realms), "OpenID Connect Core §12.2");
            for same in ["sub", "aud", "auth_time"] {
                assert_eq!(claims[same], first[same]);
            }
            assert_eq!(iss(&tokens["access_token"]), world.issuer(realms));
        }
        // A retry hears the same, wherever it comes in.
        let [one, other] = [realms, !realms].map(|asked| world.refresh("jwt", asked, &tokens));
        assert_eq!((one.status, &one.text), (200, &other.text));
    }
}

#[test]
fn a_refresh_of_an_issuer_that_is_gone_is_refused_and_spends_nothing() {
    let world = World::start();
    let tokens = world.logged_in("legacy", true, OFFLINE);
    let set = |on| world.reached_as_a_realm(on);
    set(false);
    let refused = world.refresh("legacy", false, &tokens);
    assert_eq!(refused.error(), (400, "invalid_grant".into()));
    set(true);
    let said = world.refresh("legacy", false, &tokens);
    assert_eq!(said.status, 200, "{}", said.text);
    assert_eq!(iss(&said.json()["id_token"]), world.issuer(true));
}

#[test]
fn a_jwt_of_one_layout_stands_and_falls_at_both() {
    let world = World::start();
    for issued in [false, true] {
        let revoke = |realms: bool, token: &str| {
            let said = world.ask("jwt", realms, "revoke").form(&[("token", token)]).said();
            assert_eq!(said.status, 200, "{}", said.text);
        };
        for revoked in [false, true] {
            let tokens = world.logged_in("jwt", issued, OFFLINE);
            let token = tokens["access_token"].as_str().unwrap();
            assert_eq!(
                iss(&tokens["access_token"]),
                world.issuer(issued),
                "it keeps what it was issued under"
            );
            for asked in [false, true] {
                let answer = world.active(asked, token);
                assert_eq!((&answer["active"], &answer["iss"]), (&json!(true), &json!(world.issuer(asked))));
                let user = http().get(world.at(asked, "userinfo")).bearer_auth(token).said();
                assert_eq!(user.status, 200, "{}", user.text);
            }
            revoke(revoked, token);
            for asked in [false, true] {
                assert_eq!(world.active(asked, token), json!({ "active": false }));
                assert_eq!(http().get(world.at(asked, "userinfo")).bearer_auth(token).said().status, 401);
                assert_eq!(world.refresh("jwt", asked, &tokens).error(), (400, "invalid_grant".into()));
            }
        }
    }
}

#[test]
fn a_jwt_that_was_revoked_while_its_layout_was_off_is_dead_when_that_is_on_again() {
    let world = World::start();
    let (kept, revoked) = (world.logged_in("jwt", true, "openid"), world.logged_in("jwt", true, "openid"));
    let active =
        |tokens: &Value| world.active(false, tokens["access_token"].as_str().unwrap())["active"] == true;
    world.reached_as_a_realm(false);
    assert!(!active(&kept) && !active(&revoked));
    let form = [("token", revoked["access_token"].as_str().unwrap())];
    assert_eq!(world.ask("jwt", false, "revoke").form(&form).said().status, 200);
    world.reached_as_a_realm(true);
    assert!(active(&kept) && !active(&revoked));
}
