//! What is asked of whom.

use serde_json::Value;

use crate::credentials::Credentials;
use crate::failure::{Failure, Result};
use crate::load::assertion::{Alg, Asserter};
use crate::load::connection::{basic, request};
use crate::load::proof::Prover;
use crate::load::{self, Script, Target};
use crate::serving::Server;

/// Keep-alive connections of every run.
const CONNECTIONS: usize = 32;

const BANK: &str = "/idp/ONLINEBANK/authn";
const OWN: &str = "/idp/bench/authn";
/// What an installation is called.
const PUBLIC: &str = "http://127.0.0.1:18080";
const ACME: &str = "/idp/acme/authn";
const PASSWORD: &str = "grant_type=password&username=bob&password=correct-horse-battery-staple&scope=";
const MACHINE: &str = "grant_type=client_credentials";

/// Whose answers are counted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Host {
    /// The floor.
    Floor,
    /// Countersign.
    Countersign,
    /// `oidc-provider`.
    OidcProvider,
}

impl Host {
    /// Its name in tables and in JSON.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Countersign => "countersign",
            Self::OidcProvider => "oidc-provider",
        }
    }
}

/// One kind of request.
pub(crate) struct Case {
    /// Its name; the same for the same work, whoever does it.
    pub(crate) name: &'static str,
    /// Who answers.
    pub(crate) host: Host,
    /// What the server's metrics call it.
    pub(crate) route: &'static str,
    prepare: fn(&Server, usize) -> Result<Vec<Script>>,
}

impl Case {
    /// A script for each connection, of which one run of at most so many requests over all connections is made. Tokens
    /// that it needs are fetched from the server; what takes long to make is made now.
    ///
    /// # Errors
    /// When the server does not give them.
    pub(crate) fn scripts(&self, server: &Server, requests: usize) -> Result<Vec<Script>> {
        (self.prepare)(server, requests.saturating_add(CONNECTIONS))
    }

    /// Where its requests go.
    ///
    /// # Errors
    /// When there is no such listener.
    pub(crate) fn target(&self, server: &Server) -> Result<Target> {
        let shows_certificate = match self.name {
            "server_tls" => false,
            "mtls" => true,
            _ => return Ok(server.address.into()),
        };
        // In the order of the configuration.
        let listener = server.tls.get(usize::from(shows_certificate));
        let address = *listener.ok_or_else(|| Failure::new("the server has no such listener"))?;
        Ok(Target { address, tls: Some(Credentials::get()?.connector(shows_certificate)?) })
    }
}

const fn case(
    host: Host,
    name: &'static str,
    route: &'static str,
    prepare: fn(&Server, usize) -> Result<Vec<Script>>,
) -> Case {
    Case { name, host, route, prepare }
}

/// Every case, those of one kind of work side by side.
pub(crate) const CASES: [Case; 20] = [
    case(Host::Floor, "client_credentials", "", |_, _| Ok(same(&machine("/token")))),
    case(Host::Countersign, "client_credentials", "token", |_, _| {
        Ok(same(&machine(&format!("{BANK}/token"))))
    }),
    case(Host::OidcProvider, "client_credentials", "", |_, _| Ok(same(&peer("/token", MACHINE)))),
    case(Host::Floor, "introspect", "", |server, _| introspections(server, "/token", "/introspect")),
    case(Host::Countersign, "introspect", "introspect", |server, _| {
        introspections(server, &format!("{BANK}/token"), &format!("{BANK}/introspect"))
    }),
    case(Host::OidcProvider, "introspect", "", |server, _| {
        each(|| {
            let token = member(server, &peer("/token", MACHINE), "access_token")?;
            Ok(Script::Same(peer("/token/introspection", &format!("token={token}"))))
        })
    }),
    case(Host::Countersign, "refresh_token", "token", |server, _| {
        let line = format!("POST {ACME}/token");
        each(|| {
            let token = member(server, &password("profile%20offline_access"), "refresh_token")?;
            Ok(Script::refresh(&line, &legacy(), &token))
        })
    }),
    case(Host::OidcProvider, "refresh_token", "", |server, _| {
        each(|| {
            let token =
                member(server, &request("POST /bench/refresh-token", None, Some("")), "refresh_token")?;
            Ok(Script::refresh("POST /token", &basic("bench", "bench-secret"), &token))
        })
    }),
    case(Host::Countersign, "userinfo", "userinfo", |server, _| {
        let form =
            "grant_type=password&client_id=spl-app&username=alice&password=secret&scope=openid%20profile";
        let log_in = request(&format!("POST {BANK}/token"), None, Some(form));
        each(|| {
            let bearer = format!("Bearer {}", member(server, &log_in, "access_token")?);
            Ok(Script::Same(request(&format!("GET {BANK}/userinfo"), Some(&bearer), None)))
        })
    }),
    case(Host::Countersign, "password", "token", |_, _| Ok(same(&password("profile")))),
    case(Host::Countersign, "dpop", "token", |_, _| {
        let (line, url) = (format!("POST {OWN}/token"), format!("{PUBLIC}{OWN}/token"));
        each(|| Script::proof(Prover::new(&line, &url, &basic("dpop", "Quartz-Lantern-48"), MACHINE)?))
    }),
    case(Host::Countersign, "jwt_access_token", "token", |_, _| {
        Ok(same(&request(
            &format!("POST {OWN}/token"),
            Some(&basic("jwt", "Quartz-Lantern-48")),
            Some(MACHINE),
        )))
    }),
    case(Host::Countersign, "private_key_jwt RS256", "token", |_, requests| {
        assertions(Alg::RS256, "rs256", requests)
    }),
    case(Host::Countersign, "private_key_jwt ES256", "token", |_, requests| {
        assertions(Alg::ES256, "es256", requests)
    }),
    case(Host::Countersign, "server_tls", "token", |_, _| {
        Ok(tokens("bench", "lasting", "Quartz-Lantern-48"))
    }),
    case(Host::Countersign, "mtls", "token", |_, _| {
        let form = format!("{MACHINE}&client_id=mtls");
        Ok(same(&request(&format!("POST {OWN}/token"), None, Some(&form))))
    }),
    case(Host::Floor, "discovery", "", |_, _| Ok(same(&request("GET /document/discovery", None, None)))),
    case(Host::Countersign, "discovery", "discovery", |_, _| Ok(same(&document("discovery")))),
    case(Host::Floor, "jwks", "", |_, _| Ok(same(&request("GET /document/jwks", None, None)))),
    case(Host::Countersign, "jwks", "jwks", |_, _| Ok(same(&document("jwks")))),
];

