//! Who calls, and with what.

use domain::{
    AuthMethod, AuthenticatedClient, Client, ClientId, ClientSecrets, Locator, PresentedToken, Secret,
    TokenKind, token_text,
};

/// How a client proves itself.
#[derive(Clone)]
pub(crate) enum Proof {
    Secret(AuthMethod, String),
    Public,
}

/// A client as the administrator registered it.
pub(crate) struct Party {
    pub(crate) id: ClientId,
    pub(crate) client: Client,
    pub(crate) secrets: ClientSecrets,
    pub(crate) proof: Proof,
}

/// What a request presents for the client.
pub(crate) enum Credentials {
    /// Its own proof, right or with another secret.
    Own { right: bool },
    /// An access token of its own (DECISIONS 5.4).
    Bearer(String),
}

impl Party {
    pub(crate) fn presented(&self, with: &Credentials) -> client_auth::Presented {
        match (with, &self.proof) {
            (Credentials::Bearer(text), _) => client_auth::Presented::Bearer {
                token: token_text::parse(TokenKind::Access, text),
                client_id: None,
            },
            (Credentials::Own { .. }, Proof::Public) => {
                client_auth::Presented::Public { client_id: self.id.clone() }
            }
            (Credentials::Own { right }, Proof::Secret(method, secret)) => client_auth::Presented::Secret {
                method: *method,
                client_id: self.id.clone(),
                secret: Secret::new(if *right { secret.clone() } else { "something else".to_owned() }),
            },
        }
    }
}

/// A token that was made at some time; whether its client was told of it, crashes decide.
#[derive(Clone)]
pub(crate) struct Known {
    pub(crate) kind: TokenKind,
    pub(crate) text: String,
    pub(crate) locator: Locator,
    pub(crate) party: usize,
    /// The client as it was when it asked.
    pub(crate) owner: AuthenticatedClient,
}

impl Known {
    pub(crate) fn presented(&self) -> PresentedToken {
        token_text::parse(self.kind, &self.text).unwrap()
    }
}

/// Names a token, a session or a family in the trace.
pub(crate) fn name(locator: &Locator) -> String {
    let [.., a, b, c] = locator.as_bytes();
    format!("{a:02x}{b:02x}{c:02x}")
}
