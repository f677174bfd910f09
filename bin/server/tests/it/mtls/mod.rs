//! Certificates on the connection: listeners, `tls_client_auth` (RFC 8705 §2.1), and what must not get through.

mod administrators;
mod authentication;
mod demo;
mod foreign;
mod http2;
mod keystores;
mod listener;
mod pki;
mod registered;
mod resumption;
mod revocation;
mod seeds;

use std::{net::SocketAddr, path::Path};

use countersign_server::config::{AskFor, RawConfig, TlsSection};
use domain::AltName;
use jose::pki::{Issued, Purpose};

use crate::support::{
    in_process::Server,
    raw::Answer,
    tls::{Caller, NOW, authority, dated, issued, post},
};

const TOKEN: &str = "/idp/t/authn/token";

/// A tenant with a truststore, and clients told by a name of each kind.
fn tenant(truststore: &str) -> String {
    let client = |id: &str, name: &str| {
        format!(
            "[[clients]]\nclient_id = \"{id}\"\nauth_methods = [\"tls_client_auth\"]\ngrant_types = [\"client_credentials\"]\n{name}\n\n"
        )
    };
    let mut text = format!(
        "name = \"t\"\nprofile = \"openid\"\n\n[settings]\nmtls_truststore = '''\n{truststore}'''\n\n"
    );
    text += &client("client1", "tls_client_auth_subject_dn = \"CN=client1,O=Bank,C=NO\"");
    text += &client("client2", "tls_client_auth_subject_dn = \"CN=client2,O=Bank,C=NO\"");
    text += &client("by-dns", "tls_client_auth_san_dns = \"client.bank.example\"");
    text += &client("by-uri", "tls_client_auth_san_uri = \"urn:bank:client\"");
    text += &client("by-ip", "tls_client_auth_san_ip = \"192.0.2.7\"");
    text += &client("by-email", "tls_client_auth_san_email = \"ops@bank.example\"");
    text += "[[clients]]\nclient_id = \"by-secret\"\nauth_methods = [\"client_secret_basic\"]\nclient_secret = \"Correct-Horse-9-Battery\"\ngrant_types = [\"client_credentials\"]\n\n";
    text += "[[clients]]\nclient_id = \"app\"\nauth_methods = [\"none\"]\n\n";
    text
}

/// A server with a TLS listener that asks, over an authority of the tests.
struct Bank {
    server: Server,
    ca: Issued,
    address: SocketAddr,
    files: tempfile::TempDir,
}

impl Bank {
    fn start() -> Self {
        Self::start_with(AskFor::Ask, |_raw| {})
    }

    /// Over a tenant of its own, made for the authority.
    fn start_over(ask: AskFor, tenant: impl FnOnce(&Issued) -> String) -> Self {
        Self::made(ask, tenant, |_raw| {})
    }

    fn start_with(ask: AskFor, change: impl FnOnce(&mut RawConfig)) -> Self {
        Self::made(ask, |ca| tenant(&ca.certificate_pem().unwrap()), change)
    }

    fn made(
        ask: AskFor,
        tenant: impl FnOnce(&Issued) -> String,
        change: impl FnOnce(&mut RawConfig),
    ) -> Self {
        let ca = authority("Test CA");
        let files = tempfile::tempdir().unwrap();
        let section = section(files.path(), ask, &server_certificate(&ca));
        let server = Server::start_with(&[&tenant(&ca)], |raw| {
            raw.tls = vec![section];
            change(raw);
        });
        Self { address: server.tls[0], server, ca, files }
    }

    fn client(&self, name: &str) -> Issued {
        issued(&[("C", "NO"), ("O", "Bank"), ("CN", name)], Purpose::Client, Some(&self.ca))
    }

    /// What a caller is told that asks for a token as `client`.
    fn ask(&self, caller: Caller<'_>, client: &str) -> Answer {
        let form = format!("grant_type=client_credentials&client_id={client}");
        post(&mut caller.connect(self.address), ("localhost", TOKEN), "", &form)
    }

    /// What the holder of a certificate is told.
    fn with(&self, certificate: &Issued, client: &str) -> Answer {
        self.ask(Caller { certificate: Some(certificate), ..Caller::default() }, client)
    }

    /// Why clients were refused, says the audit log.
    fn audited(&self) -> Vec<String> {
        let rows = self.server.store("t").audit(&storage::AuditFilter::default()).unwrap();
        let refused = rows.into_iter().filter(|row| row.kind == "client_authentication");
        refused.map(|row| row.reason).collect()
    }
}

pub(crate) fn server_certificate(ca: &Issued) -> Issued {
    let names = [AltName::Dns("localhost".to_owned()), AltName::Ip([127, 0, 0, 1].into())];
    let decade = domain::Ttl::from_days(3650);
    dated(&[("CN", "localhost")], Purpose::Server, Some(ca), (NOW.minus(decade), NOW.plus(decade)), &names)
}

/// Writes certificate and key, and names them.
pub(crate) fn section(dir: &Path, ask: AskFor, server: &Issued) -> TlsSection {
    let (certificate, private_key) = (dir.join("server.pem"), dir.join("server.key"));
    std::fs::write(&certificate, server.certificate_pem().unwrap()).unwrap();
    std::fs::write(&private_key, server.key_pem().unwrap().expose()).unwrap();
    let mtls_host = (ask == AskFor::BySni).then(|| "mtls.id.example".to_owned());
    TlsSection {
        listen: "127.0.0.1:0".to_owned(),
        certificate,
        private_key,
        client_certificates: ask,
        mtls_host,
        http2: true,
    }
}