/// Gives the floor the documents that Countersign answers.
///
/// # Errors
/// When either of them does not answer.
pub(crate) fn copy_documents(from: &Server, to: &Server) -> Result<()> {
    for name in ["discovery", "jwks"] {
        let text = String::from_utf8_lossy(&load::once(from.address, &document(name))?).into_owned();
        load::once(to.address, &request(&format!("PUT /document/{name}"), None, Some(&text)))?;
    }
    Ok(())
}

/// Scripts by which a client of a tenant gets itself tokens.
pub(crate) fn tokens(tenant: &str, client: &str, secret: &str) -> Vec<Script> {
    let line = format!("POST /idp/{tenant}/authn/token");
    same(&request(&line, Some(&basic(client, secret)), Some(MACHINE)))
}

/// The same with the client of the demo that is measured.
pub(crate) fn machine_tokens() -> Vec<Script> {
    tokens("ONLINEBANK", "spl-api", "password01")
}

fn document(name: &str) -> Vec<u8> {
    let path = if name == "discovery" { ".well-known/openid-configuration" } else { name };
    request(&format!("GET {BANK}/{path}"), None, None)
}

fn introspections(server: &Server, token_path: &str, path: &str) -> Result<Vec<Script>> {
    each(|| {
        let token = member(server, &machine(token_path), "access_token")?;
        let form = format!("token={token}");
        Ok(Script::Same(request(&format!("POST {path}"), Some(&spl_api()), Some(&form))))
    })
}

fn assertions(alg: Alg, client: &'static str, requests: usize) -> Result<Vec<Script>> {
    let asserter =
        Asserter::prepare(alg, client, &format!("POST {OWN}/token"), &format!("{PUBLIC}{OWN}"), requests)?;
    // Each connection holds its next request.
    each(|| Script::assertion(&asserter))
}

fn same(request: &[u8]) -> Vec<Script> {
    (0..CONNECTIONS).map(|_| Script::Same(request.to_vec())).collect()
}

fn each(script: impl FnMut() -> Result<Script>) -> Result<Vec<Script>> {
    std::iter::repeat_with(script).take(CONNECTIONS).collect()
}

fn machine(path: &str) -> Vec<u8> {
    request(&format!("POST {path}"), Some(&spl_api()), Some(MACHINE))
}

fn password(scope: &str) -> Vec<u8> {
    request(&format!("POST {ACME}/token"), Some(&legacy()), Some(&format!("{PASSWORD}{scope}")))
}

fn peer(path: &str, form: &str) -> Vec<u8> {
    request(&format!("POST {path}"), Some(&basic("bench", "bench-secret")), Some(form))
}

fn spl_api() -> String {
    basic("spl-api", "password01")
}

fn legacy() -> String {
    basic("acme-legacy", "acme-legacy-secret-51ce9a07d3b84f26")
}

/// A member of the JSON that a request is answered with.
fn member(server: &Server, request: &[u8], name: &str) -> Result<String> {
    let answer: Value = serde_json::from_slice(&load::once(server.address, request)?)?;
    let text = answer.get(name).and_then(Value::as_str);
    text.map(str::to_owned).ok_or_else(|| Failure::new(format!("an answer without {name}")))
}
