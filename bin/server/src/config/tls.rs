//! `[[tls]]`: public listeners that speak TLS themselves.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// Whom a TLS listener asks for a certificate. It never demands one: who shows none may prove itself otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AskFor {
    /// Nobody.
    #[default]
    Never,
    /// Everyone.
    Ask,
    /// Those who connect to `mtls_host`, so that browsers on other names are not prompted.
    BySni,
}

/// One of `[[tls]]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsSection {
    /// Address and port; port 0 picks a free one.
    pub listen: String,
    /// File with the certificate and what leads to its root, PEM, the server's own first. Read again when it changes.
    pub certificate: PathBuf,
    /// File with its private key, PEM, not encrypted.
    pub private_key: PathBuf,
    /// Whom it asks for a certificate.
    #[serde(default)]
    pub client_certificates: AskFor,
    /// The host name on which certificates are asked for; with `by-sni` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtls_host: Option<String>,
    /// Whether HTTP/2 is offered besides HTTP/1.1.
    #[serde(default = "yes")]
    pub http2: bool,
}

const fn yes() -> bool {
    true
}

impl Default for TlsSection {
    fn default() -> Self {
        Self {
            listen: String::new(),
            certificate: PathBuf::new(),
            private_key: PathBuf::new(),
            client_certificates: AskFor::default(),
            mtls_host: None,
            http2: yes(),
        }
    }
}

impl TlsSection {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        super::server::listen_address("tls[].listen", &self.listen)?;
        let named = self.mtls_host.as_deref();
        if named.is_some() != (self.client_certificates == AskFor::BySni) {
            let problem = "belongs to client_certificates = \"by-sni\", and is required there";
            return Err(ConfigError::value("tls[].mtls_host", problem));
        }
        if named.is_some_and(|name| !is_host_name(name)) {
            return Err(ConfigError::value("tls[].mtls_host", "must be a host name such as mtls.id.example"));
        }
        Ok(())
    }
}

fn is_host_name(name: &str) -> bool {
    let label = |label: &str| {
        let characters = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        characters && (1..=63).contains(&label.len())
    };
    name.len() <= 253 && name.split('.').all(label)
}
