//! Proof, as a type, that a client has authenticated.

use std::sync::Arc;

use crate::{AuthMethod, Client, PolicyCode};

/// A client that has proved itself as its registration demands. Grants take it by reference, so that a path
/// without client authentication does not compile.
#[derive(Clone, Debug)]
pub struct AuthenticatedClient {
    client: Arc<Client>,
    method: Option<AuthMethod>,
}

impl AuthenticatedClient {
    /// States that `client` has authenticated by `method` (`None`: by its own bearer). Only `client-auth` may:
    /// `clippy.toml` bans it elsewhere.
    pub const fn attest(client: Arc<Client>, method: Option<AuthMethod>) -> Self {
        Self { client, method }
    }

    /// The client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Whether it only named itself: a public client proves nothing (RFC 6749 §2.1).
    pub fn is_public(&self) -> bool {
        self.method == Some(AuthMethod::None)
    }

    /// Whether it proved itself by `method`.
    pub fn is_by(&self, method: AuthMethod) -> bool {
        self.method == Some(method)
    }

    /// The policy of what its proof opens: that of its keys where it proved itself by one and has such a policy, else
    /// that of its secret (CONTRACT 4.16).
    pub fn policy_code(&self) -> &PolicyCode {
        let by_key = self.method.is_some_and(AuthMethod::is_by_key);
        let of_keys = self.client.client_pki_policy.as_ref().filter(|_| by_key);
        of_keys.unwrap_or(&self.client.client_pwd_policy)
    }

    /// What to call the way it authenticated in log and audit.
    pub fn method_name(&self) -> &'static str {
        self.method.map_or("bearer", AuthMethod::as_str)
    }
}
