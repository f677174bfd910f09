//! Tokens that only their sender can use (RFC 8705 §3, RFC 9449), and access tokens as JWTs (RFC 9068).

mod administrators;
mod attacks;
mod certificate;
mod dpop;
mod jwt;
pub(crate) mod key;
mod nodes;
mod openid_client;
mod resources;

use std::path::Path;

use reqwest::blocking::RequestBuilder;
use serde_json::Value;
use tempfile::TempDir;

use super::support::{
    Ask as _, Said, http,
    serve::{Node, countersign},
};
use key::Key;

/// What the world calls the server: never what it listens on.
pub(crate) const ISSUER: &str = "https://id.example/idp/acme/authn";

pub(crate) const TENANT: &str = include_str!("bound.toml");

/// The real binary over a file of its own.
pub(crate) struct Rig {
    pub(crate) node: Node,
    pub(crate) dir: TempDir,
}

impl Rig {
    pub(crate) fn start() -> Self {
        Self::start_with(TENANT)
    }

    pub(crate) fn start_with(tenant: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\npublic_url = \"https://id.example\"\n\
             [management]\nlisten = \"127.0.0.1:0\"\n\
             [database]\nurl = \"sqlite:{}\"\ncommit_timeout_ms = 10000\n\
             [security]\nmaster_key = \"{}\"\n[security.argon2]\nmemory_kib = 512\niterations = 1\n",
            dir.path().join("test.sqlite3").display(),
            "ab".repeat(32)
        );
        std::fs::write(dir.path().join("c.toml"), config).unwrap();
        countersign(dir.path(), &["init", "--config", "c.toml", "--tenant", "main"]);
        let rig = Self { node: Node::start(dir.path(), "c.toml"), dir };
        rig.apply(tenant);
        rig
    }

    /// Makes the tenant what the text says.
    pub(crate) fn apply(&self, tenant: &str) {
        apply(self.dir.path(), tenant);
    }
}

pub(crate) fn apply(dir: &Path, tenant: &str) {
    std::fs::write(dir.join("acme.toml"), tenant).unwrap();
    countersign(dir, &["tenant", "apply", "acme.toml", "--config", "c.toml"]);
}

/// The URL of an endpoint as the world has it.
pub(crate) fn url(endpoint: &str) -> String {
    format!("{ISSUER}/{endpoint}")
}

/// A token request of a client of the test's tenant; `spa` names itself only.
pub(crate) fn ask(node: &Node, client: &str, form: &[(&str, &str)]) -> RequestBuilder {
    let request = http().post(node.acme("token"));
    if client == "spa" {
        let form: Vec<_> = form.iter().copied().chain([("client_id", "spa")]).collect();
        return request.form(&form);
    }
    let secret = if client == "acme-m2m" {
        "acme-m2m-secret-0b7c41d2f98e4a63".to_owned()
    } else {
        format!("6f1d0c9be2a74e58-{client}")
    };
    request.basic_auth(client, Some(secret)).form(form)
}

pub(crate) const MACHINE: &[(&str, &str)] = &[("grant_type", "client_credentials")];

pub(crate) const BOB: &[(&str, &str)] = &[
    ("grant_type", "password"),
    ("username", "bob"),
    ("password", "correct-horse-battery-staple"),
    ("scope", "openid profile offline_access"),
];

/// Asks for tokens with a proof made for it.
pub(crate) fn bound(node: &Node, client: &str, form: &[(&str, &str)], key: &Key) -> Value {
    ask(node, client, form).header("DPoP", key.proof("POST", &url("token")).text()).json_ok()
}

pub(crate) fn access(answer: &Value) -> &str {
    answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

/// What introspection says of a token.
pub(crate) fn introspected(node: &Node, token: &str) -> Value {
    http()
        .post(node.acme("introspect"))
        .basic_auth("acme-m2m", Some("acme-m2m-secret-0b7c41d2f98e4a63"))
        .form(&[("token", token)])
        .json_ok()
}

/// Userinfo with whatever scheme and proof.
pub(crate) fn userinfo(node: &Node, scheme: &str, token: &str, proof: Option<String>) -> Said {
    let request = http().get(node.acme("userinfo")).header("Authorization", format!("{scheme} {token}"));
    match proof {
        Some(proof) => request.header("DPoP", proof).said(),
        None => request.said(),
    }
}

/// Userinfo as it should be done.
pub(crate) fn userinfo_with(node: &Node, token: &str, key: &Key) -> Said {
    userinfo(node, "DPoP", token, Some(key.proof("GET", &url("userinfo")).ath(token).text()))
}
