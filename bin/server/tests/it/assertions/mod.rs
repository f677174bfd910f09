//! Clients that prove themselves with JWTs (RFC 7523), against the real binary.

mod attacks;
mod fapi2;
mod foreign;
pub(super) mod keys;
mod methods;
mod names;
pub(super) mod published;
mod replay;

use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    time::SystemTime,
};

use domain::{Env, Timestamp, machine_secret};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::support::{
    Ask as _, Said, http,
    serve::{Node, countersign},
};
use keys::Key;

const ISSUER: &str = "https://id.example/idp/acme/authn";
const HID: &str = "https://id.example/idp/bank/authn";
pub(super) const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Two tenants, and the keys of their clients: `robot` (any algorithm), `narrow` (ES256 only), `mac`.
struct World {
    node: Node,
    rsa: Key,
    ec: Key,
    ed: Key,
    secret: String,
    _dir: TempDir,
}

impl World {
    fn start() -> Self {
        let (rsa, ec, ed) = (Key::rsa(), Key::ec(), Key::ed());
        let secret = secret();
        let set = set(&[
            rsa.jwk(&json!({ "kid": "rsa" })),
            ec.jwk(&json!({ "kid": "ec", "use": "sig" })),
            ed.jwk(&json!({ "kid": "ed", "key_ops": ["verify"] })),
            Key::ec().jwk(&json!({ "kid": "enc", "use": "enc" })),
        ]);
        let narrow = set_of(&ec);
        let clients = format!(
            "{}token_endpoint_auth_signing_alg = ['ES256']\n\
             [[clients]]\nclient_id = 'mac'\nauth_methods = ['client_secret_jwt', 'client_secret_basic']\n\
             client_secret = '{secret}'\n",
            [key_client("robot", &set), key_client("narrow", &narrow)].concat(),
        );
        let dir = tempfile::tempdir().unwrap();
        configure(dir.path(), &[("acme", "openid", &clients), ("bank", "hid", &clients)]);
        let node = Node::start(dir.path(), "c.toml");
        Self { node, rsa, ec, ed, secret, _dir: dir }
    }

    /// A token request at tenant acme.
    fn ask(&self, assertion: &str) -> Said {
        token(&self.node, "acme", assertion)
    }

    /// `robot`'s assertion under ES256.
    fn good(&self) -> String {
        self.ec.jwt("ES256", &json!({ "kid": "ec" }), &claims("robot", ISSUER))
    }
}

fn set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

fn set_of(key: &Key) -> String {
    set(&[key.jwk(&json!({}))])
}

/// A client of keys in a tenant file.
fn key_client(id: &str, set: &str) -> String {
    format!("[[clients]]\nclient_id = '{id}'\nauth_methods = ['private_key_jwt']\njwks = '''{set}'''\n")
}

/// A secret of the generated form.
fn secret() -> String {
    let env = Env { now: Timestamp::from_secs(0), entropy: &jose::OsEntropy };
    machine_secret::mint(&env).unwrap().expose().to_owned()
}

/// An installation with these tenants: name, profile, and what more the file says.
fn configure(dir: &Path, tenants: &[(&str, &str, &str)]) {
    let config = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\npublic_url = \"https://id.example\"\n\
         [management]\nlisten = \"127.0.0.1:0\"\n[database]\nurl = \"sqlite:{}\"\n\
         [security]\nmaster_key = \"{}\"\n[security.argon2]\nmemory_kib = 512\niterations = 1\n",
        dir.join("db.sqlite3").display(),
        "ab".repeat(32)
    );
    std::fs::write(dir.join("c.toml"), config).unwrap();
    countersign(dir, &["init", "--config", "c.toml", "--tenant", "main"]);
    for (name, profile, more) in tenants {
        apply(dir, &format!("name = '{name}'\nprofile = '{profile}'\n{more}"));
    }
}

fn apply(dir: &Path, tenant: &str) {
    std::fs::write(dir.join("tenant.toml"), tenant).unwrap();
    countersign(dir, &["tenant", "apply", "tenant.toml", "--config", "c.toml"]);
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

/// Claims as they should be, valid for a minute, each with a `jti` of its own.
fn claims(client: &str, audience: &str) -> Value {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let jti = format!("{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    json!({ "iss": client, "sub": client, "aud": audience, "exp": now() + 60, "iat": now(), "jti": jti })
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

fn without(mut claims: Value, name: &str) -> Value {
    claims.as_object_mut().unwrap().remove(name);
    claims
}

fn endpoint(node: &Node, tenant: &str, endpoint: &str) -> String {
    format!("{}/idp/{tenant}/authn/{endpoint}", node.url)
}

/// A token request with nothing but the assertion.
fn token(node: &Node, tenant: &str, assertion: &str) -> Said {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", TYPE),
        ("client_assertion", assertion),
    ];
    http().post(endpoint(node, tenant, "token")).form(&form).said()
}

/// Refused as any proof that is none.
#[track_caller]
fn refused(said: &Said) {
    assert_eq!(said.error(), (401, "invalid_client".to_owned()), "{}", said.text);
    assert!(!said.header("www-authenticate").is_empty());
    assert!(!said.text.contains("access_token"));
}
