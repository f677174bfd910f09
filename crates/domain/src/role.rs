//! Predefined, immutable roles and the function sets they contain (CONTRACT 8).

use serde::{Deserialize, Serialize};

/// A permission (function set). Names other than these are carried but grant nothing yet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Permission(String);

impl Permission {
    /// May introspect every token of the tenant (DECISIONS 5.2).
    pub const INTROSPECT: &'static str = "introspect";
    /// May register clients, and change and remove what was registered (CONTRACT 4.16).
    pub const REGISTER_CLIENTS: &'static str = "register_clients";
    /// May read and replace what the vendor calls customizations, such as the truststore (CONTRACT 2.1, 5.1).
    pub const CUSTOMIZE: &'static str = "customize";

    /// Names a permission.
    pub fn new(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The permissions that a role contains; none for a role that is not predefined.
pub fn permissions_of(role: &str) -> &'static [&'static str] {
    match role {
        "RL_CLIENTIDM2M" => &[Permission::INTROSPECT, "FS_APIOTP", "FS_TSDUP"],
        "RL_ORGADMIN" => &[Permission::INTROSPECT, Permission::REGISTER_CLIENTS, Permission::CUSTOMIZE],
        _ => &[],
    }
}
