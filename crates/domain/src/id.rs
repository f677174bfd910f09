//! Names of things. Each is a type of its own, so that one cannot stand where another belongs.

use serde::{Deserialize, Serialize};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $max:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Parses outside text. `None` when it is empty, too long, or holds control characters.
            pub fn parse(text: &str) -> Option<Self> {
                let fits = !text.is_empty() && text.len() <= $max && !text.chars().any(char::is_control);
                fits.then(|| Self(text.to_owned()))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;
            fn try_from(text: String) -> Result<Self, String> {
                Self::parse(&text).ok_or_else(|| format!(concat!("not a ", stringify!($name), ": {:?}"), text))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(/** A `client_id` (RFC 6749 §2.2): 1 to 255 bytes. */ ClientId, 255);
text_id!(/** A user's stable opaque subject identifier: 1 to 255 bytes (OpenID Connect Core §2). */ SubjectId, 255);
text_id!(/** An authentication policy's code such as `AT_CUSTPW`: 1 to 64 bytes (CONTRACT 7.1). */ PolicyCode, 64);
text_id!(/** A channel's code such as `CH_EXTRAPP`: 1 to 64 bytes (CONTRACT 7.4). */ ChannelCode, 64);
text_id!(/** What `X-Correlation-ID` carries, and log and audit repeat: 1 to 128 bytes. */ RequestId, 128);

/// A tenant's name as it stands in URLs: `[A-Za-z0-9_-]{1,64}`, case-sensitive (DECISIONS 1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TenantName(String);

impl TenantName {
    /// Parses a path segment; `None` when it has another form.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        fits.then(|| Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for TenantName {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("not a tenant name ([A-Za-z0-9_-]{{1,64}}): {text:?}"))
    }
}

impl From<TenantName> for String {
    fn from(name: TenantName) -> Self {
        name.0
    }
}

impl std::fmt::Display for TenantName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The key of a tenant in storage. It cannot be made from outside text; a tenant is resolved by name once per
/// request and its id travels from there.
///
/// ```compile_fail
/// let id: domain::TenantId = "5".into();
/// ```
/// ```compile_fail
/// let id = domain::TenantId::default();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(i64);

impl TenantId {
    /// Names a tenant by a stored number. Only storage and testkit may: `clippy.toml` bans it elsewhere.
    pub const fn assume(number: i64) -> Self {
        Self(number)
    }

    /// The stored number.
    pub const fn number(self) -> i64 {
        self.0
    }
}

/// A user's internal id: a positive decimal number, text on the wire (CONTRACT 11.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserId(i64);

impl UserId {
    /// From a stored number.
    pub const fn new(number: i64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn number(self) -> i64 {
        self.0
    }
}

impl std::fmt::Display for UserId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}
