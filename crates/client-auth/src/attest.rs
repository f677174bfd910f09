//! The one place that says a client has proved itself.

use std::sync::Arc;

use domain::{AuthMethod, AuthenticatedClient, Client};

/// States that `client` has proved itself by `method` (`None`: by its own bearer).
#[expect(
    clippy::disallowed_methods,
    reason = "this crate is where proof is judged; every path to it ends here"
)]
pub(crate) fn attest(client: &Arc<Client>, method: Option<AuthMethod>) -> AuthenticatedClient {
    AuthenticatedClient::attest(Arc::clone(client), method)
}
